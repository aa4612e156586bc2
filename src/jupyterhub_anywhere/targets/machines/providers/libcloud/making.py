"""Making a machine with all that belongs to it, and removing that where it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import matches
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jupyterhub_anywhere.targets.machines.provider import Machine, Volume, Wanted
    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend
    from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Thing
    from jupyterhub_anywhere.targets.machines.providers.libcloud.pool import Drivers

log = logging.getLogger(__name__)
# What outlives a machine is marked with no more than whose it is: all else may be another at the
# next start, as the servers on a machine that they share.
LASTING: Final = frozenset({marks.HUB, marks.TARGET, marks.USER})
# Seconds until a volume or a port is there, between looks, and between looks for a lost answer.
PATIENCE, PAUSE = 120.0, 1.0
_LATER: Final = "Try again in a minute."
_IN_USE: Final = "Stop the other server that has it, or let both share a machine: `share_machine`."
# Looks for a machine whose answer was lost: the call may still be at work.
LOOKS: Final = 4


class Making:
    """Makes machines of one target.

    Args:
        drivers: Its drivers.
        backend: What its cloud is asked.
        pause: Seconds between looks.
        patience: Seconds until something is given up.
    """

    def __init__(
        self,
        drivers: Drivers,
        backend: Backend,
        *,
        pause: float = PAUSE,
        patience: float = PATIENCE,
    ) -> None:
        self._drivers, self._backend = drivers, backend
        self._pause, self._patience = pause, patience
        # Names whose create had no answer: such a machine may be there.
        self._doubtful: set[str] = set()

    async def create(self, wanted: Wanted) -> Machine:
        """Make a machine.

        Raises:
            ProviderError: It failed; what was made on the way is removed.
        """
        doing = Doing(
            f"the machine {wanted.name} cannot be made", self._drivers.account.place, changes=True
        )
        if wanted.name in self._doubtful:
            found = await self._found(wanted, doing)
            if found is not None:
                return found
        volumes: list[Thing] = []
        fresh: list[Thing] = []
        machine: Machine | None = None
        try:
            for each in wanted.volumes:
                volume = await self._volume(each, wanted, fresh, doing)
                volumes.append(volume)
            machine = await self._made(wanted, volumes, doing)
            await self._completed(machine, wanted, volumes, doing)
        except BaseException as error:
            unsure = isinstance(error, ProviderError) and not error.sure
            await self._undo(machine, [] if unsure and machine is None else fresh, doing)
            raise
        return machine

    async def _made(self, wanted: Wanted, volumes: list[Thing], doing: Doing) -> Machine:
        """The machine; found again where the answer was lost, asked for again with new ids."""
        run, create = self._drivers.run, self._backend.create
        try:
            return await run(create, wanted, volumes, doing=doing)
        except ProviderError as error:
            if error.sure and error.cause in {FailureCause.IMAGE_NOT_FOUND, FailureCause.CONFIG}:
                # It may be one of our ids that is gone: a new image under the same name has
                # another. Nothing was made, so it is asked for once more.
                if not self._backend.lookups.forget():
                    raise
                return await run(create, wanted, volumes, doing=doing)
            if error.sure:
                raise
            self._doubtful.add(wanted.name)
            found = await self._found(wanted, doing)
            if found is None:
                raise
            return found

    async def _found(self, wanted: Wanted, doing: Doing) -> Machine | None:
        """The machine of a create whose answer was lost; None where none has appeared."""
        start = marks.start_of(wanted.marks)
        if not start:
            return None  # Another one of its name would be taken for it.
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(self._pause)
            with contextlib.suppress(ProviderError):
                found = await self._drivers.run(_by_name, self._backend, wanted, start, doing=doing)
                if found is not None:
                    self._doubtful.discard(wanted.name)
                    return found
        return None

    async def _volume(
        self, wanted: Volume, machine: Wanted, fresh: list[Thing], doing: Doing
    ) -> Thing:
        """A volume that is free, made where there is none."""
        own, mark = lasting(machine.marks), marks.of_volume(goes=wanted.goes)
        found = await self._drivers.run(self._backend.volume, wanted, own, doing=doing)
        right = found is None or marks.goes(self._backend.volume_marks(found)) == wanted.goes
        if found is None:
            make = self._backend.make_volume
            found = await self._drivers.run(make, wanted, own | mark, machine.zone, doing=doing)
            fresh.append(found)
        volume, state = found, ""

        async def free() -> bool:
            nonlocal state
            state = await self._drivers.run(self._backend.volume_state, volume.id, doing=doing)
            if state.startswith("error") or state == "gone":
                raise ProviderError(
                    f"{doing.what} at {doing.place}: the volume {wanted.name} is {state}.",
                    cause=FailureCause.NO_CAPACITY,
                    hint="Look at it in the cloud: it may be repaired, or removed where it is new.",
                )
            return state == "available"

        why = f"the volume {wanted.name} is still in use or being made"
        await self._until(free, why, doing, lambda: _IN_USE if state == "in-use" else _LATER)
        if not right:
            await self._drivers.run(self._backend.mark_volume, volume.id, mark, doing=doing)
        return volume

    async def _completed(
        self, machine: Machine, wanted: Wanted, volumes: list[Thing], doing: Doing
    ) -> None:
        """Attach and address what has to be after the machine is there."""
        backend, run = self._backend, self._drivers.run

        async def attached() -> bool:
            return await run(backend.attach, machine.id, volumes, doing=doing)

        async def addressed() -> bool:
            pool, whose = wanted.floating_ip, wanted.marks
            return await run(backend.give_address, machine.id, pool, whose, doing=doing)

        if volumes:
            await self._until(attached, "its volumes cannot be attached yet", doing)
        if wanted.floating_ip:
            await self._until(addressed, "it has no port for a floating IP yet", doing)

    async def _until(
        self,
        done: Callable[[], Awaitable[bool]],
        why: str,
        doing: Doing,
        hint: Callable[[], str] = lambda: _LATER,
    ) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while not await done():
            if loop.time() >= end:
                raise ProviderError(
                    f"{doing.what} at {doing.place}: {why}.",
                    cause=FailureCause.TIMEOUT,
                    hint=hint(),
                )
            await asyncio.sleep(self._pause)

    async def _undo(self, machine: Machine | None, fresh: list[Thing], doing: Doing) -> None:
        """Remove what was made, as well as it goes: whoever asked learns of the first failure.

        Also where the start was cancelled: the calls are on their way before the next await ends.
        """
        calls: list[Awaitable[Any]] = []
        if machine is not None:
            calls.append(self._drivers.run(self._backend.destroy, machine.id, doing=doing))
        else:
            remove = self._backend.remove_volume
            calls += [self._drivers.run(remove, each.id, doing=doing) for each in fresh]
        if not calls:
            return
        for result in await asyncio.shield(asyncio.gather(*calls, return_exceptions=True)):
            if isinstance(result, BaseException):
                log.warning("%s, and what was made on the way is there: %s", doing.what, result)


def _by_name(
    driver: Any, backend: Backend, wanted: Wanted, start: Mapping[str, str]
) -> Machine | None:
    found = backend.by_name(driver, wanted.name, start)
    return next((each for each in found if matches(each, start)), None)


def lasting(written: Mapping[str, str]) -> dict[str, str]:
    """The marks of what outlives a machine."""
    return {name: value for name, value in written.items() if name in LASTING}
