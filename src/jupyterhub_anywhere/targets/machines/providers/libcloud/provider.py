"""The provider `libcloud`: what the hub asks, in threads of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.clock import Clock, SystemClock
from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.targets.machines.provider import ProviderError, Volume
from jupyterhub_anywhere.targets.machines.providers.libcloud.account import (
    EC2,
    Account,
    userdata_limit,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import whole_names
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing, NoneOfOurs
from jupyterhub_anywhere.targets.machines.providers.libcloud.findings import Looking
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Lookups
from jupyterhub_anywhere.targets.machines.providers.libcloud.making import (
    PATIENCE,
    PAUSE,
    Making,
    lasting,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.pool import THREADS, Drivers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Access, Machine, Rest, Wanted
    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend

log = logging.getLogger(__name__)
# States of a volume that pass by themselves, or with what has it, in the words of Cinder and EC2.
BUSY: Final = frozenset(
    {
        *("creating", "reserved", "attaching", "in-use", "detaching", "deleting", "extending"),
        *("retyping", "backing-up", "restoring-backup", "uploading", "downloading", "maintenance"),
    }
)


class LibcloudProvider:
    """Acquires and releases machines through Apache libcloud.

    Constructing it asks nobody.

    Args:
        access: The cloud, and as whom.
        threads: Calls to the cloud at a time.
        pause: Seconds between looks at what is being made.
        patience: Seconds until such a thing is given up.
        clock: The time.

    Attributes:
        account: The cloud.
        userdata_limit: Bytes of user-data that the cloud takes.
    """

    def __init__(
        self,
        access: Access,
        *,
        threads: int = THREADS,
        pause: float = PAUSE,
        patience: float = PATIENCE,
        clock: Clock | None = None,
    ) -> None:
        self._title = access.title
        self.account = Account.of(access)
        self.userdata_limit = userdata_limit(self.account.driver)
        self._clock = clock or SystemClock()
        self._newest, self._threads = access.same_name == "newest", threads
        self._pause, self._patience = pause, patience
        self._parts: tuple[Drivers, Backend, Making] | None = None

    def _made(self) -> tuple[Drivers, Backend, Making]:
        """The parts, made at first use: libcloud takes a moment to import."""
        if self._parts is None:
            drivers = Drivers(self.account, self._clock, threads=self._threads)
            lookups = Lookups(self._clock, newest=self._newest)
            backend = _backend_class(self.account)(self.account, lookups)
            making = Making(drivers, backend, pause=self._pause, patience=self._patience)
            self._parts = drivers, backend, making
        return self._parts

    def _doing(self, what: str, *, changes: bool = False) -> Doing:
        return Doing(what, self.account.place, changes)

    async def source(self) -> str:
        """The identity of what answers.

        Raises:
            ProviderError: It cannot be asked.
        """
        drivers, backend, _ = self._made()
        return await drivers.run(backend.source, doing=self._doing("nobody answers"))

    async def machines(self, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All machines that have these marks; all of them or an error.

        Raises:
            ProviderError: They cannot be listed.
        """
        drivers, backend, _ = self._made()
        doing = self._doing("the machines cannot be listed")
        return await drivers.run(backend.marked, marks, doing=doing)

    async def named(self, pattern: str) -> Sequence[Machine]:
        """All machines whose name matches a regular expression as a whole, marked or not.

        Raises:
            ProviderError: They cannot be listed, or it is no regular expression.
        """
        drivers, backend, _ = self._made()
        doing = self._doing("the machines cannot be listed")
        return await drivers.run(
            lambda driver: whole_names(backend.listed(driver), pattern), doing=doing
        )

    async def machine(self, machine_id: str) -> Machine | None:
        """One machine as it is now; None where the cloud says that there is none.

        Raises:
            ProviderError: It cannot be asked.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the machine {machine_id} cannot be looked at")
        return await drivers.run(backend.machine, machine_id, doing=doing)

    async def mark(self, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write marks on a machine beside those that it has; an empty value takes one away.

        Raises:
            ProviderError: The cloud refuses, or its driver cannot do that.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the machine {machine_id} cannot be marked", changes=True)
        await drivers.run(backend.mark, machine_id, marks, doing=doing)

    async def create(self, wanted: Wanted) -> Machine:
        """Ask for a machine, and return as soon as it has an id.

        Raises:
            ProviderError: It cannot be made; `sure` says whether it may be there all the same.
        """
        _, _, making = self._made()
        return await making.create(wanted)

    async def destroy(self, machine_id: str) -> bool:
        """Begin or go on to remove a machine; True once it is proven gone.

        Raises:
            ProviderError: The cloud refuses, or cannot be asked.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the machine {machine_id} cannot be removed", changes=True)
        return await drivers.run(backend.destroy, machine_id, doing=doing)

    async def leftovers(
        self, marks: Mapping[str, str], present: Collection[str]
    ) -> Sequence[Machine]:
        """What machines of ours have left that are gone themselves; see `Provider.leftovers`.

        Raises:
            ProviderError: It cannot be listed.
        """
        drivers, backend, _ = self._made()
        doing = self._doing("what machines have left cannot be listed")
        return await drivers.run(backend.leftovers, marks, present, doing=doing)

    async def rest(self, machine_id: str, how: Rest) -> bool:
        """Stop, suspend or shelve a machine; True once it rests.

        Raises:
            ProviderError: The cloud refuses, or its driver cannot do that.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the machine {machine_id} cannot be put to rest", changes=True)
        return await drivers.run(backend.rest, machine_id, how, doing=doing)

    async def wake(self, machine_id: str) -> None:
        """Start, resume or unshelve a machine; one that runs is left alone.

        Raises:
            ProviderError: The cloud refuses, or its driver cannot do that.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the machine {machine_id} cannot be started", changes=True)
        await drivers.run(backend.wake, machine_id, doing=doing)

    async def volume_marks(self, name: str, marks: Mapping[str, str]) -> Mapping[str, str] | None:
        """The marks that a volume of ours has; None where there is none, or there are no volumes.

        Raises:
            ProviderError: It cannot be asked, or there are several.
        """
        drivers, backend, _ = self._made()

        def look(driver: Any) -> Mapping[str, str] | None:
            try:
                found = backend.volume(driver, Volume(name, 0), lasting(marks))
            except NoneOfOurs:
                return None
            return None if found is None else backend.volume_marks(found)

        doing = self._doing(f"the volume {name} cannot be looked at")
        return await drivers.run(look, doing=doing)

    async def delete_volume(self, name: str, marks: Mapping[str, str]) -> bool:
        """Remove a volume of ours; True once it is gone, or was never there.

        Raises:
            ProviderError: The cloud refuses, or the volume is somebody else's.
        """
        drivers, backend, _ = self._made()

        def remove(driver: Any) -> bool:
            found = backend.volume(driver, Volume(name, 0), lasting(marks))
            # One that a machine still has, or that goes already, would be refused.
            if found is not None and backend.volume_state(driver, found.id) not in BUSY:
                backend.remove_volume(driver, found.id)
            return found is None

        doing = self._doing(f"the volume {name} cannot be removed", changes=True)
        return await drivers.run(remove, doing=doing)

    async def console(self, machine_id: str, lines: int) -> str:
        """The last lines of its console; empty where the driver has none.

        Raises:
            ProviderError: The cloud refuses, or cannot be asked.
        """
        drivers, backend, _ = self._made()
        doing = self._doing(f"the console of {machine_id} cannot be read")
        return await drivers.run(backend.console, machine_id, lines, doing=doing)

    async def findings(self, choices: Mapping[str, Sequence[Any]]) -> Sequence[Finding]:
        """What `anywhere doctor` tells; each with its cure. Never raises."""
        return await self._looked(lambda looking: looking.all(choices))

    async def misfits(self, pairs: Collection[tuple[str, str]]) -> Sequence[Finding]:
        """See `Provider.misfits`; only OpenStack tells what an image needs."""
        return await self._looked(lambda looking: looking.pairs(pairs))

    async def _looked(self, how: Callable[[Looking], list[Finding]]) -> Sequence[Finding]:
        drivers, backend, _ = self._made()
        now = self._clock.now()

        def look(driver: Any) -> list[Finding]:
            return how(Looking(self._title, backend, driver, now))

        try:
            return await drivers.run(look, doing=self._doing("it cannot be looked at"))
        except ProviderError as error:
            cure = error.hint or "Look at the keys of the target."
            return [Finding(Level.ERROR, f"{self._title}: cloud", error.message, cure)]

    async def close(self) -> None:
        """Give up threads and connections."""
        if self._parts is not None:
            self._parts[0].close()


def _backend_class(account: Account) -> type[Backend]:
    if account.openstack:
        from jupyterhub_anywhere.targets.machines.providers.libcloud.cinder import WithVolumes

        return WithVolumes
    if account.driver.lower() == EC2:
        from jupyterhub_anywhere.targets.machines.providers.libcloud.ec2 import Ec2Backend

        return Ec2Backend
    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend

    return Backend
