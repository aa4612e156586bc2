"""Admins and groups of the file, in a database of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jupyterhub import orm, roles

from jupyterhub_anywhere.hub.membership import apply_declared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session


@pytest.fixture
def db() -> Iterator[Session]:
    session = orm.new_session_factory("sqlite:///:memory:")()
    for role in roles.get_default_roles():
        roles.create_role(session, role)
    yield session
    session.close()
    session.get_bind().dispose()


def names(group: orm.Group) -> set[str]:
    return {user.name for user in group.users}


def test_what_is_declared_is_there_and_what_is_no_longer_goes(db: Session, tmp_path: Path) -> None:
    record = tmp_path / "granted.json"
    apply_declared(db, record, users={"cyd"}, admins={"ann"}, groups={"gpu": {"ann", "ben"}})
    ann = orm.User.find(db, "ann")
    assert ann.admin
    assert {role.name for role in ann.roles} == {"user", "admin"}
    assert names(orm.Group.find(db, "gpu")) == {"ann", "ben"}
    assert orm.User.find(db, "cyd") is not None

    apply_declared(db, record, admins={"ben"}, groups={"gpu": {"ben"}})
    assert not ann.admin
    assert {role.name for role in ann.roles} == {"user"}
    assert orm.User.find(db, "ben").admin
    assert names(orm.Group.find(db, "gpu")) == {"ben"}

    apply_declared(db, record, groups={})
    assert orm.Group.find(db, "gpu") is None
    assert not orm.User.find(db, "ben").admin


def test_sessions_and_tokens_of_before_end_with_the_admin_that_is_new(
    db: Session, tmp_path: Path
) -> None:
    record = tmp_path / "granted.json"
    db.add(orm.OAuthClient(identifier="jupyterhub"))
    apply_declared(db, record, users={"ann", "cyd"}, admins={"ben"}, groups={})
    ann, ben, cyd = (orm.User.find(db, name) for name in ("ann", "ben", "cyd"))
    for user in (ann, ben, cyd):
        user.new_api_token(note="my script", scopes=["inherit"])
    ann.new_api_token(note="Server at /user/ann/", scopes=["access:servers!server=ann/"])
    ann.new_api_token(note="Server at /user/ann/", scopes=["inherit"])
    cookies = {user.name: user.cookie_id for user in (ann, ben, cyd)}

    apply_declared(db, record, admins={"ann", "ben"}, groups={})

    assert ann.cookie_id != cookies["ann"]
    assert [token.scopes for token in ann.api_tokens] == [["access:servers!server=ann/"]]
    for user in (ben, cyd):
        assert user.cookie_id == cookies[user.name]
        assert [token.note for token in user.api_tokens] == ["my script"]


def test_what_an_administrator_granted_stays(db: Session, tmp_path: Path) -> None:
    record = tmp_path / "granted.json"
    apply_declared(db, record, groups={"gpu": {"ann"}})
    own = orm.User(name="own", admin=True)
    db.add(own)
    group = orm.Group.find(db, "gpu")
    group.users.append(own)
    db.commit()

    apply_declared(db, record, groups={})

    assert own.admin
    assert names(orm.Group.find(db, "gpu")) == {"own"}


def test_a_broken_record_takes_nothing_back(db: Session, tmp_path: Path) -> None:
    record = tmp_path / "granted.json"
    apply_declared(db, record, admins={"ann"}, groups={"gpu": {"ann"}})
    record.write_text('{"admins": 3, "groups": ["x"]}')
    apply_declared(db, record, groups={})
    assert orm.User.find(db, "ann").admin
