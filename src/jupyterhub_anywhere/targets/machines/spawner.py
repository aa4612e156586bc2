"""MachineSpawner: each server on a machine of a cloud.

What a machine is made by (the provider), what its first boot runs (the configurer) and how its
server begins (the launcher) mix freely; see ``docs/adr/0016``. Its parts: `starting`, `awaiting`,
`core`; the end is here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from jupyterhub.spawner import Spawner
from jupyterhub.utils import maybe_future
from tornado import web

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.targets.machines import api, ending, marks, volumes
from jupyterhub_anywhere.targets.machines.inherit import Inheriting
from jupyterhub_anywhere.targets.machines.memo import Memo
from jupyterhub_anywhere.targets.machines.provider import Power
from jupyterhub_anywhere.targets.machines.starting import Starting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.machines.provider import Machine

# Seconds that a stop waits for the proof; after that the ledger goes on with it.
_STOP_SECONDS: Final = 50.0
# The same where the machine is switched off before: Nova alone gives its system a minute for that.
_OFF_SECONDS: Final = ending.PATIENCE + _STOP_SECONDS
# Seconds that the removal of a volume may take, with that of the machines which have it; and those
# that a person waits for it where the spawner is used alone.
VOLUME_SECONDS, ALONE_SECONDS = 600.0, 10.0
# Seconds for which a listing answers all who poll.
_POLL_SECONDS: Final = 5.0
_CONFLICT: Final = 409


class MachineSpawner(Inheriting, Starting, Spawner):
    """Runs each server on a machine of its own, made by any provider."""

    # --- while it runs ---------------------------------------------------------------------------

    async def poll(self) -> int | None:
        """None while it runs or nobody can tell; never raises."""
        try:
            return await self._poll()
        except (AnywhereError, OSError) as error:
            # Of a secret that is away, too: JupyterHub forgets whoever raises here.
            self.log.warning("Whether %s runs cannot be told: %s", self._log_name, error)
            return None

    async def _poll(self) -> int | None:
        memo = self.memo
        if not memo.machine and not memo.key:
            return 0
        if memo.shared and not memo.served and not self._starting:
            # Its hub has died before its ticket was redeemed: none that is known opens anything.
            return 0
        if memo.machine:
            # One listing for all; what it lacks is asked for by itself.
            found = (await self.place.glance(_POLL_SECONDS)).get(memo.machine)
            if found is not None and found.power is Power.RUNNING:
                return self._status(found)
        machines = await self.own_machines()
        answers = [self._status(each) for each in machines]
        return None if None in answers else next((each for each in answers if each), 0)

    def _status(self, machine: Machine) -> int | None:
        if not self.has_seat(machine):
            return 0
        ended = self.place.ended.get(self.ended_at(machine.id))
        if machine.power is Power.RUNNING and ended is not None:
            return ended.status or 0
        return 0 if machine.power is Power.STOPPED else None

    # --- the end ---------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the hub's signature
        """Remove the machine, or put it to rest where it is kept; again is no error.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
            TimeoutError: It is not proven in time: it is tried again.
        """
        memo, seconds = self.memo, _OFF_SECONDS if self.home_volume else _STOP_SECONDS
        if memo.shared:
            async with asyncio.timeout(seconds):
                await self.leave()
            if self.memo is memo:
                self._forget_machine()
            return
        await self.expect_no_more()
        if not memo.machine and not memo.key:
            return
        async with asyncio.timeout(seconds):
            kept = False
            for each in await self.own_machines():
                if self._rests(each):
                    # Also where only its marks have told which it is.
                    kept, memo.machine = True, each.id
                    await self._rest(each)
                else:
                    await self._until(lambda each=each: ending.removed(self.cloud, each))
        if kept:
            self.place.ended.pop(memo.machine, None)
        elif self.memo is memo:
            self._forget_machine()

    def _forget_machine(self) -> None:
        self.place.disclaim(self.resource)
        self.memo = Memo(engine=self.memo.engine)

    def _rests(self, machine: Machine) -> bool:
        """Whether a machine stays: one that was made so, and has ever served somebody."""
        keep = machine.marks.get(marks.KEEP)
        return self.memo.served and (self.anywhere_keeps if keep is None else keep == "1")

    async def _rest(self, machine: Machine) -> None:
        if machine.power is not Power.STOPPED:
            await self._until(lambda: self.cloud.rest(machine.id, self.rest_as))

    async def delete_forever(self) -> None:
        """Remove what is kept: the machine that rests, and the home volume where wanted.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        if not self.name:
            # From now on: a new user of this name may start a server before the machines are gone.
            self.place.known.going.add(self.volume_name)
        for each in await self._kept():
            self.log.info("Removing the machine %s of %s", each.name, self.user.name)
            await self._until(lambda each=each: ending.removed(self.cloud, each))
        self.place.disclaim(self.resource)
        self.memo = Memo()
        if not self.name:
            if await self._volume_goes():
                await self._delete_volume()
            else:
                self.place.known.going.discard(self.volume_name)
        await maybe_future(super().delete_forever())

    async def _kept(self) -> list[Machine]:
        """Machines of this server that do not run, asked now."""
        found = [each for each in await self.place.machines() if self._is_of_server(each)]
        return [each for each in found if each.power is not Power.RUNNING]

    def _is_of_server(self, machine: Machine) -> bool:
        shared = marks.is_shared(machine.marks)
        return not shared and marks.owner_of(machine.marks) == self.owner

    async def _volume_goes(self) -> bool:
        """Whether the home volume goes with its user.

        Another profile than the one that was chosen last may have made it: then it says so itself.
        """
        name = self.volume_name
        if self.home_volume:
            goes = bool(self.delete_volumes)
        else:
            found = await self.cloud.volume_marks(name, self.owner.marks())
            if found is None:
                return False
            goes = marks.goes(found)
        if not goes:
            self.log.info("The volume %s is kept, if it is there. See `delete_volumes`.", name)
        return goes

    async def _delete_volume(self) -> None:
        """Remove the home volume, as soon as nothing has it any more.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses, or something still has it.
        """
        name = self.volume_name
        self.log.info("Removing the volume %s of %s", name, self.user.name)
        going = volumes.removed(self.place, name, self.owner.marks(), self.title, VOLUME_SECONDS)
        task = asyncio.ensure_future(going)
        # Alone, nobody else sees to it that a person does not wait so long: the machine of another
        # server may have it, which goes after this one.
        await volumes.watched(task, None if self.anywhere_target is not None else ALONE_SECONDS)

    async def rename(self, old_name: str, new_name: str) -> None:
        """Refuse where a machine is kept for the old name: its files would be lost to the new one.

        Raises:
            HTTPError: One is.
        """
        if self.anywhere_keeps and await self._kept():
            raise web.HTTPError(
                _CONFLICT,
                f"The server {old_name} cannot be renamed: its machine {self.resource} is kept for"
                f" its name. Make a new server {new_name}, and delete this one when nothing in it"
                " is needed any more.",
            )
        await maybe_future(super().rename(old_name, new_name))

    # --- certificates ----------------------------------------------------------------------------

    async def create_certs(self) -> Mapping[str, str]:
        """None here: the machine makes its own key, and its certificate is signed at redemption."""
        return {}

    async def move_certs(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        """Nothing is to be moved."""
        return paths


# Also where this class alone is named in a hub's configuration.
api.install()
