"""Machines that are processes, in mounts of their own; for a hub with provider memory."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.targets.machines.provider import Machine

OWN: Final = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
SHELL_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A machine without systemd: nothing that it writes is on this one, but below its folder.
MACHINE = r"""
set -eu
umask 022
mount --make-rprivate /
[ -d "$1/etc" ] || cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
for each in home var/lib var/mail run opt; do
    mkdir -p "$1/$each"
    mount --bind "$1/$each" "/$each" || true
done
# As cloud-init makes it: for what runs at each boot.
mkdir -p /opt/venv/bin /var/lib/cloud/scripts/per-boot
cp "$2" /opt/venv/bin/jupyterhub-singleuser
chmod 755 "$1" /opt/venv/bin/jupyterhub-singleuser
cd /
while read -r command; do
    eval "$command" || echo "status $?"
    echo "=""end of it"
done
"""


class Guest:
    """What runs on the machines of a memory cloud: their user-data, as root of a machine.

    Args:
        folder: Where their files are, one folder a machine; they stay after its end.
        program: What is their ``jupyterhub-singleuser``.
    """

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder, self.program = folder, program
        self.shells: dict[str, subprocess.Popen[str]] = {}

    async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
        """Switch a machine on; at its first boot it runs its user-data, else what that left."""
        folder = self.folder / machine.id
        folder.mkdir(exist_ok=True)
        script = folder / "user-data"
        if first:
            script.write_text(userdata, "utf-8")
            script.chmod(0o700)
        shell = await asyncio.to_thread(self._shell, folder)
        assert shell.stdin is not None
        command = str(script) if first else "/var/lib/jupyterhub-anywhere/boot"
        shell.stdin.write(f"{command} </dev/null\n")
        shell.stdin.flush()
        self.shells[machine.id] = shell

    def _shell(self, folder: Path) -> subprocess.Popen[str]:
        with (folder / "console").open("ab") as console:
            return subprocess.Popen(
                ["unshare", *OWN, "sh", "-c", MACHINE, "machine", str(folder), str(self.program)],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=subprocess.STDOUT,
                text=True,
                env={"PATH": SHELL_PATH},
            )

    async def end(self, machine: Machine) -> None:
        """Switch it off."""
        shell = self.shells.pop(machine.id)
        shell.kill()
        await asyncio.to_thread(shell.wait)

    def close(self) -> None:
        """Remove what machines have left."""
        shutil.rmtree(self.folder)


class Booting:
    """One such machine, whose shell's commands are what boots on it.

    Args:
        folder: Where its files are; it goes with it.
        program: What is its ``jupyterhub-singleuser``.
    """

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.shell = subprocess.Popen(
            ["unshare", *OWN, "sh", "-c", MACHINE, "machine", str(folder), str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": SHELL_PATH},
        )

    async def run(self, command: str) -> str:
        """Run a command; what it says."""
        return await asyncio.to_thread(self._run, command)

    def _run(self, command: str) -> str:
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()
        said = ""
        for line in self.shell.stdout:
            if line == "=end of it\n":
                return said
            said += line
        raise AssertionError(f"the machine has ended: {said}")

    async def boot(self, script: str) -> str:
        """Run a script as user-data is."""
        path = self.folder / "user-data"
        path.write_text(script, "utf-8")
        path.chmod(0o700)
        return await self.run(f"{path} </dev/null")

    @property
    def agent(self) -> Path:
        return self.folder / "var/lib/jupyterhub-anywhere"

    @property
    def log(self) -> str:
        path = self.agent / "agent.log"
        return path.read_text("utf-8") if path.exists() else ""

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        for stream in (self.shell.stdin, self.shell.stdout):
            assert stream is not None
            stream.close()
        shutil.rmtree(self.folder)
