"""Servers as processes of low priority: a spawner of forty lines."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any

from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port
from traitlets import Integer


class NiceSpawner(Spawner):  # type: ignore[misc]  # JupyterHub has no types
    """Starts each server by ``nice``, under the account of the hub."""

    niceness = Integer(10, min=0, max=19, help="How far it stands back.").tag(config=True)
    pid = 0

    def get_state(self) -> dict[str, Any]:
        """What finds the server again when the hub was restarted."""
        return {**super().get_state(), **({"pid": self.pid} if self.pid else {})}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state of before."""
        super().load_state(state)
        self.pid = state.get("pid", 0)

    async def start(self) -> str:
        """Start the server and say where it will answer."""
        self.ip, self.port = "127.0.0.1", random_port()
        command = ["nice", f"-n{self.niceness}", *self.cmd, *self.get_args()]
        environment = {"PATH": os.environ["PATH"], **self.get_env()}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, start_new_session=True
        )
        self.pid = process.pid
        return f"http://{self.ip}:{self.port}"

    async def poll(self) -> int | None:
        """Whether it runs: None for yes."""
        with suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, 0)
                return None
        return 0

    async def stop(self) -> None:
        """End it, and what it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            for _ in range(50):
                if await self.poll() is not None:
                    return
                await asyncio.sleep(0.1)
