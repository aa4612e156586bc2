"""Finding the processes of a server by the label in their environment, and ending them.

The label is the pair of variables below; every process of a server inherits it. A process that
cleared its environment is still found by its supervisor and, where there are any, by its cgroup.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Not ANYWHERE_HUB_ID: a hub that is started in a server's terminal takes that for its own id.
HUB_VARIABLE: Final = "ANYWHERE_LABEL_HUB"
SERVER_VARIABLE: Final = "ANYWHERE_LABEL_SERVER"
USER_VARIABLE: Final = "JUPYTERHUB_USER"
NAME_VARIABLE: Final = "JUPYTERHUB_SERVER_NAME"
# Not there for a server that no lease is held for.
LEASE_VARIABLE: Final = "ANYWHERE_LABEL_LEASE"
# Seconds that killed processes get to vanish.
KILL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A process with a hub's label.

    Attributes:
        process: Which process it is.
        server: The resource name of its server.
        user: The server's user.
        server_name: The server's name, empty for the default one.
        lease: The id of the lease that it was started for; empty where its label has none.
    """

    process: ProcessId
    server: str
    user: str
    server_name: str
    lease: str = ""


def labels_of(
    hub_id: str, server: str, user: str, server_name: str, lease: str = ""
) -> dict[str, str]:
    """The variables that mark a process as one of a server."""
    found = {
        HUB_VARIABLE: hub_id,
        SERVER_VARIABLE: server,
        USER_VARIABLE: user,
        NAME_VARIABLE: server_name,
    }
    return {**found, LEASE_VARIABLE: lease} if lease else found


def parse_environ(block: bytes) -> dict[str, str]:
    """Read an environment block, as in ``/proc/PID/environ``."""
    found: dict[str, str] = {}
    for entry in block.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals:
            found[name.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    return found


def environ_of(folder: Path) -> bytes:
    """The environment block of a process; empty for one that ended or is somebody else's.

    Raises:
        OSError: It cannot be read now, as where the hub has too many files open: whatever is
            there would look as if it were not.
    """
    try:
        return (folder / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def scan(hub_id: str, proc: Path = Path("/proc")) -> list[Labelled]:
    """Every living process with a hub's label, by one pass; all of them or none.

    Raises:
        OSError: The processes of this machine cannot be listed, or not all of them.
    """
    mark = f"{HUB_VARIABLE}={hub_id}\0".encode()
    found = []
    for name in os.listdir(proc):  # noqa: PTH208 - thousands of entries; Path objects cost twice
        if not name.isdigit():
            continue
        # Who it is comes first: a pid that changes hands in between fails the check at the signal.
        identity = ProcessId.of(int(name))
        block = environ_of(proc / name)
        if mark not in block:
            continue
        if identity is None or not identity.alive():
            if mark in environ_of(proc / name):
                # It is there all the same, and cannot be told from others now.
                raise OSError(errno.EAGAIN, f"process {name} cannot be looked at")
            continue
        env = parse_environ(block)
        if env.get(HUB_VARIABLE) != hub_id:
            # The mark stood inside another variable.
            continue
        found.append(
            Labelled(
                process=identity,
                server=env.get(SERVER_VARIABLE, ""),
                user=env.get(USER_VARIABLE, ""),
                server_name=env.get(NAME_VARIABLE, ""),
                lease=env.get(LEASE_VARIABLE, ""),
            )
        )
    return found


def parent_of(pid: int) -> int:
    """The parent of a process; 0 for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def kill_all(find: Callable[[], Iterable[ProcessId]], seconds: float = KILL_SECONDS) -> bool:
    """Kill what is found until nothing is found any more.

    Args:
        find: Lists the processes that are to go.
        seconds: The longest try.

    Returns:
        Whether nothing was left.
    """
    end = time.monotonic() + seconds
    while True:
        left = list(find())
        if not left:
            return True
        for process in left:
            with contextlib.suppress(OSError):
                process.send(signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.02)


def kill_server(hub_id: str, server: str) -> bool:
    """Kill every process of one server.

    Returns:
        Whether none is left; False as well where the processes cannot be listed.
    """

    def mine() -> list[ProcessId]:
        return [each.process for each in scan(hub_id) if each.server == server]

    try:
        return kill_all(mine)
    except OSError:
        return False
