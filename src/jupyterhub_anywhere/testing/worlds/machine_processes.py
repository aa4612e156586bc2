"""Machines of the memory provider that run the real agent, each as processes of this machine.

The agent is the one that travels in user-data, with the configuration that stands there; only the
boot script's own part, which would install a unit of systemd here, is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.machines import launcher

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.targets.machines.provider import Machine

_CONFIG: Final = re.compile(r"<<'END_OF_CONFIG'\n(.*?)\nEND_OF_CONFIG\n", re.DOTALL)
_FILES: Final = ("agent.py", "tunnel.py")


class ProcessGuest:
    """What machines run; implements `memory_cloud.Guest`.

    Args:
        folder: Where the machines' disks are; private.
        config: More of the agents' configuration, as ``search``.
    """

    def __init__(self, folder: Path, **config: Any) -> None:
        self._folder, self._config = folder, config
        self._agents: dict[str, subprocess.Popen[bytes]] = {}

    def disk(self, machine_id: str) -> Path:
        """The folder of a machine's agent."""
        return self._folder / machine_id

    async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
        """It boots: its agent is laid down the first time, and started."""
        await asyncio.to_thread(self._begin, machine, userdata, first)

    def _begin(self, machine: Machine, userdata: str, first: bool) -> None:  # noqa: FBT001 - as given
        disk = self.disk(machine.id)
        if first:
            [text] = _CONFIG.findall(userdata)
            self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            disk.mkdir(mode=0o700)
            # Servers' accounts pass through it.
            run = self._folder / f"{machine.id}.run"
            run.mkdir(mode=0o711)
            config = {**json.loads(text), "run": str(run), **self._config}
            (disk / "config.json").write_text(json.dumps(config), "utf-8")
            for name in _FILES:
                (disk / name).write_text(launcher.sent(launcher.source(name)), "utf-8")
        with (disk / "agent.log").open("ab") as log:
            self._agents[machine.id] = subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-I", str(disk / "agent.py")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"]},
                start_new_session=True,
            )

    async def end(self, machine: Machine) -> None:
        """It is switched off, as by pulling its plug."""
        await asyncio.to_thread(self._end, machine)

    def _end(self, machine: Machine) -> None:
        agent = self._agents.pop(machine.id, None)
        if agent is not None:
            agent.kill()
            agent.wait()
        for path in self.disk(machine.id).glob("servers/*.json"):
            pid = json.loads(path.read_text("utf-8")).get("pid")
            if pid:
                _kill_group(int(pid))


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        # It has ended before.
        return
