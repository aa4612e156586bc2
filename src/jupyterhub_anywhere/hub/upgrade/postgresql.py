"""A database of PostgreSQL: a copy under another name is upgraded, then the two change names.

The old one stays, under a name that says so: it is the backup. Where the role may make no
database, or where the old one has rights and settings of its own, which a copy would not have, it
is upgraded in place, and only for somebody who says that there is a backup.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade import snapshot
from jupyterhub_anywhere.hub.upgrade.migrate import migrate
from jupyterhub_anywhere.hub.upgrade.sqlite import changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

# Where one is while databases change their names.
_MEETING: Final = "postgres"
# The longest name that PostgreSQL keeps, in bytes.
_LONGEST: Final = 63

_USERS: Final = """
    SELECT pid, coalesce(nullif(application_name, ''), usename, '?')
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_RIGHTS: Final = """
    SELECT r.rolcreatedb OR r.rolsuper AS may_make,
           pg_has_role(d.datdba, 'USAGE') AS owns,
           d.datacl IS NOT NULL
             OR EXISTS (SELECT 1 FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) AS special,
           pg_get_userbyid(d.datdba) AS owner
      FROM pg_database d, pg_roles r
     WHERE d.datname = current_database() AND r.rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done to a database.

    Attributes:
        copy: Whether it can be copied and renamed.
        why: Why not, as the end of a sentence.
        owner: Whose it is.
    """

    copy: bool
    why: str
    owner: str


@contextmanager
def connected(url: URL, database: str = "", *, alone: bool = False) -> Iterator[Connection]:
    """A connection.

    Args:
        url: The database.
        database: Another one of the same server.
        alone: Whether each statement is its own transaction.

    Raises:
        StateError: There is no way to it.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    wanted = url.set(database=database) if database else url
    options = {"isolation_level": "AUTOCOMMIT"} if alone else {}
    engine = create_engine(wanted, poolclass=NullPool, **options)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        place = wanted.set(query={}).render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        raise StateError(
            f"{place}: {reason}.",
            hint="See that the server runs, that name and password are right, and that the hub is"
            " stopped; nothing was changed.",
        ) from error


def rights(connection: Connection) -> Rights:
    """What may be done."""
    from sqlalchemy import text

    row = connection.execute(text(_RIGHTS)).one()
    why = ""
    if not row.may_make:
        why = "its role may not make databases"
    elif not row.owns:
        why = "it belongs to another role"
    elif row.special:
        why = "it has rights or settings of its own, which a copy would not have"
    return Rights(not why, why, row.owner)


def users(connection: Connection) -> str:
    """Who else is connected, in words; empty for nobody."""
    from sqlalchemy import text

    return ", ".join(f"{row[1]} (process {row[0]})" for row in connection.execute(text(_USERS)))


def needs_backup(place: str, why: str) -> StateError:
    """That it can only be upgraded in place."""
    return StateError(
        f"{place} cannot be copied by its server: {why}.",
        hint="Let the role make databases (ALTER ROLE … CREATEDB) until this is done. Or make a"
        " backup with pg_dump, and say so with --backed-up: then it is upgraded in place.",
    )


def upgrade_by_copy(url: URL, place: str, owner: str, losses: frozenset[str]) -> str:
    """Upgrade a copy, and let it change names with the old one.

    Returns:
        The name that the old database has now.

    Raises:
        StateError: It cannot be; the old database is as it was.
    """
    from sqlalchemy import text

    name = str(url.database)
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime())
    copy, aside = _named(name, f"_upgrading_{stamp}"), _named(name, f"_before_upgrade_{stamp}")
    with connected(url, _meeting(name), alone=True) as server:
        quoted = server.dialect.identifier_preparer.quote_identifier
        _drop_left(server, name)
        server.execute(
            text(f"CREATE DATABASE {quoted(copy)} TEMPLATE {quoted(name)} OWNER {quoted(owner)}")
        )
        try:
            migrate(url.set(database=copy), f"a copy of {place}")
            # Last: what a hub has written meanwhile shows here.
            _compare(url, copy, place, losses)
            _swap(url, name, copy, aside)
        except BaseException:
            server.execute(text(f"DROP DATABASE IF EXISTS {quoted(copy)}"))
            raise
    return aside


def _drop_left(server: Connection, name: str) -> None:
    """Drop the copies of upgrades that were killed; the server keeps one that is in use."""
    from sqlalchemy import text

    stem = re.escape(_named(name, "_upgrading_00000000_000000")[: -len("00000000_000000")])
    quoted = server.dialect.identifier_preparer.quote_identifier
    for (found,) in server.execute(text("SELECT datname FROM pg_database")).all():
        if re.fullmatch(rf"{stem}\d{{8}}_\d{{6}}", found):
            server.execute(text(f"DROP DATABASE {quoted(found)}"))


def _compare(url: URL, copy: str, place: str, losses: frozenset[str]) -> None:
    with connected(url) as old:
        before = snapshot.take(old)
    with connected(url, copy) as new:
        wrong = snapshot.differences(before, new, losses)
    if wrong:
        raise changed(place, wrong)


def _swap(url: URL, name: str, copy: str, aside: str) -> None:
    """Both renames in one transaction; refused by the server where anybody is connected."""
    from sqlalchemy import text

    with connected(url, _meeting(name)) as server:
        quoted = server.dialect.identifier_preparer.quote_identifier
        server.execute(text(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(aside)}"))
        server.execute(text(f"ALTER DATABASE {quoted(copy)} RENAME TO {quoted(name)}"))
        server.commit()


def upgrade_in_place(url: URL, place: str, losses: frozenset[str]) -> None:
    """Upgrade a database of which there is a backup.

    Raises:
        StateError: It failed: the backup has to be brought back.
    """
    with connected(url) as connection:
        before = snapshot.take(connection)
    try:
        migrate(url, place)
        with connected(url) as connection:
            wrong = snapshot.differences(before, connection, losses)
        if wrong:
            raise changed(place, wrong)
    except StateError as error:
        raise StateError(
            f"{error.message} It is half upgraded.", hint="Bring back your backup of it."
        ) from error


def _meeting(name: str) -> str:
    return "template1" if name == _MEETING else _MEETING


def _named(name: str, suffix: str) -> str:
    room = _LONGEST - len(suffix)
    return name.encode()[:room].decode(errors="ignore") + suffix
