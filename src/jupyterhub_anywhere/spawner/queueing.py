"""Who starts next, where more want to start than may: pure, without waiting and without time.

A user with nothing in the making goes before one who has a start going on, so that ten servers of
one person push nobody back. Among equals the one who has waited longest is next; a user's own
servers come in the order in which they were asked for. Where a target has no room, those who wait
for another one go first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Room:
    """How many may start at the same time; 0 stands for no limit.

    Attributes:
        hub: In the whole hub.
        targets: Target name to its limit; a target that is not here has none.
    """

    hub: int = 0
    targets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One start that waits or goes on. Tickets are compared by identity.

    Attributes:
        user: The user's name.
        server: The server's name, empty for the default one.
        target: Where it is to start.
        number: Counts up; the order in which they were asked for.
    """

    user: str
    server: str
    target: str
    number: int


class FairQueue:
    """Starts that wait, and starts that go on.

    Args:
        room: What the limits are now; asked each time, since a reload changes them.
    """

    def __init__(self, room: Callable[[], Room]) -> None:
        self._room = room
        self._numbers = count(1)
        # By user: a user without a ticket that waits has no entry.
        self._waiting: dict[str, list[Ticket]] = {}
        self._since: dict[str, int] = {}
        self._going: set[Ticket] = set()
        self._by_user: Counter[str] = Counter()
        self._by_target: Counter[str] = Counter()

    def join(self, user: str, server: str, target: str) -> Ticket:
        """Stand in line; ask `grants` then."""
        ticket = Ticket(user, server, target, next(self._numbers))
        self._waiting.setdefault(user, []).append(ticket)
        self._since.setdefault(user, ticket.number)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a place or a slot back; does nothing when called again. Ask `grants` then."""
        if ticket in self._going:
            self._going.remove(ticket)
            self._take(self._by_user, ticket.user)
            self._take(self._by_target, ticket.target)
            self._to_the_back(ticket.user)
        elif ticket in self._waiting.get(ticket.user, ()):
            self._unwait(ticket)

    def grants(self) -> list[Ticket]:
        """Let those start for whom there is room; each ticket is granted once, ever."""
        room, granted = self._room(), []
        while (ticket := self._next(room)) is not None:
            self._unwait(ticket)
            self._to_the_back(ticket.user)
            self._going.add(ticket)
            self._by_user[ticket.user] += 1
            self._by_target[ticket.target] += 1
            granted.append(ticket)
        return granted

    def _to_the_back(self, user: str) -> None:
        """A user who has just had a slot is, among equals, behind all who wait by now."""
        if user in self._since:
            self._since[user] = next(self._numbers)

    def _next(self, room: Room) -> Ticket | None:
        if room.hub and len(self._going) >= room.hub:
            return None
        for user in sorted(
            self._waiting, key=lambda each: (self._by_user[each], self._since[each])
        ):
            for ticket in self._waiting[user]:
                limit = room.targets.get(ticket.target, 0)
                if not limit or self._by_target[ticket.target] < limit:
                    return ticket
        return None

    def _unwait(self, ticket: Ticket) -> None:
        mine = self._waiting[ticket.user]
        mine.remove(ticket)
        if not mine:
            del self._waiting[ticket.user]
            del self._since[ticket.user]

    @staticmethod
    def _take(counter: Counter[str], name: str) -> None:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]

    def line(self) -> list[Ticket]:
        """Who waits, in the order in which they would start if nobody else came.

        Those whose target has no room may be overtaken by others, whose target has.
        """

        def order(user: str) -> Iterator[tuple[tuple[int, int, int], Ticket]]:
            for place, ticket in enumerate(self._waiting[user]):
                yield (self._by_user[user] + place, self._since[user], ticket.number), ticket

        found = [pair for user in self._waiting for pair in order(user)]
        return [ticket for _, ticket in sorted(found, key=lambda pair: pair[0])]

    @property
    def going(self) -> frozenset[Ticket]:
        """The starts that hold a slot."""
        return frozenset(self._going)
