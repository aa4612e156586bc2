"""A real ledger in memory, made in no time: as a new one, and as a backup of it once was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import delete

from jupyterhub_anywhere.ledger import migrations
from jupyterhub_anywhere.ledger.database import Database
from jupyterhub_anywhere.ledger.schema import hubs
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.lease import Lease

_IN_MEMORY: Final = "in memory"
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
# A database that was closed: a new one would compile every statement anew, and make every table.
_spare: list[Database] = []
# The tables, with nothing in them, by the url.
_empty: dict[str, bytes] = {}


def _database(url: str, image: bytes) -> Database:
    database = _spare.pop() if url == "sqlite://" and _spare else Database(url)
    if database.place != _IN_MEMORY:
        return database
    if not image and not _empty:
        _empty[url] = _tables(database)
    _driver(database).deserialize(image or _empty[url])
    return database


def _tables(database: Database) -> bytes:
    migrations.prepare(database, "nobody", _LONG_AGO)
    with database.write() as connection:
        connection.execute(delete(hubs))
    found: bytes = _driver(database).serialize()
    return found


def _driver(database: Database) -> Any:
    """The driver's connection; there is one only."""
    with database.read() as connection:
        return connection.connection.driver_connection


class Shelf:
    """A real ledger, and what is known to stand in it.

    A model has no time to read the same again and again: what was written is remembered, for as
    long as a process lives. The next one reads it anew, and both have to be the same.

    Args:
        database: The ledger's.
        ledger: The ledger.
        on_write: Told of each write of a lease, by which verb.
    """

    def __init__(
        self, database: Database, ledger: Ledger, on_write: Callable[[str, Lease], None]
    ) -> None:
        self._database, self._ledger, self._on_write = database, ledger, on_write
        self.hub, self.fresh, self.born = ledger.hub, ledger.fresh, ledger.born
        self._active = {each.id: each for each in ledger.active()}
        self._answers: dict[Any, Any] = {}

    @classmethod
    def open(
        cls,
        url: str,
        hub: str,
        clock: Clock,
        on_write: Callable[[str, Lease], None],
        image: bytes = b"",
    ) -> Self:
        """Open a ledger.

        Args:
            url: Its database; one in memory is made new, or from an image.
            hub: The hub's id.
            clock: The time.
            on_write: See the class.
            image: What `image` gave once; empty for a new one.
        """
        database = _database(url, image)
        birth = migrations.prepare(database, hub, clock.now())
        return cls(database, Ledger(database, hub, clock, birth), on_write)

    def image(self) -> bytes:
        """All that stands in a ledger in memory, as a backup has it."""
        found: bytes = _driver(self._database).serialize()
        return found

    def compare(self) -> None:
        """Read everything anew, as another process does.

        Raises:
            AssertionError: It is not what was written.
        """
        found = self._ledger.active()
        if found != [*self._active.values()]:
            raise AssertionError(f"written was {[*self._active.values()]}, read is {found}")
        self._answers.clear()

    def ask(self, verb: str, /, *args: Any, **kwargs: Any) -> Any:
        """Read something; who gets it changes nothing in it."""
        match verb:
            case "active":
                return self._of(**kwargs)
            case "of_server":
                user, server = args
                return [each for each in self._of(user=user) if each.server == server][::-1]
            case "get" if args[0] in self._active:
                return self._active[args[0]]
        key = verb, args, tuple(kwargs.items())
        if key not in self._answers:
            self._answers[key] = getattr(self._ledger, verb)(*args, **kwargs)
        found = self._answers[key]
        return list(found) if isinstance(found, list) else found

    def _of(
        self, *, target: str | None = None, user: str | None = None, name: str | None = None
    ) -> list[Lease]:
        return [
            each
            for each in self._active.values()
            if (user is None or each.user == user)
            and (target is None or each.target == target)
            and (name is None or each.name == name)
        ]

    def write(self, verb: str, /, *args: Any, **kwargs: Any) -> Any:
        """Write something."""
        found = getattr(self._ledger, verb)(*args, **kwargs)
        if verb == "remember":
            self._answers.pop(("recall", (args[0],), ()), None)
            return found
        self._on_write(verb, found)
        if found.state is State.GONE:
            self._active.pop(found.id, None)
            self._answers.clear()
        else:
            self._active[found.id] = found
            self._answers.pop(("get", (found.id,), ()), None)
            self._answers.pop(("last_attempt", (found.user, found.server), ()), None)
        return found

    def prune(self, before: datetime) -> int:
        """Delete what was gone before a time; how much that was."""
        self._answers.clear()
        return self._ledger.prune(before)

    def close(self) -> None:
        """Close the ledger; a database in memory is used again."""
        if self._database.place == _IN_MEMORY and not _spare:
            _spare.append(self._database)
        else:
            self._database.close()
