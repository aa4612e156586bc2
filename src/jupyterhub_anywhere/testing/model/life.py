"""The life of one hub process, which may end before and after each call that leaves it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.states import Cause
    from jupyterhub_anywhere.testing.model.shelf import Shelf


class HubDies(BaseException):
    """As `kill -9`: nothing that follows reaches the world."""


class Life:
    """Counts the calls that leave a process; at the chosen one, it dies.

    Args:
        on_death: Called when it does.

    Attributes:
        count: How many points were crossed.
        die_at: The point at which it dies; None for not.
        dead: Whether it has died.
    """

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self.count = 0
        self.die_at: int | None = None
        self.dead = False

    def cross(self) -> None:
        """One point directly before or after a call that leaves the process.

        Raises:
            HubDies: Here it dies, or it is dead already.
        """
        self.count += 1
        if self.dead or (self.die_at is not None and self.count >= self.die_at):
            self.dead = True
            self._on_death()
            raise HubDies


_WRITES: Final = frozenset({"add", "move", "note", "remember"})


class DyingLedger:
    """A real ledger as one process uses it: it may die before and after each commit.

    Args:
        ledger: The ledger, which outlives the process.
        life: The process.
    """

    def __init__(self, ledger: Shelf, life: Life) -> None:
        self._ledger, self._life = ledger, life

    @property
    def hub(self) -> str:
        """The hub's id."""
        return self._ledger.hub

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever written to it."""
        return self._ledger.fresh

    @property
    def born(self) -> datetime:
        """When it was made."""
        return self._ledger.born

    async def _do(self, verb: str, /, *args: Any, **kwargs: Any) -> Any:
        self._life.cross()
        if verb in _WRITES:
            await asyncio.sleep(0)
            found = self._ledger.write(verb, *args, **kwargs)
        else:
            found = self._ledger.ask(verb, *args, **kwargs)
        self._life.cross()
        # Whoever gets it may find that it has changed meanwhile.
        await asyncio.sleep(0)
        return found

    async def add(self, lease: Lease) -> Lease:
        """See `Ledger.add`."""
        added: Lease = await self._do("add", lease)
        return added

    async def move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """See `Ledger.move`."""
        moved: Lease = await self._do("move", lease, cause, **changes)
        return moved

    async def note(self, lease: Lease, **changes: Any) -> Lease:
        """See `Ledger.note`."""
        noted: Lease = await self._do("note", lease, **changes)
        return noted

    async def remember(self, key: str, value: str) -> None:
        """See `Ledger.remember`."""
        await self._do("remember", key, value)

    async def recall(self, key: str) -> str | None:
        """See `Ledger.recall`."""
        found: str | None = await self._do("recall", key)
        return found

    async def get(self, id: str) -> Lease | None:  # noqa: A002 - the ledger's word
        """See `Ledger.get`."""
        found: Lease | None = await self._do("get", id)
        return found

    async def active(
        self, *, target: str | None = None, user: str | None = None, name: str | None = None
    ) -> list[Lease]:
        """See `Ledger.active`."""
        found: list[Lease] = await self._do("active", target=target, user=user, name=name)
        return found

    async def of_server(self, user: str, server: str) -> list[Lease]:
        """See `Ledger.of_server`."""
        found: list[Lease] = await self._do("of_server", user, server)
        return found

    async def last_attempt(self, user: str, server: str) -> int:
        """See `Ledger.last_attempt`."""
        found: int = await self._do("last_attempt", user, server)
        return found

    async def history(self, *, limit: int = 100, user: str | None = None) -> list[Lease]:
        """See `Ledger.history`."""
        found: list[Lease] = await self._do("history", limit=limit, user=user)
        return found
