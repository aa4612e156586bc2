"""A room for engines: a network, mounts and processes of its own, all gone when it ends.

::

    python -m engines.room COMMAND…      as root, from the clone's folder

Engines write bridges, firewall rules and mounts, and start processes that outlive their parents.
In a room the kernel itself takes all of that back: the namespaces die with their first process,
and that one dies with the process that opened the room, even by SIGKILL. Two things are outside
of every namespace: files on the disk, and control groups. The *keeper*, a small
process of its own session, waits for the end of the room and removes them.

Inside are set ``ANYWHERE_ENGINES=1`` and ``ANYWHERE_ROOM``, the folder for the engines' files.
The network has a loopback interface and nothing else. ``/run`` and ``/etc/docker`` are empty:
no engine of the machine is found by accident, and none is disturbed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLONE: Final = Path(__file__).resolve().parent.parent
# Short, for sockets lie below it, and their paths have to fit in 108 bytes. Not /tmp: it may be
# a file system in memory, or one without the attributes that layers of images need.
PARENT: Final = Path("/var/tmp")  # noqa: S108  (a folder of its own is made in it, 0700)
PREFIX: Final = "anywhere-room-"
CGROUPS: Final = Path("/sys/fs/cgroup")
PROGRAMS: Final = {
    "mount": "mount",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
}
_CLONE_NEWPID: Final = 0x20000000
# Two engines with JupyterLab's image, and what the tests themselves need.
_ENOUGH: Final = 6 << 30
_LEAST: Final = 12 << 30
# Control groups stay busy for a moment after their last process.
_CGROUP_WAIT: Final = 10.0


class RoomError(Exception):
    """What hinders, and the cure."""


def lacking(programs: dict[str, str]) -> str:
    """What the machine lacks of programs (by name, with their Debian package), with the cure."""
    missing = {name: package for name, package in programs.items() if shutil.which(name) is None}
    if not missing:
        return ""
    packages = " ".join(sorted(set(missing.values())))
    return f"Missing: {', '.join(missing)}. Cure: sudo apt-get install {packages}"


def current() -> Path:
    """The folder of the room that this process is in.

    Raises:
        RoomError: Outside of a room.
    """
    folder = os.environ.get("ANYWHERE_ROOM")
    if not folder:
        raise RoomError(
            "Engines change networks, so they start in a room of their own only."
            " Cure: python -m engines.docker run -- COMMAND"
        )
    return Path(folder)


def cgroups(name: str) -> Iterator[Path]:
    """The control groups of a name, in every hierarchy (version 1) or in the one (version 2)."""
    roots = [CGROUPS, *sorted(CGROUPS.iterdir())] if CGROUPS.is_dir() else []
    seen: set[Path] = set()
    for root in roots:
        group = (root / name).resolve()
        if group.is_dir() and group not in seen:
            seen.add(group)
            yield group


def remove_cgroups(name: str) -> None:
    """Remove control groups of a name, with those below; waits while the last process leaves."""
    deadline = time.monotonic() + _CGROUP_WAIT
    for top in cgroups(name):
        for folder, _, _ in os.walk(top, topdown=False):
            while Path(folder).is_dir():
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
                    break
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)


def remove(folder: Path) -> None:
    """Remove what a room left outside of its namespaces."""
    remove_cgroups(folder.name)
    shutil.rmtree(folder, ignore_errors=True)


def make_folder() -> tuple[Path, int]:
    """Make a room's folder, and hold its lock; rooms that nobody holds any more are removed."""
    parent = os.open(PARENT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Nobody else looks for old rooms while one is made and not yet held.
        fcntl.flock(parent, fcntl.LOCK_EX)
        for old in PARENT.glob(f"{PREFIX}*"):
            _remove_unheld(old)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(parent)
    return folder, lock


def _remove_unheld(old: Path) -> None:
    """Remove a room's folder unless its lock is held."""
    # A mount is a room around this one: what is locked is the folder below it.
    if old.is_mount():
        return
    with contextlib.suppress(OSError):
        held = os.open(old, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(old)
        finally:
            os.close(held)


def keep(folder: Path) -> None:
    """Be the keeper: wait for the opener's end, then for the room's, and clean up.

    Standard input names the room's first process, and ends when the opener ends.
    """
    first = sys.stdin.readline().strip()
    if first:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(int(first))
            sys.stdin.read()
            # No harm when it has ended: a handle never means another process.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            # Readable when the first process is gone, and it goes after all others of the room.
            select.select([handle], [], [])
    remove(folder)


def open_room(command: Sequence[str]) -> int:
    """Run a command in a room of its own, and return its exit code.

    Raises:
        RoomError: Without root, or without a program that is needed.
    """
    if os.geteuid() != 0:
        raise RoomError("A room for engines needs root. Cure: sudo")
    if missing := lacking(PROGRAMS):
        raise RoomError(missing)
    folder, lock = make_folder()
    module = [sys.executable, "-m", "engines.room"]
    keeper = subprocess.Popen(
        [*module, "--keep", str(folder)],
        cwd=CLONE,
        stdin=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[lock],
        text=True,
    )
    assert keeper.stdin is not None  # noqa: S101  (asked for above; tells the type)
    before = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        # From here on children of this process start in a process namespace of their own.
        if libc.unshare(_CLONE_NEWPID) != 0:
            cause = os.strerror(ctypes.get_errno())
            raise RoomError(
                f"No process namespace can be made: {cause}."
                " Cure: a machine of one's own, or a container with all privileges"
            )
        inside = [*module, "--inside", str(folder), str(Path.cwd()), *command]
        namespaces = ["unshare", "--net", "--mount", "--propagation", "private"]
        first = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *namespaces, "--", *inside], cwd=CLONE
        )
        keeper.stdin.write(f"{first.pid}\n")
        keeper.stdin.flush()
        _pass_on(first)
        code = first.wait()
    finally:
        # In one whose first process has ended, no other can start.
        libc.setns(before, _CLONE_NEWPID)
        os.close(before)
        keeper.stdin.close()
        keeper.wait()
        os.close(lock)
    return code if code >= 0 else 128 - code


def _pass_on(process: subprocess.Popen[bytes]) -> None:
    """Pass signals that end a process on to another; a terminal's Ctrl-C reaches both anyhow."""
    # A handler, not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: process.send_signal(number))


def memory_available() -> int:
    """The memory that can be had without swapping, in bytes."""
    text = Path("/proc/meminfo").read_text("ascii")
    line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def furnish(folder: Path) -> None:
    """Make the namespaces usable: processes, loopback, empty folders for engines' sockets.

    Where the memory is enough, the room's folder is in it: images of ten thousand small files
    are there and gone in a second.
    """
    available = memory_available()
    if available >= _ENOUGH:
        # A limit takes no memory by itself. Nova counts it as the host's disk, and has no place for
        # a guest whose flavor says more.
        options = f"mode=711,size={max(available // 2, _LEAST)}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "anywhere", folder], check=True)
    for words in (
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "anywhere", "/run"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(words, check=True)
    (Path("/run") / "lock").mkdir(mode=0o1777)
    # An old dockerd writes a key there, whatever it is told.
    if Path("/etc/docker").is_dir():
        words = ["mount", "-t", "tmpfs", "-o", "mode=755", "anywhere", "/etc/docker"]
        subprocess.run(words, check=True)


def inside(folder: Path, cwd: str, command: Sequence[str]) -> int:
    """Be the room's first process: run the command, and bury whatever dies meanwhile."""
    furnish(folder)
    environment = {**os.environ, "ANYWHERE_ENGINES": "1", "ANYWHERE_ROOM": str(folder)}
    try:
        process = subprocess.Popen(command, cwd=cwd, env=environment)
    except OSError as error:
        raise RoomError(f"{command[0]} cannot be run: {error.strerror}") from error
    _pass_on(process)
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            code = os.waitstatus_to_exitcode(status)
            process.returncode = code
            return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    match list(arguments):
        case ["--keep", folder]:
            keep(Path(folder))
            return 0
        case ["--inside", folder, cwd, *command]:
            return inside(Path(folder), cwd, command)
        case [*command] if command:
            return open_room(command[1:] if command[0] == "--" else command)
        case _:
            raise RoomError("usage: python -m engines.room COMMAND…")


def run() -> NoReturn:
    """Be the program."""
    try:
        sys.exit(main(sys.argv[1:]))
    except RoomError as error:
        print(error, file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    run()
