"""What ends hubs: at the end of their tests, and where whoever ran these was killed.

A runner that is killed cannot clean up, and its hubs have sessions of their own. So each runner
has a guard: a small process that is told of hubs by a pipe, and ends what is left of them when the
pipe ends. (The kernel's own signal at a parent's death comes already when the thread ends that
started a child, and some hubs are started by threads.)
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]


def processes_with(*marks: str) -> list[ProcessId]:
    """The processes whose command line, environment or working folder holds one of the marks.

    A service of a hub has but the folder; its address may be another hub's a moment later.
    """
    found = []
    wanted = [mark.encode() for mark in marks]
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        text = b""
        with contextlib.suppress(OSError):
            text = (entry / "cmdline").read_bytes()
        with contextlib.suppress(OSError):
            text += (entry / "environ").read_bytes()
        with contextlib.suppress(OSError):
            text += os.fsencode((entry / "cwd").readlink())
        if any(mark in text for mark in wanted):
            identity = ProcessId.of(int(entry.name))
            if identity is not None and identity.alive():
                found.append(identity)
    return found


def end(folder: Path, hub_id: str) -> None:
    """End everything of a hub, and remove its folder and its control groups.

    Args:
        folder: The hub's own.
        hub_id: In the environment of its servers, and in the names of control groups.
    """
    until = time.monotonic() + 30
    while (left := processes_with(str(folder), hub_id)) and time.monotonic() < until:
        for identity in left:
            with contextlib.suppress(PermissionError):
                identity.send(signal.SIGKILL)
        time.sleep(0.05)
    _remove_control_groups(hub_id)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_control_groups(hub_id: str) -> None:
    """Those of servers that were killed with the hub; a hub removes its own."""
    until = time.monotonic() + 10
    # One is busy until the kernel has taken leave of what was killed in it.
    while (left := list(_control_groups(hub_id))) and time.monotonic() < until:
        for group in left:
            with contextlib.suppress(OSError):
                group.rmdir()
        time.sleep(0.05)


def _control_groups(hub_id: str) -> Iterator[Path]:
    """The control groups of a hub, inner ones first."""
    for pattern in (f"jupyterhub-anywhere/{hub_id}*", f"*/jupyterhub-anywhere/{hub_id}*"):
        for group in Path("/sys/fs/cgroup").glob(pattern):
            for folder, _, _ in os.walk(group, topdown=False):
                yield Path(folder)


class Guard:
    """The guard of this process's hubs; begun with the first of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one = threading.Lock()

    def watch(self, folder: Path, hub_id: str) -> None:
        """End what is left of a hub when this process ends."""
        self._tell([str(folder), hub_id])

    def forget(self, folder: Path) -> None:
        """A hub has been ended."""
        self._tell([str(folder)])

    def _tell(self, words: list[str]) -> None:
        with self._one:
            if self._process is None:
                self._process = _begin()
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()


def _begin() -> subprocess.Popen[str]:
    paths = [str(ROOT / "src"), str(ROOT)]
    return subprocess.Popen(
        [sys.executable, "-S", "-m", "tests.hub.guard"],
        cwd=ROOT,
        env={"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        # Neither a terminal's Ctrl-C nor the end of a group of processes is meant for it.
        start_new_session=True,
        text=True,
    )


def _keep() -> None:
    """Be the guard, until the pipe ends."""
    hubs: dict[str, str] = {}
    for line in sys.stdin:
        match json.loads(line):
            case [folder, hub_id]:
                hubs[folder] = hub_id
            case [folder]:
                hubs.pop(folder, None)
    for folder, hub_id in hubs.items():
        end(Path(folder), hub_id)


if __name__ == "__main__":
    _keep()
