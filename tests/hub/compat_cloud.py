"""A cloud within the hub's process, which stands for OpenStack; imported by its configuration.

The hub answers at ``/hub/cloud`` what is there: machines, what they were made with, every call.
"""

from __future__ import annotations

import asyncio
import re
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub.handlers import BaseHandler
from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.targets.machines import kind
from jupyterhub_anywhere.targets.machines.provider import Wanted
from jupyterhub_anywhere.targets.machines.providers.memory import MemoryProvider
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud, MemoryImage
from jupyterhub_anywhere.testing.stub import application
from jupyterhub_anywhere.testing.worlds.machines import StubGuest

if TYPE_CHECKING:
    from traitlets.config import Config

    from jupyterhub_anywhere.targets.machines.provider import Access, Machine

CLOUD = MemoryCloud("default")
ACCESS: list[dict[str, Any]] = []
WANTED: list[dict[str, Any]] = []
TASKS: list[asyncio.Task[None]] = []
_INCLUDE = re.compile(r"#include-once\n(http\S+)\n")
_PORT = re.compile(r"JUPYTERHUB_SERVICE_URL=http://0\.0\.0\.0:(\d+)/")


def _fetch(url: str, source: str) -> tuple[int, str]:
    """Status and text of an address, asked from a machine's own."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, source_address=(source, 0))
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Guests(StubGuest):
    """Machines with an agent, and machines whose cloud-init follows what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.again: list[int] = []
        self.includes = True
        self.silent = False
        self.servers: dict[str, HTTPServer] = {}

    async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
        if self.silent:
            return
        included = _INCLUDE.fullmatch(userdata)
        if included and self.includes:
            _, userdata = await asyncio.to_thread(_fetch, included[1], machine.private[0])
            status, _ = await asyncio.to_thread(_fetch, included[1], machine.private[0])
            self.again.append(status)
        elif "awt1." in userdata and not included:
            await super().begin(machine, userdata, first=first)
            return
        self.fetched.append(userdata)
        port = _PORT.search(userdata)
        if port:
            self.listen(machine, int(port[1]))

    def listen(self, machine: Machine, port: int) -> None:
        """Let a server listen on a machine."""
        server = self.servers[machine.id] = HTTPServer(application())
        server.listen(port, machine.private[0])

    async def end(self, machine: Machine) -> None:
        await super().end(machine)
        server = self.servers.pop(machine.id, None)
        if server is not None:
            server.stop()
            await server.close_all_connections()


class Provider(MemoryProvider):
    """Notes down what it is constructed with, and what it is asked to make."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        ACCESS.append(
            {
                name: getattr(access, name)
                for name in ("user", "key", "auth_url", "region", "verify")
            }
            | {"options": dict(access.options)}
        )

    async def create(self, wanted: Wanted) -> Machine:
        names = ("name", "image", "size", "networks", "key")
        WANTED.append({name: getattr(wanted, name) for name in names})
        return await super().create(wanted)


GUESTS = Guests()


class CloudHandler(BaseHandler):
    """What is there; ``?do=`` lets something happen first."""

    async def get(self) -> None:
        do = self.get_query_argument("do", "")
        if do in {"away", "back"}:
            CLOUD.away = do == "away"
        elif do == "deaf":
            # Nothing on any machine answers any more; the machines run.
            for machine in CLOUD.machines.values():
                await GUESTS.end(machine)
        machines = {
            each.id: {
                "name": each.name,
                "power": str(each.power),
                "private": list(each.private),
                "marks": dict(each.marks),
                "userdata": CLOUD.userdata(each.id),
            }
            for each in CLOUD.machines.values()
        }
        self.finish(
            {
                "machines": machines,
                "access": ACCESS,
                "wanted": WANTED,
                "asked": CLOUD.asked,
                "refusals": GUESTS.refusals,
                "fetched": GUESTS.fetched,
                "again": GUESTS.again,
                "jobs": [_job(disk.job) for disk in GUESTS.disks.values()],
            }
        )


def _job(job: Any) -> dict[str, Any]:
    return {name: job.get(name) for name in ("args", "env", "account", "ports", "install", "cmd")}


def provide(c: Config, *, includes: bool = True) -> None:
    """Let all providers be this cloud."""
    vars(kind)["provider_class"] = lambda _name: Provider
    CLOUD.guest = GUESTS
    GUESTS.includes = includes
    CLOUD.images |= {name: MemoryImage(name) for name in ("lab-24", "r-24")}
    CLOUD.images["broken"] = MemoryImage("broken", "No valid host was found")
    CLOUD.sizes |= {"s1", "s8"}
    CLOUD.networks |= {"private-net"}
    CLOUD.keys |= {"sysadmin"}
    c.JupyterHub.extra_handlers = [("/cloud", CloudHandler)]


def ancestor(user: str, port: int) -> str:
    """A machine that LibcloudSpawner has left: no marks, and a name of its own."""
    made = CLOUD.create(Wanted(name=f"jhub-{user}-ABCDEF", image="lab-24", size="s1"))

    async def listen() -> None:
        await CLOUD.settled()
        GUESTS.listen(CLOUD.machines[made.id], port)

    # A loop keeps no task alive.
    TASKS.append(asyncio.get_running_loop().create_task(listen()))
    return made.id
