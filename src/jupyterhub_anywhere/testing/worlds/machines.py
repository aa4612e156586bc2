"""What machines of the memory provider run where no processes are wanted: an agent in this process.

It does what the agent does, as far as hub and ledger can tell: it redeems its ticket by the hub's
own door, listens, reports, and asks again by its credential when its machine is woken.
"""

from __future__ import annotations

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
