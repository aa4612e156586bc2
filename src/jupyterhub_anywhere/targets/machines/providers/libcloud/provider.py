"""The provider `libcloud`: what the hub asks, in threads of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.clock import Clock, SystemClock
from jupyterhub_anywhere.targets.machines.providers.libcloud.access import Access
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import whole_names
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Lookups
from jupyterhub_anywhere.targets.machines.providers.libcloud.making import (
    PATIENCE,
    PAUSE,
    Making,
    lasting,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.pool import THREADS, Drivers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.core.findings import Finding
    from jupyterhub_anywhere.targets.machines.provider import Machine, Rest, Wanted
    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend

log = logging.getLogger(__name__)


class LibcloudProvider:
    """Acquires and releases machines through Apache libcloud.

    Constructing it asks nobody.

    Args:
        driver: libcloud's name of the driver.
        user: The driver's first argument.
        key: Its second.
        auth_url: OpenStack: the identity service, in any form in use.
        region: The region; None for the driver's own.
        options: Further parameters of the driver, as they are.
        verify: Whether the certificates of the cloud's API are verified, or a file of authorities.
        same_name: Where two images of one name are there: ``refuse`` or ``newest``.
        threads: Calls to the cloud at a time.
        pause: Seconds between looks at what is being made.
        patience: Seconds until such a thing is given up.
        clock: The time.
    """

    def __init__(  # noqa: PLR0913 - one argument a key of the target
        self,
        *,
        driver: str = "openstack",
        user: str = "",
        key: str = "",
        auth_url: str | None = None,
        region: str | None = None,
        options: Mapping[str, Any] | None = None,
        verify: bool | Path = True,
        same_name: str = "refuse",
        threads: int = THREADS,
        pause: float = PAUSE,
        patience: float = PATIENCE,
        clock: Clock | None = None,
    ) -> None:
        self.access = Access(
            driver=driver,
            user=user,
            key=key,
            auth_url=auth_url,
            region=region,
            options=dict(options or {}),
            verify=verify,
        )
        self._clock = clock or SystemClock()
        self._newest, self._threads = same_name == "newest", threads
        self._pause, self._patience = pause, patience
        self._parts: tuple[Drivers, Backend, Making] | None = None

    def _made(self) -> tuple[Drivers, Backend, Making]:
        """The parts, made at first use: libcloud takes a moment to import."""
        if self._parts is None:
            drivers = Drivers(self.access, self._clock, threads=self._threads)
            lookups = Lookups(self._clock, newest=self._newest)
            backend = _backend_class(self.access)(self.access, lookups)
            making = Making(drivers, backend, pause=self._pause, patience=self._patience)
            self._parts = drivers, backend, making
        return self._parts

    def _doing(self, what: str, *, changes: bool = False) -> Doing:
        return Doing(what, self.access.place, changes)

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

    async def delete_volume(self, name: str, marks: Mapping[str, str]) -> bool:
        """Remove a volume of ours; True once it is gone, or was never there.

        Raises:
            ProviderError: The cloud refuses, or the volume is somebody else's.
        """
        from jupyterhub_anywhere.targets.machines.provider import Volume

        drivers, backend, _ = self._made()

        def remove(driver: Any) -> bool:
            found = backend.volume(driver, Volume(name, 0), lasting(marks))
            if found is not None:
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
        _ = choices
        return []

    async def close(self) -> None:
        """Give up threads and connections."""
        if self._parts is not None:
            self._parts[0].close()


def _backend_class(access: Access) -> type[Backend]:
    if access.openstack:
        from jupyterhub_anywhere.targets.machines.providers.libcloud.cinder import WithVolumes

        return WithVolumes
    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend

    return Backend
