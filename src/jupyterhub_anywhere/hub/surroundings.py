"""What `anywhere doctor` finds out about the machine and the installation; nothing is changed."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.proxy_command import PROGRAM, Node, install_folders, is_suitable
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.targets.base import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub_anywhere.core.state import StatePaths

DISTRIBUTION: Final = "jupyterhub-anywhere"
# Where this distribution's own metadata is missing (run from its sources), the one that matters.
_LEAST: Final = ("jupyterhub>=6.1,<7",)
_LOW_SPACE: Final = 1 << 30
_NO_SPACE: Final = 100 << 20
_FEW_FILES: Final = 4096
# No release of this program is older; a clock that says so was never set.
_RELEASED: Final = 1_735_689_600  # 2025-01-01
_CLOCK_SLACK: Final = 3600


def surroundings(paths: StatePaths) -> Iterator[Finding]:
    """Everything that does not need the file or a hub."""
    yield from versions()
    yield proxy()
    yield state_folder(paths)
    yield disk(paths.root)
    yield clock(paths, time.time())
    yield encoding(sys.getfilesystemencoding())
    yield loopback()
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def versions(
    requirements: Iterable[str] | None = None,
) -> Iterator[Finding]:
    """Python, and whether what is installed fits together.

    Args:
        requirements: As in package metadata; default: those of this distribution.
    """
    from packaging.requirements import Requirement

    yield Finding(Level.OK, "Python", f"{platform.python_version()} in {sys.prefix}")
    if requirements is None:
        try:
            requirements = importlib.metadata.requires(DISTRIBUTION) or _LEAST
        except importlib.metadata.PackageNotFoundError:
            requirements = _LEAST
    for text in requirements:
        wanted = Requirement(text)
        extra = wanted.marker is not None and "extra" in str(wanted.marker)
        if wanted.marker is None or extra or wanted.marker.evaluate():
            finding = _version(wanted.name, str(wanted.specifier), extra=extra)
            if finding is not None:
                yield finding


def _version(name: str, specifier: str, *, extra: bool) -> Finding | None:
    from packaging.specifiers import SpecifierSet

    cure = f"pip install '{name}{specifier}'"
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # An extra that is missing is told by the target that needs it.
        return None if extra else Finding(Level.ERROR, name, "is not installed", cure)
    if SpecifierSet(specifier).contains(found, prereleases=True):
        # Of all the packages, this is the one that people ask for.
        return Finding(Level.OK, "JupyterHub", found) if name == "jupyterhub" else None
    level = Level.WARNING if extra else Level.ERROR
    return Finding(level, name, f"{found} does not fit: {specifier} is needed", cure)


def proxy() -> Finding:
    """Whether there is a proxy to start; none is installed here."""
    program = shutil.which(PROGRAM)
    if program is not None and is_suitable(Path(program)):
        return Finding(Level.OK, "proxy", program)
    node = Node.of_wheel()
    if node is None:
        return Finding(
            Level.ERROR,
            "proxy",
            f"there is no {PROGRAM} on the PATH, and no Node in {sys.prefix} to install it with",
            f"pip install '{DISTRIBUTION}[hub]'",
        )
    for folder in install_folders():
        script = folder / "node_modules" / PROGRAM / "bin" / PROGRAM
        if script.is_file():
            return Finding(Level.OK, "proxy", str(script))
    return Finding(
        Level.WARNING,
        "proxy",
        "is not installed yet; `anywhere up` does it, which needs the network",
        f"{sys.executable} -m jupyterhub_anywhere.hub.proxy_command",
    )


def state_folder(paths: StatePaths) -> Finding:
    """Whether the state folder can be used, or made."""
    subject = "state folder"
    if not paths.hub.is_dir():
        place = _existing(paths.root)
        if os.access(place, os.W_OK | os.X_OK):
            return Finding(Level.OK, subject, f"{paths.root} is made at the first start")
        return Finding(
            Level.ERROR,
            subject,
            f"{paths.root} cannot be made: {place} is not writable",
            "Name another folder with --state DIR.",
        )
    try:
        open_state(paths.root)
    except StateError as error:
        return Finding(Level.ERROR, subject, error.message, error.hint)
    return Finding(Level.OK, subject, str(paths.root))


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))


def disk(root: Path) -> Finding:
    """Whether there is room for the state."""
    place = _existing(root)
    free = shutil.disk_usage(place).free
    return judge_space(free, place)


def judge_space(free: int, place: Path) -> Finding:
    """What an amount of free space, in bytes, means."""
    said = f"{free / (1 << 30):.1f}G free at {place}"
    cure = "Free some space there, or name a folder on another disk with --state DIR."
    if free < _NO_SPACE:
        return Finding(Level.ERROR, "disk", said, cure)
    if free < _LOW_SPACE:
        return Finding(Level.WARNING, "disk", said, cure)
    return Finding(Level.OK, "disk", said)


def clock(paths: StatePaths, now: float) -> Finding:
    """Whether the clock can be right.

    Args:
        paths: The state folder, whose files cannot be of the future.
        now: Seconds since 1970.
    """
    said = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    cure = "Set it, or let it be set: timedatectl set-ntp true"
    if now < _RELEASED:
        return Finding(Level.ERROR, "clock", f"it says {said}, which cannot be", cure)
    newest = max((_modified(path) for path in (paths.database, paths.up)), default=0.0)
    if newest > now + _CLOCK_SLACK:
        return Finding(
            Level.WARNING, "clock", f"it says {said}; the hub's files are of later", cure
        )
    return Finding(Level.OK, "clock", said)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def encoding(name: str) -> Finding:
    """Whether names with letters beyond ASCII can be files."""
    if name.lower().replace("-", "") == "utf8":
        return Finding(Level.OK, "locale", f"file names are {name}")
    return Finding(
        Level.WARNING,
        "locale",
        f"file names are {name}: names with letters beyond ASCII may fail",
        "Start the hub with LANG=C.UTF-8.",
    )


def loopback() -> Finding:
    """Whether 127.0.0.1 works; Jupyter's kernels listen there and nowhere else."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=5),
        ):
            return Finding(Level.OK, "loopback", "127.0.0.1 works")
    except OSError as error:
        return Finding(
            Level.ERROR,
            "loopback",
            f"127.0.0.1 does not work ({error.strerror}): no kernel can run, also where ::1 does",
            "ip addr add 127.0.0.1/8 dev lo && ip link set lo up",
        )


def open_files(limit: int) -> Finding:
    """Whether the hub and its proxy may open enough files; each connection is one.

    Args:
        limit: The soft limit; -1 means none.
    """
    if limit == resource.RLIM_INFINITY or limit >= _FEW_FILES:
        said = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
        return Finding(Level.OK, "open files", said)
    return Finding(
        Level.WARNING,
        "open files",
        f"at most {limit} at a time: enough for few people only",
        f"ulimit -n {_FEW_FILES}",
    )
