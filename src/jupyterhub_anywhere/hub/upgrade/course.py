"""The course of an upgrade: what is found, what will be done, and doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.backup import installed
from jupyterhub_anywhere.hub.upgrade import effects, into, postgresql, snapshot, sqlite
from jupyterhub_anywhere.hub.upgrade.inuse import users_of
from jupyterhub_anywhere.hub.upgrade.look import look
from jupyterhub_anywhere.hub.upgrade.revisions import installed_history
from jupyterhub_anywhere.hub.upgrade.source import find
from jupyterhub_anywhere.ledger.url import ledger_file

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.hub.upgrade.look import Found
    from jupyterhub_anywhere.hub.upgrade.postgresql import Rights
    from jupyterhub_anywhere.hub.upgrade.source import Source


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for.

    Attributes:
        source: The database.
        into: The state folder to put it into; None to upgrade it where it is.
        secret: The cookie secret that was named.
        backed_up: Whether somebody says that there is a backup.
    """

    source: Source
    into: Path | None = None
    secret: Path | None = None
    backed_up: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        wish: What was asked for.
        found: What is in the database.
        facts: The same for people, name by name.
        steps: What will be done, in order; empty for nothing.
        changes: What an administrator has to know.
        users: Who uses the database now, in words.
        losses: Tables that JupyterHub's migrations empty or drop.
        rights: What may be done at a server of PostgreSQL.
        secret: The cookie secret that goes along.
    """

    wish: Wish
    found: Found
    facts: dict[str, str]
    steps: tuple[str, ...]
    changes: tuple[str, ...]
    users: str
    losses: frozenset[str]
    rights: Rights | None = None
    secret: into.Secret | None = None


def plan(wish: Wish) -> Plan:
    """Look, and say what will be done; nothing is changed.

    Raises:
        StateError: It cannot be done; with the way round.
    """
    source, history, hub = wish.source, installed_history(), installed("jupyterhub")
    found, rights, users = _look(wish)
    if (hindrance := effects.obstacle(found, history, source.place, hub)) is not None:
        raise hindrance
    secret = None
    if wish.into is not None and source.file is not None:
        into.check_free(StatePaths(wish.into.absolute()))
        secret = into.cookie_secret(wish.secret, source.file)
    changed = found.revision != history.head
    steps = _steps(wish, rights, secret, hub) if changed or wish.into is not None else ()
    way = effects.Way(
        into_state=wish.into is not None, cookies=secret is not None and bool(secret.text)
    )
    return Plan(
        wish,
        found,
        effects.facts(found, history, source.place),
        steps,
        tuple(effects.changes(found, history, way)) if steps else (),
        users,
        snapshot.expected_losses(history, found.revision),
        rights,
        secret,
    )


def _look(wish: Wish) -> tuple[Found, Rights | None, str]:
    """What is in it, what may be done to it, and who uses it."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    source = wish.source
    if source.file is not None:
        engine = create_engine(sqlite.read_only(source.file), poolclass=NullPool)
        with sqlite.told(source.file), engine.connect() as connection:
            found = look(connection, source.place)
        return found, None, ", ".join(users_of(source.file))
    if wish.into is not None:
        raise StateError(
            f"{source.place} cannot be put into a state folder, which keeps its database in a"
            " file.",
            hint="Upgrade it where it is, and name it in anywhere.yaml: hub.database.",
        )
    with postgresql.connected(source.url) as connection:
        found, rights = look(connection, source.place), postgresql.rights(connection)
        users = postgresql.users(connection)
    if not rights.copy and not wish.backed_up:
        raise postgresql.needs_backup(source.place, rights.why)
    return found, rights, users


def _steps(
    wish: Wish, rights: Rights | None, secret: into.Secret | None, hub: str
) -> tuple[str, ...]:
    run = f"Run JupyterHub {hub}'s own migrations on a copy."
    check = "Check that every row that was there is there, and that JupyterHub reads it."
    source = wish.source
    if wish.into is not None:
        along = f"the cookie secret of {secret.file}, " if secret and secret.text else ""
        return (run, check, f"Put {along}and the copy into {wish.into}; {source.place} stays.")
    if source.file is not None:
        backup = f"Back it up as {source.file.name}.before-upgrade-TIME beside it, mode 0600."
        return (run, check, backup, "Put the copy in its place, in one step.")
    if rights is not None and rights.copy:
        name = source.url.database
        swap = f"Rename {name} to {name}_before_upgrade_TIME, and the copy to {name}, in one step."
        return (run, check, swap)
    return (f"Run JupyterHub {hub}'s own migrations in place; you have a backup.", check)


def check_unused(plan: Plan) -> None:
    """See that nobody uses the database.

    Raises:
        StateError: Somebody does.
    """
    if plan.users:
        raise sqlite.in_use(plan.wish.source.place, plan.users)


def carry_out(plan: Plan) -> list[str]:
    """Do what was planned.

    Returns:
        What was done, one sentence each.

    Raises:
        StateError: It cannot be; the old database is as it was, unless it was upgraded in place.
    """
    wish, source = plan.wish, plan.wish.source
    if source.file is not None and wish.into is not None:
        paths = into.put_into(source.file, wish.into, plan.secret, plan.losses)
        return [f"{paths.database} is ready; {source.file} is as it was."]
    if source.file is not None:
        backup = sqlite.upgrade_file(source.file, plan.losses)
        return [f"{source.file} is upgraded.", f"What it was is in {backup}."]
    if plan.rights is not None and plan.rights.copy:
        aside = postgresql.upgrade_by_copy(source.url, source.place, plan.rights.owner, plan.losses)
        return [f"{source.place} is upgraded.", f"What it was is in the database {aside}."]
    postgresql.upgrade_in_place(source.url, source.place, plan.losses)
    return [f"{source.place} is upgraded."]


def bring_along(url: str) -> list[str]:
    """Upgrade the file of a hub that is about to start, where it has an older layout.

    What is no file, is new, or is of a layout that nobody knows is left to JupyterHub itself, which
    makes or refuses it.

    Returns:
        What was done, one sentence each; empty for nothing.

    Raises:
        StateError: It cannot be upgraded; it is as it was.
    """
    file = ledger_file(url)
    if file is None or not file.exists():
        return []
    history, mark = installed_history(), sqlite.mark_of(file)
    if not history.knows(mark) or mark == history.head:
        return []
    return carry_out(plan(Wish(find(str(file)))))
