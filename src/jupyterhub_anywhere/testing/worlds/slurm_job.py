"""A job of the recording Slurm: its states, and its stub that tells the hub its port."""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import TYPE_CHECKING, Final

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from jupyterhub_anywhere.testing.worlds.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODE: Final = "127.0.0.1"
"""The only node. A name would have to be resolved, and every machine does that otherwise."""

_AGAIN: Final = 0.05
"""Seconds between two reports."""


class State(Enum):
    """States as ``squeue`` names them (JOB STATE CODES in its manual)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def lives(self) -> bool:
        """Whether ``squeue`` shows a job in this state without being asked for all."""
        return self in {State.PENDING, State.RUNNING}

    def line(self) -> str:
        """What ``squeue -h -o '%T %B'`` prints; nothing for a job that has ended."""
        nodes = {State.PENDING: "n/a", State.RUNNING: NODE}
        return f"{self.value} {nodes[self]}\n" if self in nodes else ""


class Job:
    """One submitted script.

    Args:
        owner: The server's name.
        environment: Exported to the job.
        lines: The script's lines.
    """

    def __init__(self, owner: str, environment: Mapping[str, str], lines: Sequence[str]) -> None:
        self.owner = owner
        self.state = State.PENDING
        self.environment = environment
        self._lines = lines
        self._program: Program | None = None
        self._report: asyncio.Task[None] | None = None

    def start(self, *, fails: bool = False) -> None:
        """Run the script: the stub serves only where it runs batchspawner's program."""
        serves = any("batchspawner-singleuser" in line for line in self._lines)
        if fails or not serves:
            self.state = State.FAILED
            return
        self.state = State.RUNNING
        self._program = Program(NODE)
        self._report = asyncio.create_task(self._tell(self._program.port))

    def end(self, state: State) -> None:
        """Kill it, unless it has ended."""
        if self.state.lives:
            self.state = state
        if self._report is not None:
            self._report.cancel()
        if self._program is not None:
            self._program.end()

    async def ended(self) -> None:
        """Wait until nothing of it is left."""
        if self._report is not None:
            await asyncio.gather(self._report, return_exceptions=True)
        if self._program is not None:
            await self._program.ended()

    async def _tell(self, port: int) -> None:
        """Report the port as ``batchspawner.singleuser`` 1.3.0 does, which takes any answer.

        That one ends where no hub answers. This one tries again: whether a hub that is started
        again is there in time would be chance, and a real job takes longer to come so far.
        """
        url = self.environment.get("JUPYTERHUB_API_URL")
        token = self.environment.get("JUPYTERHUB_API_TOKEN")
        if not url or not token:
            self._report = None
            self.end(State.FAILED)
            return
        request = HTTPRequest(
            f"{url.rstrip('/')}/batchspawner",
            "POST",
            headers={"Authorization": f"token {token}"},
            body=json.dumps({"port": port}),
        )
        while True:
            try:
                await AsyncHTTPClient().fetch(request, raise_error=False)
            except OSError:
                await asyncio.sleep(_AGAIN)
            else:
                return
