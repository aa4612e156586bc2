"""What machines of the memory provider run where no processes are wanted: an agent in this process.

It does what the agent does, as far as hub and ledger can tell: it redeems its ticket by the hub's
own door, listens, reports, and asks again by its credential when its machine is woken.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jupyterhub
from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.targets.machines import waiting
from jupyterhub_anywhere.targets.machines.tickets import Refusal, key_of
from jupyterhub_anywhere.targets.machines.waiting import Caller, JobRefusedError
from jupyterhub_anywhere.testing.stub import application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.machines.provider import Machine
    from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud

_TICKET: Final = re.compile(r"awt1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
# A program that ends as soon as it is started, and with what.
CRASHING: Final = "crash"
CRASHED: Final = 7


@dataclass
class Disk:
    """What is on a machine.

    Attributes:
        key: Under which it reports.
        secret: Of its credential.
        job: What it was told to run.
        server: Listens while its server runs.
        port: Where.
    """

    key: str = ""
    secret: str = field(default="", repr=False)
    job: Mapping[str, Any] = field(default_factory=dict, repr=False)
    server: HTTPServer | None = None
    port: int = 0


class StubGuest:
    """A machine's programs; implements `memory_cloud.Guest`.

    Attributes:
        disks: Machine id to what is on it.
        singleuser: The version of jupyterhub-singleuser that machines have; None for none.
        failed: What ended badly before the agent was started, and below it what that said.
        refusals: Why machines were turned away, in order.
    """

    def __init__(self) -> None:
        self.disks: dict[str, Disk] = {}
        self.singleuser: str | None = jupyterhub.__version__
        self.failed = ""
        self.refusals: list[str] = []

    async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
        """Redeem, start the server, report."""
        disk = self.disks.setdefault(machine.id, Disk())
        try:
            job = await self._redeem(machine, disk, userdata, first=first)
        except JobRefusedError as error:
            self.refusals.append(str(error))
            return
        if isinstance(job, Refusal):
            self.refusals.append(str(job.reason))
            return
        disk.job = job
        await self.report(machine, "starting")
        if job["cmd"] == [CRASHING]:
            token = job["env"]["JUPYTERHUB_API_TOKEN"]
            log = [f"my token is {token}", "last words"]
            await self.report(machine, "ended", status=CRASHED, log=log)
            return
        self._listen(machine, disk)
        await self.report(machine, "listening", port=disk.port)

    async def _redeem(
        self, machine: Machine, disk: Disk, userdata: str, *, first: bool
    ) -> Mapping[str, Any] | Refusal:
        [address] = machine.private
        told = {"addresses": [address], "hostname": machine.name, "python": "3.11"}
        told["failed"] = self.failed
        caller = Caller(address, {**told, "singleuser": self.singleuser}, again=not first)
        if first:
            [ticket] = set(_TICKET.findall(userdata))
            disk.key, disk.secret = key_of(ticket), secrets.token_urlsafe(32)
            return await waiting.hub.redeem(ticket, disk.secret, caller)
        found = waiting.hub.admit(f"{disk.key}.{disk.secret}", address)
        return found if isinstance(found, Refusal) else await found[1].redeemed(caller)

    async def report(self, machine: Machine, stage: str, **more: Any) -> Mapping[str, Any] | None:
        """Say how far a machine is; None where nobody listens."""
        disk = self.disks[machine.id]
        found = waiting.hub.admit(f"{disk.key}.{disk.secret}", machine.private[0])
        if isinstance(found, Refusal):
            return None
        return await found[1].reported({"stage": stage, **more})

    def _listen(self, machine: Machine, disk: Disk) -> None:
        disk.server = HTTPServer(application())
        disk.server.listen(0, machine.private[0])
        (listener,) = disk.server._sockets.values()  # noqa: SLF001 - tornado tells the port nowhere else
        disk.port = listener.getsockname()[1]

    async def end(self, machine: Machine) -> None:
        """Its programs end."""
        disk = self.disks.get(machine.id, Disk())
        server, disk.server, disk.port = disk.server, None, 0
        if server is not None:
            server.stop()
            await server.close_all_connections()


class SharingGuest(StubGuest):
    """One whose machines run several servers, by further tickets, as the agent does.

    Args:
        cloud: Where the machines are.

    Attributes:
        takes_tickets: Whether further tickets are taken.
        crashes: Whether what a further ticket starts ends at once.
    """

    def __init__(self, cloud: MemoryCloud) -> None:
        super().__init__()
        self.cloud = cloud
        self.takes_tickets, self.crashes = True, False
        self._more: dict[str, dict[str, Disk]] = {}

    def there(self, machine: str) -> list[Disk]:
        """What is on a machine, one for each server."""
        first = self.disks.get(machine)
        more = self._more.get(machine, {})
        return [*([first] if first is not None and first.key else []), *more.values()]

    async def beat(self) -> None:
        """Report for every server, again and again, and do what the answers say."""
        while True:
            await asyncio.sleep(0.01)
            for machine in list(self.cloud.machines.values()):
                for disk in self.there(machine.id):
                    if disk.server is not None and machine.private:
                        await self._tell(machine, disk, "running", port=disk.port)

    async def crash(self, machine: Machine, key: str) -> None:
        """End one server's program; the agent says so."""
        [disk] = [each for each in self.there(machine.id) if each.key == key]
        await self._halt(disk)
        await self._tell(machine, disk, "ended", status=137)

    async def _tell(self, machine: Machine, disk: Disk, stage: str, **more: Any) -> None:
        found = waiting.hub.admit(f"{disk.key}.{disk.secret}", machine.private[0])
        if isinstance(found, Refusal):
            return
        servers = [each.key for each in self.there(machine.id)]
        answer = await found[1].reported({"stage": stage, "servers": servers, **more})
        for key in answer.get("end", ()):
            await self._leave(machine.id, key)
        ticket = answer.get("ticket")
        if ticket and self.takes_tickets and key_of(ticket) not in servers:
            await self._take(machine, ticket)

    async def _leave(self, machine: str, key: str) -> None:
        for disk in self.there(machine):
            if disk.key == key:
                await self._halt(disk)
                disk.key = ""
        self._more.get(machine, {}).pop(key, None)

    async def _take(self, machine: Machine, ticket: str) -> None:
        disk = Disk(key_of(ticket), secrets.token_urlsafe(32))
        self._more.setdefault(machine.id, {})[disk.key] = disk
        [address] = machine.private
        told = {"addresses": [address], "singleuser": self.singleuser}
        job = await waiting.hub.redeem(ticket, disk.secret, Caller(address, told))
        if isinstance(job, Refusal):
            self.refusals.append(str(job.reason))
            return
        disk.job = job
        if self.crashes:
            await self._tell(machine, disk, "ended", status=CRASHED, log=["last words"])
            return
        self._listen(machine, disk)
        await self._tell(machine, disk, "listening", port=disk.port)

    async def _halt(self, disk: Disk) -> None:
        server, disk.server, disk.port = disk.server, None, 0
        if server is not None:
            server.stop()
            await server.close_all_connections()

    async def end(self, machine: Machine) -> None:
        """Its programs end."""
        for disk in self.there(machine.id):
            await self._halt(disk)
        self._more.pop(machine.id, None)
        self.disks.pop(machine.id, None)
