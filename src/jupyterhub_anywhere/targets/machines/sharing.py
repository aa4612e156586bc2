"""Machines that several servers of one user share: who is on them, who comes, and who leaves.

Who is on a machine stands in its marks, one for each server, so that a hub which was killed finds
it again. What is here is of this process: tickets of those that come, wishes of those that go.
The machine ends with the last of them. An agent takes tickets and wishes from the answers to its
reports, whichever server's they are.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from jupyterhub_anywhere.targets.machines import ending, marks, waiting
from jupyterhub_anywhere.targets.machines.provider import Power

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_anywhere.targets.machines.place import Place


@dataclass(slots=True)
class _Offer:
    """A ticket on its way to a machine.

    Attributes:
        text: The ticket.
        given: Whether an answer had it.
    """

    text: str = field(repr=False)
    given: bool = False


class Sharing:
    """Of one target, whichever definition of it a server was started with.

    Attributes:
        closed: Ids of machines that nobody joins any more.
    """

    def __init__(self) -> None:
        self.closed: set[str] = set()
        # Each is there for as long as somebody holds it, or waits for it.
        self._doors: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # Machine to key to the ticket, or to the keys of those that were told of the wish.
        self._offers: dict[str, dict[str, _Offer]] = {}
        self._wishes: dict[str, dict[str, set[str]]] = {}
        # Machine to the keys of those that are to go, and of those of them that have ended.
        self._leaving: dict[str, set[str]] = {}
        self._over: dict[str, set[str]] = {}

    def door(self, user: str, shape: str) -> asyncio.Lock:
        """Held by the start that makes a machine, until its server answers: others wait for it."""
        return self._doors.setdefault((user, shape), asyncio.Lock())

    def lock(self, machine: str) -> asyncio.Lock:
        """Held while somebody comes or goes: the last one takes the machine along."""
        return self._locks.setdefault(machine, asyncio.Lock())

    def leaves(self, machine: str, key: str) -> bool:
        """Whether a server is on its way out."""
        return key in self._leaving.get(machine, ())

    # --- those that come -------------------------------------------------------------------------

    def offer(self, machine: str, key: str, ticket: str) -> None:
        """Have a ticket given to a machine, until it was redeemed."""
        self._offers.setdefault(machine, {})[key] = _Offer(ticket)

    def offers(self, machine: str, key: str) -> bool:
        """Whether a ticket is on its way to a machine, and not redeemed yet."""
        return key in self._offers.get(machine, {})

    def taken(self, machine: str, key: str) -> None:
        """It was redeemed."""
        self._offers.get(machine, {}).pop(key, None)

    # --- those that go ---------------------------------------------------------------------------

    async def leave(self, place: Place, machine_id: str, key: str) -> bool:
        """Begin or go on to end one server; with the last one, the machine. May be called again.

        Args:
            place: Where the machine is.
            machine_id: The machine.
            key: The server's.

        Returns:
            True once it is proven: by the machine's word, or since the machine is gone.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        provider = place.provider
        async with self.lock(machine_id):
            machine = await provider.machine(machine_id)
            if machine is None:
                return self._gone(machine_id, key)
            seats = marks.seats_of(machine.marks)
            # Until the machine is gone: what a cloud lists may be older than what it was told.
            self._leaving.setdefault(machine_id, set()).add(key)
            if not seats.keys() - self._leaving[machine_id]:
                self.closed.add(machine_id)
                place.changed()
                gone = await ending.removed(provider, machine)
                return gone and self._gone(machine_id, key)
            if key in seats:
                if machine.power is not Power.STOPPED and not self._is_over(machine_id, key):
                    self._wishes.setdefault(machine_id, {}).setdefault(key, set())
                    return False
                await provider.mark(machine_id, {marks.SEAT + key: ""})
                place.changed()
            self.taken(machine_id, key)
            self._wishes.get(machine_id, {}).pop(key, None)
            waiting.forget(key)
            return True

    def _is_over(self, machine: str, key: str) -> bool:
        offer = self._offers.get(machine, {}).get(key)
        # A ticket that no machine has ever had started nothing.
        return key in self._over.get(machine, ()) or (offer is not None and not offer.given)

    def _gone(self, machine: str, key: str) -> bool:
        """The machine is proven gone, and so is this server on it."""
        for each in (self._offers, self._wishes, self._leaving, self._over):
            each.pop(machine, None)
        self.closed.discard(machine)
        waiting.forget(key)
        return True

    # --- what the agent hears --------------------------------------------------------------------

    def answer(
        self, machine: str, reporter: str, servers: Collection[str] | None
    ) -> dict[str, Any]:
        """What a report's answer has for the agent; what the report itself proves is noted.

        A server that one was told to end, and that is not among those there in its next report,
        has ended: the report was written after the answer.

        Args:
            machine: The machine; empty where nobody knows.
            reporter: The key of the server that reports.
            servers: The keys of all servers on the machine; None where the agent does not say.
        """
        found: dict[str, Any] = {}
        wishes = self._wishes.get(machine, {})
        for key, told in list(wishes.items()):
            if servers is not None and reporter in told and key not in servers:
                self._over.setdefault(machine, set()).add(key)
                del wishes[key]
            else:
                told.add(reporter)
        if wishes:
            found["end"] = sorted(wishes)
        offers = self._offers.get(machine, {})
        wanted = [key for key in offers if not self.leaves(machine, key)]
        if wanted:
            # One an answer, each in its turn, until it is redeemed: an answer may be lost.
            offer = offers[wanted[0]] = offers.pop(wanted[0])
            offer.given = True
            found["ticket"] = offer.text
        return found
