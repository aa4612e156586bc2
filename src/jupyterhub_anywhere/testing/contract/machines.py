"""Machines in this process, as a subject of the contract."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import CloudTarget, waiting
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
from jupyterhub_anywhere.testing.contract.subject import Keys, Subject
from jupyterhub_anywhere.testing.worlds.machines import CRASHING, StubGuest

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_anywhere.targets.base import Target
    from jupyterhub_anywhere.targets.machines.provider import Machine

KILLED = 137


class MachinesSubject(Subject):
    """Servers on machines of the memory provider.

    Args:
        on_stop: What becomes of a machine when its server is stopped.
    """

    target: ClassVar[type[Target]] = CloudTarget

    def __init__(self, *, on_stop: str = "delete") -> None:
        self._on_stop = on_stop

    async def open(self) -> None:
        """Make a cloud."""
        self.cloud = MemoryCloud(secrets.token_hex(4))
        self.guest = self.cloud.guest = StubGuest()

    async def close(self) -> None:
        """End it."""
        await self.cloud.close()

    async def let_go(self, target: Target) -> None:
        """A hub has ended: nobody waits for its machines any more."""
        assert isinstance(target, CloudTarget)
        await target.place.close()
        for disk in self.guest.disks.values():
            waiting.forget(disk.key)

    def keys(self, **spawner: Any) -> Keys:
        """Which cloud, and what is made there."""
        wanted = {"image": "plain", "size": "small", "home_volume": 1, "on_stop": self._on_stop}
        return {
            "provider": "memory",
            "options": {"cloud": self.cloud.name},
            "spawner": {**wanted, **spawner},
        }

    async def names(self) -> Collection[str]:
        """All machines; of two with one name, each has its own."""
        found: list[str] = []
        for each in self.cloud.machines.values():
            found.append(f"{each.name}~{each.id}" if each.name in found else each.name)
        return found

    async def kill(self, name: str) -> None:
        """Let the server's program end; its machine runs on, and says so."""
        machine = self._named(name)
        await self.guest.end(machine)
        await self.guest.report(machine, "ended", status=KILLED)

    def _named(self, name: str) -> Machine:
        return next(each for each in self.cloud.machines.values() if each.name == name)

    def bad(self) -> tuple[Keys, FailureCause]:
        """An image that is not there."""
        return self.keys(image="missing"), FailureCause.IMAGE_NOT_FOUND

    def crashing(self) -> Keys:
        """A program that ends at once."""
        return self.keys(cmd=[CRASHING])

    async def write(self, url: str, text: str) -> None:
        """Onto the home volume of the machine that listens there."""
        self._home(url)["file"] = text

    async def read(self, url: str) -> str:
        """From it."""
        return self._home(url).get("file", "")

    def _home(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        [found] = [
            machine_id
            for machine_id, disk in self.guest.disks.items()
            if disk.port == parts.port
            and self.cloud.machines[machine_id].private[0] == parts.hostname
        ]
        [volume] = self.cloud.volumes_of(found)
        return volume.files

    def away(self) -> None:
        """No call is answered."""
        self.cloud.away = True

    def back(self) -> None:
        """Calls are answered."""
        self.cloud.away = False

    def script(self, *faults: str) -> None:
        """What becomes of the next calls."""
        self.cloud.script.clear()
        self.cloud.script.extend(faults)

    def asked(self) -> int:
        """How many calls there were."""
        return len(self.cloud.asked)
