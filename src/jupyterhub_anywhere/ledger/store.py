"""The ledger: leases that outlive the hub.

What `add`, `move` and `note` return is committed, to the disk. A failure to read raises; no answer
ever means "no leases" when the truth is "cannot tell".
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import bindparam, delete, func, insert, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import NullType

from jupyterhub_anywhere.ledger import migrations, rows
from jupyterhub_anywhere.ledger.database import Database
from jupyterhub_anywhere.ledger.errors import DuplicateError, LedgerError, StaleError
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.ports import PRUNED
from jupyterhub_anywhere.ledger.schema import events, hubs, leases, remarks
from jupyterhub_anywhere.ledger.states import Cause, IllegalTransitionError, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Select

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.event import Event
    from jupyterhub_anywhere.ledger.migrations import Migration

# What a change cannot touch: the lease's identity, and what the ledger itself counts.
_FIXED: Final = frozenset({"id", "hub", "server", "state", "steps", "cause", "version"})
_CHANGEABLE: Final = frozenset(field.name for field in fields(Lease)) - _FIXED
# What a change raises before it has written anything. After any other error it may have written a
# part, which SQLite would commit with the others.
_REFUSALS: Final = (StaleError, DuplicateError, IllegalTransitionError)
# Leases that one statement deletes: a writer never waits long.
_AT_A_TIME: Final = 500
# PostgreSQL's SQLSTATE of a value that exists already.
_UNIQUE: Final = "23505"
# Built once: building them takes longer than running them.
_INSERT: Final = insert(leases).returning(leases.c.number)
_SWAP: Final = (
    update(leases)
    .where(
        leases.c.hub == bindparam("of_hub"),
        leases.c.id == bindparam("of_id"),
        leases.c.version == bindparam("of_version"),
    )
    .returning(leases.c.number)
)
_WRITTEN: Final = (
    update(hubs).where(hubs.c.hub == bindparam("of_hub"), ~hubs.c.written).values(written=True)
)
_EVENT: Final = insert(events)
# As the driver gives them: `rows` reads them itself, in a third of the time.
_RAW: Final[list[Any]] = [
    type_coerce(leases.c[name], NullType()).label(name) for name in rows.COLUMNS
]
_OF_HUB: Final[Select[Any]] = select(*_RAW).where(leases.c.hub == bindparam("of_hub"))
_GET: Final = _OF_HUB.where(leases.c.id == bindparam("of_id"))
_ACTIVE: Final[Select[Any]] = _OF_HUB.where(leases.c.ended.is_(None))
# What may be asked of those that are not gone; each combination is built once, at first use.
_FILTERS: Final = ("target", "user", "name")
_COLUMNS: Final = {"target": leases.c.target, "user": leases.c.user_name, "name": leases.c.name}
_OF_SERVER: Final = _ACTIVE.where(
    leases.c.user_name == bindparam("of_user"), leases.c.server == bindparam("of_server")
).order_by(leases.c.number.desc())
_ATTEMPT: Final = select(func.max(leases.c.attempt)).where(
    leases.c.hub == bindparam("of_hub"),
    leases.c.user_name == bindparam("of_user"),
    or_(leases.c.server == bindparam("of_server"), leases.c.made_for == bindparam("of_server")),
)


@cache
def _active_by(*filters: str) -> Select[Any]:
    """Those that are not gone, by some of `_FILTERS`, oldest first."""
    chosen = _ACTIVE.where(*(_COLUMNS[each] == bindparam(f"of_{each}") for each in filters))
    return chosen.order_by(leases.c.number)


class Ledger:
    """The leases of one hub. Made by `open`; may be used from several threads.

    Attributes:
        hub: The hub's id.
        born: When this hub's ledger was made.
        fresh: Whether it was made just now, or nothing had ever been written to it when it was
            opened. Stays as it is while the ledger is open.
    """

    def __init__(self, database: Database, hub: str, clock: Clock, birth: migrations.Birth) -> None:
        self._database = database
        self._clock = clock
        self.hub = hub
        self.born = birth.at
        self.fresh = birth.fresh

    @classmethod
    def open(
        cls,
        url: str,
        hub: str,
        clock: Clock,
        *,
        make: bool = True,
        steps: Sequence[Migration] = migrations.MIGRATIONS,
    ) -> Self:
        """Open a ledger.

        Args:
            url: SQLAlchemy's URL of SQLite or PostgreSQL; ``sqlite://`` is one in memory.
            hub: The hub's id: leases of other hubs are never seen.
            clock: What time it is.
            make: Whether it is made, or brought up to date, where that is needed. Without, only
                a ledger that a hub of this version has opened is taken.
            steps: The migrations.

        Raises:
            LedgerError: It cannot be used: the message says why, the hint what to do.
        """
        database = Database(url, make=make)
        try:
            if make:
                birth = migrations.prepare(database, hub, clock.now(), migrations=steps)
            else:
                birth = migrations.look(database, hub, version=len(steps))
        except BaseException:
            database.close()
            raise
        return cls(database, hub, clock, birth)

    @property
    def place(self) -> str:
        """Where it is, for people, without a password."""
        return self._database.place

    @property
    def file(self) -> Path | None:
        """The file of SQLite; else None."""
        return self._database.file

    def close(self) -> None:
        """Close all connections. Afterwards only `close` may be called."""
        self._database.close()

    # --- writing ---------------------------------------------------------------------------------

    def add(self, lease: Lease) -> Lease:
        """Write a new lease.

        Returns:
            The lease as it stands in the ledger, with the time of its state.

        Raises:
            DuplicateError: There is one with this id.
            LedgerError: It cannot be written; or it is another hub's.
        """
        if lease.hub != self.hub:
            raise LedgerError(f"Lease {lease.id} is hub {lease.hub}'s, and this is {self.hub}'s.")
        now = self._clock.now()
        added = replace(lease, steps={lease.state: now, **lease.steps})
        with self._database.write() as connection:
            try:
                columns = {**rows.to_row(added), "made_for": added.server}
                number = connection.execute(_INSERT, columns).scalar_one()
            except IntegrityError as error:
                if not _is_duplicate(error):
                    raise
                raise DuplicateError(f"The ledger has a lease {added.id} already.") from error
            connection.execute(_WRITTEN, {"of_hub": self.hub})
            _record(connection, number, None, added, now)
        return added

    def move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """Change a lease's state by the table.

        Args:
            lease: As it was read last.
            cause: Why.
            changes: Further fields that change with it.

        Raises:
            IllegalTransitionError: The table has no such change; nothing was written.
            StaleError: Somebody else changed it meanwhile: read it again, and decide anew.
            LedgerError: It cannot be written.
            TypeError: A field that no change may touch.
        """
        _check_changes(changes)
        now = self._clock.now()
        moved = lease.moved(cause, now, **changes, version=lease.version + 1)
        extra: dict[str, Any] = {}
        if cause is Cause.STARTED:
            begun = lease.steps.get(State.STARTING, now)
            extra = {"ran_at": now, "start_seconds": max(0.0, (now - begun).total_seconds())}
        with self._database.write() as connection:
            number = self._swap(connection, lease, moved, extra)
            _record(connection, number, lease.state, moved, now)
        return moved

    def note(self, lease: Lease, **changes: Any) -> Lease:
        """Change fields of a lease, and not its state.

        Raises:
            StaleError: Somebody else changed it meanwhile: read it again.
            LedgerError: It cannot be written.
            TypeError: A field that no change may touch.
        """
        _check_changes(changes)
        noted = replace(lease, **changes, version=lease.version + 1)
        with self._database.write() as connection:
            self._swap(connection, lease, noted, {})
        return noted

    def together(self, changes: Sequence[Callable[[], Lease]]) -> list[Lease | Exception]:
        """Make several changes and commit once: each commit waits for the disk.

        Args:
            changes: Calls of `add`, `move` and `note`.

        Returns:
            For each what it returns, or why it alone was refused.

        Raises:
            LedgerError: It cannot be written; nothing was.
        """
        found: list[Lease | Exception] = []
        with self._database.together():
            for change in changes:
                try:
                    found.append(change())
                except _REFUSALS as error:
                    found.append(error)
        return found

    def rename(self, user: str, old: str, new: str) -> None:
        """Give the leases of a server that are not gone the server's new name.

        Raises:
            LedgerError: It cannot be written.
        """
        with self._database.write() as connection:
            connection.execute(
                update(leases)
                .where(
                    leases.c.hub == self.hub,
                    leases.c.ended.is_(None),
                    leases.c.user_name == user,
                    leases.c.server == old,
                )
                .values(server=new, version=leases.c.version + 1)
            )

    def prune(self, before: datetime) -> int:
        """Delete what was gone before a time; how many leases that were.

        When the latest of them was gone is remembered: who is asked for a lease that is not there
        can tell whether it may have been one of them.

        Raises:
            LedgerError: It cannot be written.
        """
        total = 0
        old = (
            select(leases.c.number, leases.c.ended)
            .where(leases.c.hub == self.hub, leases.c.ended < before)
            .limit(_AT_A_TIME)
        )
        while True:
            with self._database.write() as connection:
                found = connection.execute(old).all()
                numbers = [number for number, _ in found]
                if found:
                    self._forgets_until(connection, max(ended for _, ended in found))
                connection.execute(delete(events).where(events.c.lease.in_(numbers)))
                connection.execute(delete(leases).where(leases.c.number.in_(numbers)))
            total += len(numbers)
            if len(numbers) < _AT_A_TIME:
                return total

    def remember(self, key: str, value: str) -> None:
        """Keep a remark of this hub's own, as that a person has looked at a target.

        Raises:
            LedgerError: It cannot be written.
        """
        with self._database.write() as connection:
            self._remark(connection, key, value)

    def _remark(self, connection: Connection, key: str, value: str) -> None:
        of_key = (remarks.c.hub == self.hub, remarks.c.key == key)
        changed = connection.execute(update(remarks).where(*of_key).values(value=value))
        if not changed.rowcount:
            connection.execute(insert(remarks).values(hub=self.hub, key=key, value=value))

    def _forgets_until(self, connection: Connection, ended: datetime) -> None:
        """Remember that what was gone by then may be known no more, unless a later time stands."""
        chosen = select(remarks.c.value).where(remarks.c.hub == self.hub, remarks.c.key == PRUNED)
        known = connection.execute(chosen).scalar()
        if not known or datetime.fromisoformat(known) < ended:
            self._remark(connection, PRUNED, ended.isoformat())

    def _swap(self, connection: Connection, old: Lease, new: Lease, extra: dict[str, Any]) -> int:
        """Write a lease in place of the version that was read; its number.

        Raises:
            StaleError: It is another version now.
        """
        which = {"of_hub": self.hub, "of_id": old.id, "of_version": old.version}
        number = connection.execute(_SWAP, {**which, **rows.to_row(new), **extra}).scalar()
        if number is None:
            raise StaleError(
                f"Lease {old.id} of {old.log_name} was changed or removed by somebody else.",
                hint="Read it again, and decide anew.",
            )
        return int(number)

    # --- reading ---------------------------------------------------------------------------------

    def get(self, id: str) -> Lease | None:  # noqa: A002 - it is called so everywhere
        """The lease with an id, gone or not; None where there is none.

        Raises:
            LedgerError: It cannot be read.
        """
        found = self._leases(_GET, id=id)
        return found[0] if found else None

    def active(
        self, *, target: str | None = None, user: str | None = None, name: str | None = None
    ) -> list[Lease]:
        """All that are not gone, oldest first.

        Args:
            target: Only this target's.
            user: Only this user's.
            name: Only those whose resource has this name.

        Raises:
            LedgerError: It cannot be read.
        """
        values = {"target": target, "user": user, "name": name}
        given = {each: values[each] for each in _FILTERS if values[each] is not None}
        return self._leases(_active_by(*given), **given)

    def of_server(self, user: str, server: str) -> list[Lease]:
        """Those of one server that are not gone, newest first.

        Raises:
            LedgerError: It cannot be read.
        """
        return self._leases(_OF_SERVER, user=user, server=server)

    def last_attempt(self, user: str, server: str) -> int:
        """The number of the last start of a server that the ledger knows of; 0 without one.

        A server that was renamed since counts for both names: the names of what was made for it
        are not free.

        Raises:
            LedgerError: It cannot be read.
        """
        values = {"of_hub": self.hub, "of_user": user, "of_server": server}
        with self._database.read() as connection:
            return int(connection.execute(_ATTEMPT, values).scalar() or 0)

    def history(self, *, limit: int = 100, user: str | None = None) -> list[Lease]:
        """Those that are gone, the latest first.

        Raises:
            LedgerError: It cannot be read.
        """
        chosen = _OF_HUB.where(leases.c.ended.is_not(None))
        if user is not None:
            chosen = chosen.where(leases.c.user_name == user)
        order = (leases.c.ended.desc(), leases.c.number.desc())
        return self._leases(chosen.order_by(*order).limit(limit))

    def durations(self, *, profile: str, target: str, limit: int = 50) -> list[float]:
        """How long the latest starts of a profile took that succeeded, the latest first.

        Returns:
            Seconds from the call that makes the resource until the server ran.

        Raises:
            LedgerError: It cannot be read.
        """
        chosen = (
            select(leases.c.start_seconds)
            .where(
                leases.c.hub == self.hub,
                leases.c.profile == profile,
                leases.c.target == target,
                leases.c.ran_at.is_not(None),
            )
            .order_by(leases.c.ran_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [float(seconds) for seconds in connection.execute(chosen).scalars()]

    def counts(self) -> dict[tuple[str, State], int]:
        """How many leases there are, by target and state; those that are gone, too.

        Raises:
            LedgerError: It cannot be read.
        """
        chosen = (
            select(leases.c.target, leases.c.state, func.count())
            .where(leases.c.hub == self.hub)
            .group_by(leases.c.target, leases.c.state)
        )
        with self._database.read() as connection:
            found = connection.execute(chosen).all()
        return {(target, rows.to_state(state)): count for target, state, count in found}

    def events(self, lease_id: str) -> list[Event]:
        """Every change of a lease's state, oldest first.

        Raises:
            LedgerError: It cannot be read.
        """
        chosen = (
            select(events)
            .join(leases, events.c.lease == leases.c.number)
            .where(leases.c.hub == self.hub, leases.c.id == lease_id)
            .order_by(events.c.number)
        )
        with self._database.read() as connection:
            return [rows.to_event(lease_id, row) for row in connection.execute(chosen)]

    def recall(self, key: str) -> str | None:
        """A remark of this hub's own; None without one.

        Raises:
            LedgerError: It cannot be read.
        """
        chosen = select(remarks.c.value).where(remarks.c.hub == self.hub, remarks.c.key == key)
        with self._database.read() as connection:
            found: str | None = connection.execute(chosen).scalar()
            return found

    def _leases(self, chosen: Select[Any], **values: Any) -> list[Lease]:
        bound = {"of_hub": self.hub, **{f"of_{name}": value for name, value in values.items()}}
        with self._database.read() as connection:
            return rows.to_leases(connection.execute(chosen, bound).all())


def _check_changes(changes: dict[str, Any]) -> None:
    wrong = sorted(changes.keys() - _CHANGEABLE)
    if wrong:
        raise TypeError(f"no change of a lease may touch: {', '.join(wrong)}")


def _record(
    connection: Connection, number: int, before: State | None, lease: Lease, at: datetime
) -> None:
    """Write the event of a change of state."""
    connection.execute(
        _EVENT,
        {
            "lease": number,
            "at": at,
            "before": before.value if before else None,
            "after": lease.state.value,
            "cause": rows.cleaned(lease.cause),
            "error": rows.cleaned(lease.error),
        },
    )


def _is_duplicate(error: IntegrityError) -> bool:
    """Whether something exists already; else a row is missing that has to be there."""
    unique = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code in unique or getattr(error.orig, "sqlstate", "") == _UNIQUE
