"""The line in which starts wait for their turn, in place of JupyterHub's "429 Too many users"."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.spawner.queueing import FairQueue, Room, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock

# Seconds between two tellings of places; nobody reads faster.
_TELL_EVERY: Final = 0.25
# For those who waited when the hub ended: their starts were asked of a hub that is no more.
LOST_PLACE: Final = (
    "Your server waited for its turn when the hub was restarted, and was not started."
    " Please start it again."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in the line.

    Attributes:
        number: 1 for the next one.
        length: How many wait.
    """

    number: int
    length: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """One start that waits.

    Attributes:
        user: The user's name.
        server: The server's name, empty for the default one.
        target: Where it is to start.
        since: Since when it waits.
        number: Its place in the line, from 1.
    """

    user: str
    server: str
    target: str
    since: datetime
    number: int


@dataclass(slots=True)
class _Standing:
    since: datetime
    turn: asyncio.Future[None]
    moved: Callable[[Place], None]
    told: Place | None = field(default=None)


class Line:
    """Gives out the slots in which servers start; belongs to one event loop.

    Args:
        room: What the limits are now.
        clock: Says since when somebody waits.
    """

    def __init__(self, room: Callable[[], Room], clock: Clock) -> None:
        self._queue = FairQueue(room)
        self._clock = clock
        self._standing: dict[Ticket, _Standing] = {}
        self._telling = False
        # When places were told last, by the loop's clock.
        self._told = float("-inf")

    async def turn(
        self, user: str, server: str, target: str, moved: Callable[[Place], None]
    ) -> Ticket:
        """Wait for a slot; cancelled, the place in the line is given up.

        Args:
            user: The user's name.
            server: The server's name, empty for the default one.
            target: Where it is to start.
            moved: Called with each new place while it waits; never where there is room at once.

        Returns:
            The ticket, which has to be given back by `leave` in every case.
        """
        ticket = self._queue.join(user, server, target)
        future = asyncio.get_running_loop().create_future()
        self._standing[ticket] = _Standing(self._clock.now(), future, moved)
        self.look()
        try:
            await future
        except BaseException:
            # Also where it was granted in the very moment in which it was cancelled.
            self.leave(ticket)
            raise
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a slot, or a place in the line, back; may be called again."""
        self._queue.leave(ticket)
        self._standing.pop(ticket, None)
        self.look()

    def look(self) -> None:
        """Let those start for whom there is room, and tell the others their places.

        Called by itself; to be called from outside where the limits have changed.
        """
        for ticket in self._queue.grants():
            standing = self._standing.pop(ticket, None)
            if standing is None or standing.turn.done():
                continue  # cancelled, and about to leave
            standing.turn.set_result(None)
        if self._standing and not self._telling:
            # Once for all that happens in a moment: where a class of 500 comes at once, each start
            # moves all who wait.
            self._telling = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._told + _TELL_EVERY), self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._told = asyncio.get_running_loop().time()
        line = self._queue.line()
        for number, ticket in enumerate(line, 1):
            standing = self._standing.get(ticket)
            place = Place(number, len(line))
            if standing is not None and standing.told != place:
                standing.told = place
                standing.moved(place)

    def waiting(self) -> list[Waiting]:
        """Who waits, the next one first."""
        found = []
        for number, ticket in enumerate(self._queue.line(), 1):
            standing = self._standing.get(ticket)
            if standing is not None:
                who = (ticket.user, ticket.server, ticket.target)
                found.append(Waiting(*who, standing.since, number))
        return found

    @property
    def waits(self) -> bool:
        """Whether anybody waits."""
        return bool(self._standing)

    @property
    def going(self) -> int:
        """How many starts hold a slot."""
        return len(self._queue.going)
