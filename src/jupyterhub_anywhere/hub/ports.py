"""Ports: chosen once, kept for ever, and who holds one that is taken."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Collection

_LISTEN: Final = "0A"
LOOPBACK: Final = "127.0.0.1"
_BELOW: Final = 12000
_UNPRIVILEGED: Final = 1024
# As root: where no other account can listen, past what most services have for their own.
_RESERVED: Final = (700, 1024)
_SERVICES: Final = frozenset({749, 750, 853, 860, 873, 902, 989, 990, 991, 992, 993, 994, 995})


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a port.

    Attributes:
        pid: Its id.
        name: Its short name.
        command: Its command line, shortened; may be empty.
    """

    pid: int
    name: str
    command: str


def free_port(avoid: Collection[int] = ()) -> int:
    """A port of 127.0.0.1 that nobody holds now.

    Raises:
        SurroundingsError: There is no loopback to take one from.
    """
    for port in (*_candidates(), *[0] * 20):
        if port in avoid:
            continue
        try:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
                found: int = probe.getsockname()[1]
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                continue
            raise SurroundingsError(f"No port of {LOOPBACK}: {error.strerror}.") from error
        if found not in avoid:
            return found
    raise SurroundingsError(f"{LOOPBACK} has no free port.")


def _candidates() -> list[int]:
    """Ports to try; as root those that no other account can take while the hub is away.

    Whoever listens on the hub's port then is the hub, for servers and for people.
    """
    return [*_reserved(), *_below_outgoing()]


def _reserved() -> list[int]:
    if os.geteuid() != 0 or _first_for_everybody() < _UNPRIVILEGED:
        return []
    ports = [port for port in range(*_RESERVED) if port not in _SERVICES]
    return [secrets.choice(ports) for _ in range(30)]


def _first_for_everybody() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return _UNPRIVILEGED


def _below_outgoing() -> list[int]:
    """Ports below those that the kernel lends to outgoing connections: they stay free."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return []
    lowest = max(first - _BELOW, _UNPRIVILEGED)
    return [lowest + secrets.randbelow(first - lowest) for _ in range(30)] if first > lowest else []


def check_free(host: str, port: int, cure: str) -> None:
    """Make sure that a port can be opened.

    Args:
        host: The address to listen on; a name is resolved.
        port: The port.
        cure: What to do when somebody else holds it.

    Raises:
        SurroundingsError: It is taken (by whom, as far as this account may know), the address is
            not of this machine, or the port is for root only.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SurroundingsError(
            f"The address {host} cannot be found: {error.strerror}.", hint="See hub.url, hub.bind."
        ) from error
    for family, kind, protocol, _, address in found[:1]:
        with socket.socket(family, kind, protocol) as probe:
            # As the proxy and the hub do: a closed connection of a moment ago is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                probe.listen(1)
            except OSError as error:
                raise _explain(error, host, port, cure) from error


def _explain(error: OSError, host: str, port: int, cure: str) -> SurroundingsError:
    if error.errno == errno.EADDRINUSE:
        holder = who_holds(port)
        by = f" by process {holder.pid}, {holder.name} ({holder.command})" if holder else ""
        return SurroundingsError(f"Port {port} is taken{by}.", hint=cure)
    if error.errno == errno.EADDRNOTAVAIL:
        return SurroundingsError(
            f"{host} is no address of this machine.", hint="See hub.url and hub.bind."
        )
    if error.errno == errno.EACCES:
        return SurroundingsError(
            f"Port {port} may be opened by root only.", hint="Take one above 1023, or run as root."
        )
    return SurroundingsError(f"Port {port} of {host} cannot be opened: {error.strerror}.")


def who_holds(port: int) -> Holder | None:
    """The process that listens on a port, where this account may know it."""
    inodes = _listening(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _holds(folder, wanted):
            return _describe(folder)
    return None


def _listening(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = Path(table).read_text().splitlines()[1:]
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(folder: Path, wanted: set[str]) -> bool:
    # Processes end while they are looked at, and others' descriptors may not be read.
    with contextlib.suppress(OSError):
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()) in wanted:
                    return True
    return False


def _describe(folder: Path) -> Holder | None:
    try:
        name = (folder / "comm").read_text(errors="replace").strip()
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    # Later words may hold somebody's secrets; the program and its first words tell enough.
    command = " ".join(word.decode("utf-8", "replace") for word in words[:3] if word)
    printable = "".join(char if char.isprintable() else "?" for char in command)
    return Holder(int(folder.name), name, printable[:120])
