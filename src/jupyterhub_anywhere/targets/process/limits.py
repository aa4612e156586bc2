"""Memory and CPU limits: what can be enforced here, and the one shape of the ways to do it.

As root through control groups (`cgroups`), as an ordinary user through a scope of the user's own
systemd, else not at all; then everybody is told.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.core.processes import ProcessId

_CGROUPS: Final = Path("/sys/fs/cgroup")
# systemd takes weights from 1 to 10000, 100 for one share; JupyterHub's guarantee counts cores.
_WEIGHT_OF_A_CORE: Final = 100
_MAX_WEIGHT: Final = 10000


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What is enforced here.

    Attributes:
        memory: Whether memory limits are.
        cpu: Whether CPU limits are.
        how: By what, or why not; one clause for people.
    """

    memory: bool
    cpu: bool
    how: str

    def missing(self) -> str:
        """Which limits are not enforced, as a text for users; empty when all are."""
        names = [name for name, held in (("memory", self.memory), ("CPU", self.cpu)) if not held]
        return f"{' and '.join(names)} limits are not enforced" if names else ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server may use; None where nothing is said.

    Attributes:
        memory: Bytes.
        cpu: Cores.
        memory_guarantee: Bytes that are not taken from it while others want memory.
        cpu_guarantee: Cores that it gets while others want them, as a relative weight.
    """

    memory: int | None = None
    cpu: float | None = None
    memory_guarantee: int | None = None
    cpu_guarantee: float | None = None


class Limiter(Protocol):
    """One way to hold servers to their limits. Names are resource names."""

    @property
    def enforcement(self) -> Enforcement:
        """What it enforces."""

    def prepare(self, name: str, limits: Limits) -> None:
        """Make what the server will run in.

        Raises:
            TargetError: It cannot be made, or does not take a limit.
        """

    def wrapper(self, name: str, limits: Limits) -> tuple[Sequence[str], Mapping[str, str]]:
        """A command that runs the server's supervisor in its stead, and what it needs to know."""

    def add(self, name: str, pid: int) -> None:
        """Put a process in, with all that comes of it.

        Raises:
            TargetError: It cannot be done.
        """

    def processes(self, name: str) -> list[ProcessId]:
        """What runs in it."""

    def oom_kills(self, name: str) -> int:
        """How many of its processes were killed for want of memory."""

    def remove(self, name: str) -> None:
        """Take it away once it is empty; never raises."""


class NoLimits:
    """Nothing is enforced.

    Args:
        why: The reason, as a clause.
    """

    def __init__(self, why: str) -> None:
        self._enforcement = Enforcement(memory=False, cpu=False, how=why)

    @property
    def enforcement(self) -> Enforcement:
        """Nothing."""
        return self._enforcement

    def prepare(self, name: str, limits: Limits) -> None:
        """Nothing to do."""

    def wrapper(self, name: str, limits: Limits) -> tuple[Sequence[str], Mapping[str, str]]:  # noqa: ARG002 - the protocol's
        """None."""
        return (), {}

    def add(self, name: str, pid: int) -> None:
        """Nothing to do."""

    def processes(self, name: str) -> list[ProcessId]:  # noqa: ARG002 - the protocol's
        """Not known."""
        return []

    def oom_kills(self, name: str) -> int:  # noqa: ARG002 - the protocol's
        """Not known."""
        return 0

    def remove(self, name: str) -> None:
        """Nothing to do."""


class SystemdScopes(NoLimits):
    """A transient scope of the user's own systemd for each server.

    Args:
        program: ``systemd-run``.
        runtime: The user's runtime folder, as in ``XDG_RUNTIME_DIR``.
        controllers: What the user's systemd may hand out.
    """

    def __init__(self, program: str, runtime: Path, controllers: Sequence[str]) -> None:
        self._program = program
        self._runtime = runtime
        self._enforcement = Enforcement(
            memory="memory" in controllers,
            cpu="cpu" in controllers,
            how="by scopes of the user's systemd",
        )

    def wrapper(self, name: str, limits: Limits) -> tuple[Sequence[str], Mapping[str, str]]:
        """``systemd-run``, which becomes the supervisor once the scope is there."""
        properties = [f"--property={each}" for each in scope_properties(limits, self.enforcement)]
        bus = self._runtime / "bus"
        return (
            [
                *(self._program, "--user", "--scope", "--quiet", "--collect"),
                *(f"--unit=anywhere-{name}", *properties, "--"),
            ],
            {
                "XDG_RUNTIME_DIR": str(self._runtime),
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}",
            },
        )


def scope_properties(limits: Limits, held: Enforcement) -> list[str]:
    """The limits as properties of a systemd unit."""
    found = []
    if held.memory and limits.memory:
        found += [f"MemoryMax={limits.memory}", "MemorySwapMax=0"]
    if held.memory and limits.memory_guarantee:
        found.append(f"MemoryLow={limits.memory_guarantee}")
    if held.cpu and limits.cpu:
        found.append(f"CPUQuota={max(1, round(limits.cpu * 100))}%")
    if held.cpu and limits.cpu_guarantee:
        weight = round(limits.cpu_guarantee * _WEIGHT_OF_A_CORE)
        found.append(f"CPUWeight={min(max(weight, 1), _MAX_WEIGHT)}")
    return found


def detect(hub_id: str) -> Limiter:
    """The best way there is on this machine, for the account that asks.

    Args:
        hub_id: Keeps two hubs apart.
    """
    from jupyterhub_anywhere.targets.process import cgroups

    found = cgroups.detect(hub_id)
    if found is not None:
        return found
    if os.geteuid() == 0:
        return NoLimits("no cgroup controllers for memory and cpu can be used on this machine")
    return _user_scopes() or NoLimits(
        "an ordinary user needs a systemd of their own for that, with cgroup v2"
    )


def _user_scopes() -> SystemdScopes | None:
    program = shutil.which("systemd-run")
    uid = os.getuid()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    # Both are sockets of a user manager that runs; the folder alone may be left from a login.
    if program is None or not (
        (runtime / "systemd/private").exists() and (runtime / "bus").exists()
    ):
        return None
    manager = _CGROUPS / f"user.slice/user-{uid}.slice/user@{uid}.service"
    try:
        controllers = (manager / "cgroup.controllers").read_text().split()
    except OSError:
        return None
    return SystemdScopes(program, runtime, controllers)


def refused(name: str, what: str, error: OSError) -> TargetError:
    """The error for a limit that the kernel does not take."""
    return TargetError(
        f"{what} of server {name} cannot be set: {error.strerror or error} ({error.filename}).",
        hint="Look at the limits of the profile, and at those the hub itself runs under.",
    )
