"""What a Docker engine has: images, containers, volumes and networks, and how it describes them.

The shapes are those of the Engine API 1.47 (https://docs.docker.com/reference/api/engine/),
reduced to the fields that spawners read. Nothing here does any I/O.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

API_VERSION = "1.47"
MIN_API_VERSION = "1.24"
ENGINE_VERSION = "27.5.1"
# The engine writes year 1 where something has not happened yet.
NEVER = "0001-01-01T00:00:00Z"
# Go's zero point of a clock that nobody may compare: records stay equal from run to run.
NOW = "2026-01-01T00:00:00.000000000Z"

Program = Literal["serves", "exits"]


class EngineError(Exception):
    """The engine refuses.

    Args:
        status: HTTP status, as the real engine answers.
        message: The engine's text.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Image:
    """An image, and what its containers do.

    Attributes:
        name: With its tag.
        program: ``serves`` answers HTTP on the container's port until it is stopped;
            ``exits`` writes its log and ends at once.
        log: Lines that a container writes at its start.
        exit_code: Of a program that exits.
        pull_steps: Progress lines of its pull, a moment apart.
        command: ``Cmd`` of its configuration.
    """

    name: str
    program: Program = "serves"
    log: tuple[str, ...] = ("the server is up",)
    exit_code: int = 0
    pull_steps: int = 2
    command: tuple[str, ...] = ("start-notebook",)

    @property
    def id(self) -> str:
        """A digest that depends on the name alone."""
        return "sha256:" + self.name.encode().hex().rjust(64, "0")[-64:]

    def inspected(self) -> dict[str, Any]:
        """``GET /images/{name}/json``."""
        return {
            "Id": self.id,
            "RepoTags": [self.name],
            "RepoDigests": [],
            "Created": NOW,
            "Os": "linux",
            "Architecture": "amd64",
            "Size": 1_000_000,
            "Config": {
                "Cmd": list(self.command),
                "Entrypoint": None,
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
                "Labels": None,
                "ExposedPorts": {},
                "User": "",
                "WorkingDir": "",
            },
        }


@dataclass(slots=True)
class Volume:
    """A named volume. `files` are what was put into it, by path below its root."""

    name: str
    labels: dict[str, str]
    files: dict[str, bytes] = field(default_factory=dict)

    def inspected(self) -> dict[str, Any]:
        """``GET /volumes/{name}``."""
        return {
            "Name": self.name,
            "Driver": "local",
            "Mountpoint": f"/var/lib/docker/volumes/{self.name}/_data",
            "Labels": self.labels or None,
            "Options": None,
            "Scope": "local",
            "CreatedAt": NOW,
        }


@dataclass(frozen=True, slots=True)
class Network:
    """A network. Its gateway is an address of loopback, so that a hub could listen there."""

    name: str
    id: str
    driver: str = "bridge"
    gateway: str = "127.77.0.1"
    subnet: str = "127.77.0.0/16"
    labels: Mapping[str, str] = field(default_factory=dict)

    def inspected(self) -> dict[str, Any]:
        """``GET /networks/{id}``."""
        ipam = [{"Subnet": self.subnet, "Gateway": self.gateway}] if self.gateway else []
        return {
            "Name": self.name,
            "Id": self.id,
            "Created": NOW,
            "Scope": "swarm" if self.driver == "overlay" else "local",
            "Driver": self.driver,
            "EnableIPv6": False,
            "IPAM": {"Driver": "default", "Options": None, "Config": ipam},
            "Internal": False,
            "Containers": {},
            "Options": {},
            "Labels": dict(self.labels),
        }


@dataclass(slots=True)
class Container:
    """One container, from its creation to its removal.

    Attributes:
        config: The body of its creation, completed from the image.
        host: Its ``HostConfig``.
        addresses: Its address in each network; empty while it does not run.
        published: ``"8888/tcp"`` → (address as asked for, port).
        log: Pairs of stream (1 standard output, 2 standard error) and bytes.
    """

    id: str
    name: str
    image: Image
    config: dict[str, Any]
    host: dict[str, Any]
    networks: list[str]
    status: Literal["created", "running", "exited"] = "created"
    exit_code: int = 0
    error: str = ""
    started: str = NEVER
    finished: str = NEVER
    addresses: dict[str, str] = field(default_factory=dict)
    published: dict[str, tuple[str, int]] = field(default_factory=dict)
    log: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether its program runs."""
        return self.status == "running"

    @property
    def environment(self) -> dict[str, str]:
        """Its variables by name."""
        pairs = (line.partition("=") for line in self.config.get("Env") or [])
        return {name: value for name, _, value in pairs}

    @property
    def exposed(self) -> tuple[int, ...]:
        """Its TCP ports. docker-py writes a port that was given as text as ``8888/tcp/tcp``."""
        found = (self.config.get("ExposedPorts") or {}) | (self.host.get("PortBindings") or {})
        return tuple(sorted({int(each.split("/")[0]) for each in found if each.endswith("/tcp")}))

    @property
    def mounts(self) -> dict[str, str]:
        """Named volumes by the path at which the container sees them."""
        binds = (bind.split(":") for bind in self.host.get("Binds") or [])
        found = {bind[1]: bind[0] for bind in binds if not bind[0].startswith("/")}
        for mount in self.host.get("Mounts") or []:
            if mount.get("Type", "volume") == "volume":
                found[mount["Target"]] = mount.get("Source", "")
        return found

    def _network_settings(self) -> dict[str, Any]:
        ports: dict[str, Any] = {f"{port}/tcp": None for port in self.exposed}
        ports |= {
            key: [{"HostIp": address, "HostPort": str(port)}]
            for key, (address, port) in self.published.items()
        }
        networks = {
            name: {"IPAddress": self.addresses.get(name, ""), "Aliases": None, "Links": None}
            for name in self.networks
        }
        first = self.addresses.get("bridge", "")
        return {
            "Ports": ports if self.running else {},
            "Networks": networks,
            "IPAddress": first,
        }

    def inspected(self) -> dict[str, Any]:
        """``GET /containers/{id}/json``."""
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": NOW,
            "Image": self.image.id,
            "State": {
                "Status": self.status,
                "Running": self.running,
                "Paused": False,
                "Restarting": False,
                "OOMKilled": False,
                "Dead": False,
                "Pid": 4242 if self.running else 0,
                "ExitCode": self.exit_code,
                "Error": self.error,
                "StartedAt": self.started,
                "FinishedAt": self.finished,
            },
            "Config": copy.deepcopy(self.config),
            "HostConfig": copy.deepcopy(self.host),
            "NetworkSettings": self._network_settings(),
            "Mounts": [
                {"Type": "volume", "Name": volume, "Destination": path}
                for path, volume in self.mounts.items()
            ],
            "RestartCount": 0,
        }

    def listed(self) -> dict[str, Any]:
        """One entry of ``GET /containers/json``."""
        settings = self._network_settings()
        words = {"created": "Created", "running": "Up", "exited": f"Exited ({self.exit_code})"}
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": self.config["Image"],
            "ImageID": self.image.id,
            "Command": " ".join(self.config.get("Cmd") or []),
            "Created": 0,
            "State": self.status,
            "Status": words[self.status],
            "Ports": [
                {"IP": address, "PrivatePort": int(key.split("/")[0]), "PublicPort": port}
                | {"Type": "tcp"}
                for key, (address, port) in self.published.items()
            ],
            "Labels": dict(self.config.get("Labels") or {}),
            "HostConfig": {"NetworkMode": self.host.get("NetworkMode", "default")},
            "NetworkSettings": {"Networks": settings["Networks"]},
        }


def identities(prefix: str) -> Iterator[str]:
    """Endless identities of 64 hexadecimal digits, as the engine gives them.

    Args:
        prefix: Hexadecimal; keeps kinds of objects apart.
    """
    return (f"{prefix}{number:x}".ljust(64, "0") for number in itertools.count(0x1A1A1A1A, 0x101))


class Signal:
    """Wakes everybody who waits for the next change. Lives in one event loop."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def next(self) -> asyncio.Future[None]:
        """What is done at the next change; take it before you look, so that none is missed."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._next)

    def send(self) -> None:
        """Something has changed."""
        if self._next is not None:
            self._next.set_result(None)
            self._next = None


def framed(lines: Sequence[tuple[int, bytes]]) -> bytes:
    """Output as the engine sends it without a terminal: stream number, length, content."""
    return b"".join(struct.pack(">BxxxL", stream, len(text)) + text for stream, text in lines)


def matches(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Whether labels fulfil every ``name`` or ``name=value`` of a filter."""
    for each in wanted:
        name, equals, value = each.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True
