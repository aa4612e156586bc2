"""From an empty database, or an older ledger, to the tables of now.

A ledger of an older version is copied first: SQLite's file beside it, PostgreSQL's tables in the
same transaction. The change itself is one transaction. Whoever is killed at any point leaves the
old ledger or the new one, and the next who opens it goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, func, insert, inspect, select, text, update

from jupyterhub_anywhere.ledger import copies
from jupyterhub_anywhere.ledger.errors import RESTORE, LedgerError
from jupyterhub_anywhere.ledger.schema import hubs, meta, metadata

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.ledger.database import Database

Migration = Callable[[Connection], None]

_PREFIX: Final = "anywhere_"
_VERSION: Final = "version"
# PostgreSQL's lock of this transaction: any number that nobody else uses.
_LOCK: Final = 0x616E7977


def make_tables(connection: Connection) -> None:
    """Version 1. When the tables change, this keeps its own description of their first form."""
    metadata.create_all(connection)


# The one at index N leads from version N to version N + 1; an empty database has version 0.
MIGRATIONS: Final[Sequence[Migration]] = (make_tables,)


@dataclass(frozen=True, slots=True)
class Birth:
    """What is known of a hub's ledger when it is opened.

    Attributes:
        at: When it was made.
        fresh: Whether nothing was ever written to it.
    """

    at: datetime
    fresh: bool


def prepare(
    database: Database,
    hub: str,
    now: datetime,
    *,
    migrations: Sequence[Migration] = MIGRATIONS,
    make_copy: Callable[..., object] = copies.make_copy,
) -> Birth:
    """Bring the tables up to date and see to it that the hub has its row.

    Args:
        database: Where.
        hub: The hub's id.
        now: The time.
        migrations: All of them, in order.
        make_copy: Copies the file of an older ledger.

    Raises:
        LedgerError: It is damaged, of a newer version, another hub's, no ledger at all, or cannot
            be read or written.
    """
    with database.alone():
        _check_health(database)
        with database.read() as connection:
            found = _version(connection, database, len(migrations))
        if database.file is not None:
            if 0 < found < len(migrations):
                make_copy(database.file, found, now)
            elif found == 0:
                database.use_wal()
        with database.write(rebuild=found < len(migrations)) as connection:
            _migrate(connection, database, migrations)
            birth = _birth(connection, database, hub) or _give_birth(connection, hub, now)
            # Something is written in any case: a full or read-only disk shows itself here.
            connection.execute(update(hubs).where(hubs.c.hub == hub).values(opened=now))
    database.started()
    return birth


def look(database: Database, hub: str, *, version: int = len(MIGRATIONS)) -> Birth:
    """What is known of a hub's ledger that exists; nothing is changed.

    Raises:
        LedgerError: As `prepare`; or the hub has none yet, or it is of an older version.
    """
    with database.read() as connection:
        found = _version(connection, database, version)
        if 0 < found < version:
            raise LedgerError(
                f"The ledger {database.place} is of an older version (schema {found}).",
                hint="The hub brings it up to date when it starts: `anywhere up`.",
            )
        birth = _birth(connection, database, hub) if found else None
    if birth is None:
        raise LedgerError(
            f"Hub {hub} has no ledger at {database.place} yet.",
            hint="The hub makes it when it starts: `anywhere up`.",
        )
    database.started()
    return birth


def _check_health(database: Database) -> None:
    """Let a damaged file be noticed before anybody relies on what it says.

    Raises:
        LedgerError: It is damaged.
    """
    if database.file is None:
        return
    # Not the integrity check, which compares each index as well: with 90,000 leases it takes five
    # times as long, 3.1 s for 0.6 s, and a hub's start waits for it.
    with database.read() as connection:
        verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if verdict != "ok":
        raise LedgerError(f"The ledger {database.place} is damaged: {verdict}.", hint=RESTORE)


def _version(connection: Connection, database: Database, latest: int) -> int:
    """The version of the tables; 0 where there are none.

    Raises:
        LedgerError: It is newer than ``latest``, cannot be understood, or this is no ledger.
    """
    names = inspect(connection).get_table_names()
    if meta.name not in names:
        # A hub's own database may be the ledger's as well, but no file of somebody else's.
        if any(database.sqlite or name.startswith(_PREFIX) for name in names):
            raise LedgerError(
                f"The database {database.place} is no ledger, or is damaged.",
                hint=f"Name another with hub.ledger.url. {RESTORE}",
            )
        return 0
    value = connection.execute(select(meta.c.value).where(meta.c.key == _VERSION)).scalar()
    if value is None or not value.isdecimal():
        raise LedgerError(f"The ledger {database.place} names no version.", hint=RESTORE)
    if int(value) > latest:
        raise LedgerError(
            f"The ledger {database.place} was written by a newer version of this program"
            f" (schema {value}, known up to {latest}).",
            hint=f"Install the newer version again. {RESTORE}",
        )
    return int(value)


def _migrate(connection: Connection, database: Database, migrations: Sequence[Migration]) -> None:
    """Run what is missing; somebody else may have been quicker."""
    if not database.sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = _version(connection, database, len(migrations))
    if found == len(migrations):
        return
    if found and not database.sqlite:
        _copy_tables(connection, found)
    for migration in migrations[found:]:
        migration(connection)
    if found:
        connection.execute(
            update(meta).where(meta.c.key == _VERSION).values(value=str(len(migrations)))
        )
    else:
        connection.execute(insert(meta).values(key=_VERSION, value=str(len(migrations))))
    if database.sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise LedgerError(
            f"The ledger {database.place} cannot be brought up to date: rows would be lost.",
            hint="It is as it was. Please report this.",
        )


def _copy_tables(connection: Connection, version: int) -> None:
    """Copy PostgreSQL's tables; those of an earlier try of this version are replaced."""
    quote = connection.dialect.identifier_preparer.quote
    suffix = f"_v{version}"
    names = [name for name in inspect(connection).get_table_names() if name.startswith(_PREFIX)]
    for name in names:
        if name.rpartition("_v")[2].isdecimal():
            continue
        connection.execute(text(f"DROP TABLE IF EXISTS {quote(name + suffix)}"))
        connection.execute(text(f"CREATE TABLE {quote(name + suffix)} AS TABLE {quote(name)}"))


def _birth(connection: Connection, database: Database, hub: str) -> Birth | None:
    """The hub's row; None where it has none.

    Raises:
        LedgerError: A file of another hub.
    """
    rows = connection.execute(select(hubs.c.hub, hubs.c.born, hubs.c.written)).all()
    own = next((row for row in rows if row.hub == hub), None)
    if own is None and rows and database.sqlite:
        raise LedgerError(
            f"The ledger {database.place} is hub {rows[0].hub}'s, and this is hub {hub}.",
            hint="Give this hub its id back (hub.id), or name another ledger with hub.ledger.url.",
        )
    return Birth(own.born, fresh=not own.written) if own else None


def _give_birth(connection: Connection, hub: str, now: datetime) -> Birth:
    connection.execute(insert(hubs).values(hub=hub, born=now, opened=now, written=False))
    return Birth(now, fresh=True)
