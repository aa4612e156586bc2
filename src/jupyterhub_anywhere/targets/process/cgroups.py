"""Control groups, version 2 and version 1: one group a server, under one of the hub.

The path is ``ROOT/jupyterhub-anywhere/HUB/SERVER``. A server without limits has a group too: it
finds what has left the process tree and cleared its environment.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.names import slug
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.process.limits import Enforcement, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyterhub_anywhere.targets.process.limits import Limiter, Limits

PARENT: Final = "jupyterhub-anywhere"
CONTROLLERS: Final = ("memory", "cpu", "pids")
# Microseconds: the kernel's own default period, and the least quota it takes.
PERIOD: Final = 100_000
_LEAST_QUOTA: Final = 1_000
# One core of guarantee is what a group has by default: 1024 shares in v1, weight 100 in v2.
_SHARES: Final = 1024
_WEIGHT: Final = 100
_MAX_WEIGHT: Final = 10_000
_MAX_SHARES: Final = 262_144
# The last server's end removes the groups that the next one's start is about to use.
_MAKING: Final = threading.Lock()


def parse_mounts(text: str) -> tuple[dict[str, Path], Path | None]:
    """Read ``/proc/self/mounts``.

    Returns:
        Controller to mount point of version 1, and the mount point of version 2.
    """
    v1: dict[str, Path] = {}
    v2: Path | None = None
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4:  # noqa: PLR2004 - DEVICE POINT TYPE OPTIONS …
            continue
        point, kind, options = Path(fields[1]), fields[2], fields[3].split(",")
        if kind == "cgroup2":
            v2 = v2 or point
        elif kind == "cgroup":
            for name in set(CONTROLLERS).intersection(options):
                v1.setdefault(name, point)
    return v1, v2


def quota(cores: float) -> int:
    """Microseconds of CPU in each period."""
    return max(_LEAST_QUOTA, round(cores * PERIOD))


def counter(text: str, name: str) -> int:
    """A number from a file of lines ``NAME NUMBER``; 0 when it is not there."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.strip().isdigit():
            return int(value)
    return 0


class _Groups:
    """What both versions share: a server's folders, and who is in them."""

    def __init__(self, hub_id: str, roots: Iterable[Path], enforcement: Enforcement) -> None:
        self._roots = tuple(dict.fromkeys(roots))
        self._hub = slug(hub_id)
        self._enforcement = enforcement

    @property
    def enforcement(self) -> Enforcement:
        """What these groups hold servers to."""
        return self._enforcement

    def folder(self, root: Path, name: str) -> Path:
        """A server's group below one root."""
        return root / PARENT / self._hub / name

    def wrapper(self, name: str, limits: Limits) -> tuple[Sequence[str], Mapping[str, str]]:  # noqa: ARG002 - the protocol's
        """None: a process is put in by its number."""
        return (), {}

    def add(self, name: str, pid: int) -> None:
        """Put a process into the server's group."""
        for root in self._roots:
            try:
                _write(self.folder(root, name) / "cgroup.procs", pid)
            except OSError as error:
                raise refused(name, "The control group", error) from error

    def processes(self, name: str) -> list[ProcessId]:
        """What runs in the server's group."""
        pids: set[int] = set()
        for root in self._roots:
            with contextlib.suppress(OSError):
                text = (self.folder(root, name) / "cgroup.procs").read_text()
                pids.update(int(word) for word in text.split())
        found = (ProcessId.of(pid) for pid in pids)
        # Asked once more after its start time is known: a pid may have changed hands.
        return [each for each in found if each is not None and self._holds(name, each.pid)]

    def remove(self, name: str) -> None:
        """Remove the server's group, and those above it with the last one."""
        with _MAKING:
            for root in self._roots:
                folder = self.folder(root, name)
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    folder.parent.rmdir()
                    folder.parent.parent.rmdir()

    def _holds(self, name: str, pid: int) -> bool:
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            return False
        return any(line.endswith(f"/{PARENT}/{self._hub}/{name}") for line in lines)

    def _oom(self, file: Path) -> int:
        try:
            return counter(file.read_text(), "oom_kill")
        except OSError:
            return 0


class CgroupV1(_Groups):
    """One tree a controller.

    Args:
        hub_id: Keeps two hubs apart.
        mounts: Controller to its mount point.
    """

    def __init__(self, hub_id: str, mounts: Mapping[str, Path]) -> None:
        held = Enforcement(
            memory="memory" in mounts, cpu="cpu" in mounts, how="by control groups, version 1"
        )
        super().__init__(hub_id, mounts.values(), held)
        self._mounts = dict(mounts)

    def prepare(self, name: str, limits: Limits) -> None:
        """Make the groups and write the limits."""
        self.remove(name)
        try:
            with _MAKING:
                for root in self._roots:
                    self.folder(root, name).mkdir(parents=True, exist_ok=True)
            for file, value in self._values(name, limits):
                _write(file, value)
        except OSError as error:
            raise refused(name, "A limit", error) from error

    def _values(self, name: str, limits: Limits) -> Iterable[tuple[Path, int]]:
        if "memory" in self._mounts:
            memory = self.folder(self._mounts["memory"], name)
            if limits.memory:
                yield memory / "memory.limit_in_bytes", limits.memory
                swap = memory / "memory.memsw.limit_in_bytes"
                if swap.exists():
                    yield swap, limits.memory
            if limits.memory_guarantee:
                yield memory / "memory.soft_limit_in_bytes", limits.memory_guarantee
        if "cpu" in self._mounts:
            cpu = self.folder(self._mounts["cpu"], name)
            if limits.cpu:
                yield cpu / "cpu.cfs_period_us", PERIOD
                yield cpu / "cpu.cfs_quota_us", quota(limits.cpu)
            if limits.cpu_guarantee:
                yield cpu / "cpu.shares", _clamped(limits.cpu_guarantee * _SHARES, 2, _MAX_SHARES)

    def oom_kills(self, name: str) -> int:
        """From ``memory.oom_control``."""
        root = self._mounts.get("memory")
        return self._oom(self.folder(root, name) / "memory.oom_control") if root else 0


class CgroupV2(_Groups):
    """The unified tree.

    Args:
        hub_id: Keeps two hubs apart.
        root: The group that ours are made under.
        controllers: What it can hand on.
    """

    def __init__(self, hub_id: str, root: Path, controllers: Sequence[str]) -> None:
        held = Enforcement(
            memory="memory" in controllers,
            cpu="cpu" in controllers,
            how="by control groups, version 2",
        )
        super().__init__(hub_id, [root], held)
        self._controllers = [name for name in CONTROLLERS if name in controllers]

    def prepare(self, name: str, limits: Limits) -> None:
        """Hand the controllers down, make the group and write the limits."""
        self.remove(name)
        root = self._roots[0]
        folder = self.folder(root, name)
        try:
            with _MAKING:
                folder.parent.mkdir(parents=True, exist_ok=True)
                for level in (root, folder.parent.parent, folder.parent):
                    self._hand_down(level)
                folder.mkdir(exist_ok=True)
            for file, value in self._values(folder, limits):
                _write(file, value)
        except OSError as error:
            raise refused(name, "A limit", error) from error

    def _hand_down(self, level: Path) -> None:
        file = level / "cgroup.subtree_control"
        there = file.read_text().split()
        for controller in self._controllers:
            if controller not in there:
                _write(file, f"+{controller}")

    def _values(self, folder: Path, limits: Limits) -> Iterable[tuple[Path, int | str]]:
        if self.enforcement.memory:
            if limits.memory:
                yield folder / "memory.max", limits.memory
                swap = folder / "memory.swap.max"
                if swap.exists():
                    yield swap, 0
            if limits.memory_guarantee:
                yield folder / "memory.low", limits.memory_guarantee
        if self.enforcement.cpu:
            if limits.cpu:
                yield folder / "cpu.max", f"{quota(limits.cpu)} {PERIOD}"
            if limits.cpu_guarantee:
                weight = _clamped(limits.cpu_guarantee * _WEIGHT, 1, _MAX_WEIGHT)
                yield folder / "cpu.weight", weight

    def oom_kills(self, name: str) -> int:
        """From ``memory.events``."""
        return self._oom(self.folder(self._roots[0], name) / "memory.events")


def detect(
    hub_id: str,
    mounts: Path = Path("/proc/self/mounts"),
    own: Path = Path("/proc/self/cgroup"),
) -> Limiter | None:
    """The control groups that this account may use, or None.

    Args:
        hub_id: Keeps two hubs apart.
        mounts: The table of mounts.
        own: The groups of this process.
    """
    try:
        v1, v2 = parse_mounts(mounts.read_text())
        lines = own.read_text().splitlines()
    except OSError:
        return None
    if v2 is not None:
        mine = next((line[4:] for line in lines if line.startswith("0::/")), "")
        # A unit with Delegate=yes and a subgroup for the hub may use the group above its own.
        for root in dict.fromkeys((v2, (v2 / mine).parent if mine else v2)):
            controllers = _usable_v2(root)
            if {"memory", "cpu"}.intersection(controllers):
                return CgroupV2(hub_id, root, controllers)
    usable = {name: point for name, point in v1.items() if os.access(point, os.W_OK)}
    if {"memory", "cpu"}.intersection(usable):
        return CgroupV1(hub_id, usable)
    return None


def _usable_v2(root: Path) -> list[str]:
    """What a group of version 2 can hand on to groups that this account makes in it."""
    control = root / "cgroup.subtree_control"
    try:
        there = control.read_text().split()
        offered = (root / "cgroup.controllers").read_text().split()
        # A group with processes of its own hands nothing on, unless it is the very root.
        blocked = (root / "cgroup.type").exists() and (root / "cgroup.procs").read_text().split()
    except OSError:
        return []
    if not (os.access(root, os.W_OK) and os.access(control, os.W_OK)):
        return []
    return there if blocked else offered


def _clamped(value: float, low: int, high: int) -> int:
    return min(max(round(value), low), high)


def _write(file: Path, value: int | str) -> None:
    # Opened without O_CREAT: a file that the kernel does not offer is an error.
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, f"{value}\n".encode())
    except OSError as error:
        error.filename = str(file)
        raise
    finally:
        os.close(descriptor)
