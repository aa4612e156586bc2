"""Admins and groups of the file, brought into the hub's database, and taken out again.

JupyterHub only ever adds. What the file granted is written down, so that what it no longer grants
can be taken back, also when the file was changed while the hub was away. What an administrator
granted by the hub's own pages stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub import orm, roles

from jupyterhub_anywhere.hub.files import read_json, write_json
from jupyterhub_anywhere.hub.sessions import end_sessions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session


def apply_declared(
    db: Session,
    record: Path,
    *,
    users: Collection[str] = (),
    admins: Collection[str] = (),
    groups: Mapping[str, Collection[str]],
) -> None:
    """Grant what is declared, and take back what was declared before and is no longer.

    Args:
        db: The hub's session; committed here.
        record: The file that says what was granted by declaration.
        users: Names that may log in, in their stored form: an admin can start servers for them.
        admins: Names in their stored form.
        groups: Group name to its members, in their stored form.
    """
    before = read_json(record)
    for name in users:
        _user(db, name)
    _apply_admins(db, set(_texts(before.get("admins"))), set(admins))
    old_groups = before.get("groups")
    _apply_groups(db, old_groups if isinstance(old_groups, dict) else {}, groups)
    db.commit()
    granted = {name: sorted(members) for name, members in groups.items()}
    now = {"admins": sorted(admins), "groups": granted}
    if now != before:
        write_json(record, now)


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _apply_admins(db: Session, before: set[str], now: set[str]) -> None:
    role = orm.Role.find(db, "admin")
    for name in before - now:
        user = orm.User.find(db, name)
        if user is not None:
            user.admin = False
            if role is not None and role in user.roles:
                roles.strip_role(db, user, role)
    for name in now:
        user = _user(db, name)
        if name not in before:
            # Whoever came in under that name before, perhaps by a password that all users share.
            end_sessions(user)
        user.admin = True
        if role is not None and role not in user.roles:
            roles.grant_role(db, user, role)


def _apply_groups(
    db: Session, before: Mapping[str, Any], now: Mapping[str, Collection[str]]
) -> None:
    for name in {*before, *now}:
        group = orm.Group.find(db, name)
        if group is None:
            if name not in now:
                continue
            group = orm.Group(name=name)
            db.add(group)
        members = set(now.get(name, ()))
        for user in list(group.users):
            if user.name in set(_texts(before.get(name))) - members:
                group.users.remove(user)
        for member in members:
            user = _user(db, member)
            if user not in group.users:
                group.users.append(user)
        if name not in now and not group.users:
            db.delete(group)


def _user(db: Session, name: str) -> Any:
    user = orm.User.find(db, name)
    if user is None:
        user = orm.User(name=name)
        db.add(user)
        roles.assign_default_roles(db, entity=user)
    return user
