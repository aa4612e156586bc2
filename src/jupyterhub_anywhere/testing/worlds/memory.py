"""A back end in this process, for `ThoroughSpawner`."""

from __future__ import annotations

import asyncio
import contextvars
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.testing.stub import application
from jupyterhub_anywhere.testing.words import Words
from jupyterhub_anywhere.testing.world import Call, Fault, World

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path


@dataclass
class Machine:
    """What was made for one server.

    Attributes:
        token: The token that it was made with; what is booted again still has it.
        server: Listens while it runs.
        port: Where it listens; 0 while it is halted.
    """

    token: str
    server: HTTPServer | None = None
    port: int = 0


class MemoryWorld(World):
    """Machines that are listeners of this process."""

    steps: ClassVar[tuple[str, ...]] = ("create", "boot", "look", "address", "halt", "remove")
    # By their folders: configuration is copied, and so has to be plain text.
    opened: ClassVar[dict[str, MemoryWorld]] = {}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machines: dict[str, Machine] = {}
        self._words = Words({str(folder): "FOLDER"})
        self._calls: list[Call] = []
        self._faults: dict[tuple[str, str], Fault] = {}
        self._changed = asyncio.Event()
        self._closing: list[asyncio.Task[None]] = []
        # Listeners belong to the world, not to the hub that asks for them.
        self._context = contextvars.copy_context()

    async def open(self) -> None:
        """Begin to answer."""
        self.opened[str(self.folder)] = self

    async def close(self) -> None:
        """End every machine."""
        self.opened.pop(str(self.folder), None)
        self._faults.clear()
        self._changed.set()
        for machine in self.machines.values():
            self._halt(machine)
        await asyncio.gather(*self._closing)

    @property
    def calls(self) -> Sequence[Call]:
        """Every request so far."""
        return tuple(self._calls)

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let calls fail or hang from now on."""
        if kind is None:
            self._faults.pop((step, server), None)
        else:
            self._faults[step, server] = kind
        self._changed.set()
        self._changed = asyncio.Event()

    def settings(self) -> Mapping[str, Any]:
        """Where the spawner finds this world."""
        return {"place": str(self.folder)}

    def environment(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def alive(self) -> Collection[str]:
        """The machines, running or halted."""
        return tuple(self.machines)

    # --- what the spawner asks -------------------------------------------------------------------

    async def ask(self, step: str, name: str, **facts: Any) -> Any:
        """One request.

        Args:
            step: What is asked.
            name: Of the machine.
            facts: Written down.

        Returns:
            Of ``look``: whether it runs. Of ``address`` and ``boot``: the port.

        Raises:
            RuntimeError: The world was told to fail, or there is no such machine.
        """
        self._calls.append(Call(step, self._words.plain({"machine": name, **facts})))
        await asyncio.sleep(0)
        while (fault := self._fault_of(step, name)) == "hang":
            await self._changed.wait()
        if fault == "error":
            raise RuntimeError(f"the recording back end was told to fail at {step}")
        return self._context.run(self._answer, step, name, facts)

    def _fault_of(self, step: str, name: str) -> Fault | None:
        return self._faults.get((step, name)) or self._faults.get((step, ""))

    def _answer(self, step: str, name: str, facts: Mapping[str, Any]) -> Any:
        if step == "create":
            return self.machines.setdefault(name, Machine(facts["token"])).token
        machine = self.machines.get(name)
        if step == "look":
            return machine is not None and machine.port > 0
        if step not in self.steps:
            return None  # only written down
        if machine is None:
            raise RuntimeError(f"there is no machine {name}")
        if step == "boot":
            self._boot(machine, facts["certificates"])
        elif step == "halt":
            self._halt(machine)
        elif step == "remove":
            self._halt(self.machines.pop(name))
        return machine.port

    @staticmethod
    def _boot(machine: Machine, certificates: Mapping[str, str]) -> None:
        if machine.server is not None:
            return
        context = None
        if certificates:
            context = ssl.create_default_context(
                ssl.Purpose.CLIENT_AUTH, cafile=certificates["cafile"]
            )
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(certificates["certfile"], certificates["keyfile"])
        machine.server = HTTPServer(application(), ssl_options=context)
        machine.server.listen(0, "127.0.0.1")
        (listener,) = machine.server._sockets.values()  # noqa: SLF001 - tornado tells the port nowhere else
        machine.port = listener.getsockname()[1]

    def _halt(self, machine: Machine) -> None:
        server, machine.server, machine.port = machine.server, None, 0
        if server is not None:
            server.stop()
            self._closing.append(asyncio.create_task(server.close_all_connections()))
