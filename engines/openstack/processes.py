"""The processes of one cloud: each with a log, stopped whole, none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# By this name in its environment a process belongs to a cloud, whoever its parent is.
MARK: Final = "ANYWHERE_OPENSTACK"
# A busy machine is slow, not wrong.
PATIENCE: Final = 240.0
_LOG_LINES: Final = 20


class CloudError(Exception):
    """What the cloud did not do, with the end of a log."""


class Processes:
    """Processes by name.

    Attributes:
        folder: The cloud's files; what names it in its environment or command line is the cloud's.
        logs: The folder of their logs.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the services see of this environment."""
        # A proxy, or Python's search path, of whoever runs tests would change what services do.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("PYTHON", "OS_"))
        }
        return {**kept, "PYTHONWARNINGS": "ignore", MARK: str(self.folder), **(more or {})}

    def start(
        self,
        name: str,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start a process of a name, in a session of its own.

        Raises:
            CloudError: When its program cannot be run.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as log:
            try:
                self._running[name] = subprocess.Popen(
                    words,
                    cwd=cwd or self.folder,
                    env=self.environment(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise CloudError(f"{name}: {words[0]} cannot be run: {error.strerror}") from error

    def run(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a program to its end; what it said on its standard output.

        Raises:
            CloudError: When it fails.
        """
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(environment),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-_LOG_LINES:])
            name = " ".join(Path(word).name for word in words[:4])
            raise CloudError(f"{name} … failed:\n{said}")
        return done.stdout

    def running(self, name: str) -> bool:
        """Whether a process runs."""
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def names(self) -> list[str]:
        """All that were started and not stopped."""
        return list(self._running)

    def wait(self, name: str, ready: Callable[[], bool], what: str) -> None:
        """Wait until a process is ready.

        Raises:
            CloudError: When it ends before, or is not ready for long.
        """
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if not self.running(name):
                raise CloudError(f"{name} has ended before {what}. {self.tail(name)}")
            if time.monotonic() > deadline:
                raise CloudError(f"{name}: no {what} for {PATIENCE:.0f} s. {self.tail(name)}")
            time.sleep(0.1)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process and its children."""
        process = self._running[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def stop(self, name: str, *, gently: bool = False) -> None:
        """End a process with its children: at once, or gently at first."""
        process = self._running.pop(name, None)
        if process is None:
            return
        if gently:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        """Kill all of the cloud's, also what left its session or lost its parent."""
        for name in self.names():
            self.stop(name)
        deadline = time.monotonic() + PATIENCE
        while left := self.left():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise CloudError(f"Processes of {self.folder} do not end: {sorted(left)}")
            time.sleep(0.05)

    def left(self) -> set[int]:
        """The ids of all living processes of the cloud, but for this one."""
        mark = f"{MARK}={self.folder}\0".encode()
        path = os.fsencode(self.folder) + b"/"
        found: set[int] = set()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # Of the dead both are empty.
                environment = b"\0" + (entry / "environ").read_bytes()
                if b"\0" + mark in environment or path in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
        return found - {os.getpid()}

    def tail(self, name: str) -> str:
        """The end of a process's log."""
        try:
            lines = self._log(name).read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join([f"{self._log(name)}:", *lines[-_LOG_LINES:]])

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.out"
