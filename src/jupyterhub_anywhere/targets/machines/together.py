"""The part of `MachineSpawner` that has several servers of one user share a machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.targets.machines import failures, marks, tickets, waiting
from jupyterhub_anywhere.targets.machines.awaiting import Awaiting
from jupyterhub_anywhere.targets.machines.memo import Memo
from jupyterhub_anywhere.targets.machines.provider import Power

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.provider import Machine


class Together(Awaiting):
    """Mixed into `MachineSpawner`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Whether this start is on a machine that was there before.
        self._joined = False
        super().__init__(*args, **kwargs)

    def own_seat(self) -> marks.Seat:
        """What a shared machine's mark says of this server."""
        return marks.Seat(self.memo.key, self.name or "", self.anywhere_token)

    async def _start_shared(self, deadline: float) -> str:
        """Join the user's machine of this shape; where there is none, make it.

        Whoever makes it has the door until its server answers: of two starts at once, the second
        one joins what the first has made.

        Raises:
            StartError: It cannot be had.
            ProviderError: The cloud cannot be asked, or refuses.
        """
        if self.makes_to_stay:
            raise failures.shared_and_kept(self.title, self.on_stop)
        door = self.place.sharing.door(self.user.name, self.shape)
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                await door.acquire()
        except TimeoutError:
            raise failures.late(self.news.words, self.hub_url, "") from None
        try:
            if await self._take_up(deadline):
                # One that was kept, from before machines were shared.
                return await self._served(deadline)
            if not await self._join(deadline):
                await self._create(deadline)
                return await self._served(deadline)
        except BaseException:
            # Before anybody else can take it for a machine to join.
            await self._undo()
            self._creating, self._joined = None, False
            raise
        finally:
            door.release()
        return await self._served(deadline)

    async def _join(self, deadline: float) -> bool:
        """Become one of the servers of a machine that serves; False where there is none.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        sharing, memo = self.place.sharing, self.memo
        for each in await self.place.machines():
            if not self._may_join(each):
                continue
            async with sharing.lock(each.id):
                # The last one may have left it meanwhile.
                found = await self.cloud.machine(each.id)
                if found is None or not self._may_join(found):
                    continue
                memo.shared, memo.key, memo.machine = True, self.new_key(), each.id
                lifetime = float(self.ticket_seconds) or max(deadline - time.monotonic(), 1.0)
                text, memo.ticket = tickets.issue(memo.key, time.time(), lifetime)
                self._joined = True
                await self.expect()
                await self.remember(engine=memo.engine, machine=memo.machine)
                await self.cloud.mark(each.id, self.own_seat().marks())
                self.place.changed()
                self.place.claim(self.resource, each.id)
                sharing.offer(each.id, memo.key, text)
            self.log.info("%s joins the machine %s", self._log_name, each.name)
            return True
        return False

    def _may_join(self, machine: Machine) -> bool:
        """Whether a machine is of this user and shape, serves, and one of its servers reports."""
        sharing, found = self.place.sharing, machine.marks
        if found.get(marks.SHARED) != self.shape or marks.owner_of(found) != self.household:
            return False
        if machine.power is not Power.RUNNING or machine.id in sharing.closed:
            return False
        seats = marks.seats_of(found)
        if any(each.server == (self.name or "") for each in seats.values()):
            # An earlier life of this server, that is not proven gone.
            return False
        return any(
            waiting.hub.found(key) is not None and not sharing.leaves(machine.id, key)
            for key in seats
        )

    async def leave(self) -> None:
        """Leave the machine; with the last server, it goes.

        Until that is proven the agent is listened to: by its reports it hears of it.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        memo = self.memo
        self._leaving = True
        if memo.ticket is not None:
            memo.ticket = memo.ticket.ended()
        sharing = self.place.sharing
        for each in await self.own_machines():
            seats = marks.seats_of(each.marks)
            # Of a spawner that has lost its state, the name is all there is.
            mine = [memo.key] if memo.key else _named(seats, self.name or "")
            for key in mine:
                await self._until(
                    lambda each=each, key=key: sharing.leave(self.place, each.id, key)
                )
        await self.expect_no_more()

    async def leave_what_was_joined(self) -> None:
        """After a start that failed; a machine that never took the ticket is not tried again.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        memo, sharing = self.memo, self.place.sharing
        if not self._redeemer and sharing.offers(memo.machine, memo.key):
            sharing.closed.add(memo.machine)
        await self.leave()
        self.place.disclaim(self.resource)
        self.memo = Memo(engine=memo.engine)

    # --- of `Starting` ---------------------------------------------------------------------------

    _creating: asyncio.Task[Machine] | None

    async def _take_up(self, deadline: float) -> bool:
        raise NotImplementedError

    async def _create(self, deadline: float) -> None:
        raise NotImplementedError

    async def _served(self, deadline: float) -> str:
        raise NotImplementedError

    async def _undo(self) -> None:
        raise NotImplementedError

    async def _until(self, done: Any) -> None:
        raise NotImplementedError


def _named(seats: dict[str, marks.Seat], server: str) -> list[str]:
    return [key for key, each in seats.items() if each.server == server]
