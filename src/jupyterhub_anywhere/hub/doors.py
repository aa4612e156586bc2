"""Doors: further addresses at which the hub's API listens, for servers that loopback is not for.

A container reaches this machine at the gateway of its network, and there the hub has to listen
too; on all addresses it must not. A door serves the API and nothing else, takes no word of a
proxy, and is reached from its own network only. See ``docs/adr/0011``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.interfaces import Address, Interface, interface_of
from jupyterhub_anywhere.hub.doorway import Doorway
from jupyterhub_anywhere.hub.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jupyterhub_anywhere.targets.base import Target

# Seconds between looks: at targets that did not answer, and at what became of the doors.
LOOK_SECONDS: Final = 10.0
# Seconds in which a target has to say at which addresses it needs the hub.
ANSWER_SECONDS: Final = 30.0
_LOG: Final = logging.getLogger(__name__)
_WAITING: Final = 128
# As JupyterHub's own bind URLs say "all addresses", of both versions.
_EVERYWHERE: Final = frozenset({"", "*"})
_ELSEWHERE: Final = (
    "Set hub.internal_url in anywhere.yaml to an address of this machine that those servers reach,"
    " as http://10.0.0.1:8081."
)


@dataclass(frozen=True, slots=True)
class Front:
    """Where and how the hub itself listens.

    Attributes:
        application: What answers its requests.
        tls: The context of its internal certificates; None for plain http.
        host: The address, empty for a unix socket.
        port: The port, 0 for a unix socket.
        api: The path of its API, as ``/hub/api/``.
        names: The names that the administrator had put into its internal certificate.
        log: The hub's log.
    """

    application: Any
    tls: Any
    host: str
    port: int
    api: str
    names: tuple[str, ...] = ()
    log: logging.Logger = _LOG

    def url(self, address: Address) -> str:
        """What servers are given."""
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def covers(self, address: Address) -> bool:
        """Whether the hub itself listens there already."""
        if self.host in _EVERYWHERE:
            return True
        try:
            host = ip_address(self.host)
        except ValueError:
            return False
        return host == address or (host.is_unspecified and host.version == address.version)


@dataclass(frozen=True, slots=True)
class _Door:
    interface: Interface
    server: HTTPServer


class Doors:
    """The doors of one running hub.

    Addresses are remembered in a file, so that servers which outlive the hub reach the next one
    before anybody could be asked where they are.

    Args:
        record: The file.
        pause: Seconds between looks.
    """

    def __init__(self, record: Path, *, pause: float = LOOK_SECONDS) -> None:
        self._record, self._pause = record, pause
        self._front: Front | None = None
        self._log = _LOG
        self._started = asyncio.Event()
        self._doors: dict[Address, _Door] = {}
        self._wanted = set(_remembered(record))
        self._unanswered: dict[str, Target] = {}
        self._told: dict[str, str] = {}
        self._look_now = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def open(self, address: str) -> str:
        """Let the hub's API listen at one more address of this machine; again, it changes nothing.

        Args:
            address: An IPv4 or IPv6 address.

        Returns:
            The URL of the hub there, without a path.

        Raises:
            TargetError: It is no address for that, or cannot be had.
        """
        await self._started.wait()
        try:
            wanted = ip_address(address)
        except ValueError:
            raise TargetError(f"{address!r} is no IP address to reach the hub at.") from None
        return self._open(wanted)

    def start(self, front: Front, targets: Iterable[Target]) -> None:
        """Begin: open what is remembered, and ask the targets in the background.

        Args:
            front: Where the hub listens.
            targets: Whose servers may need a door.
        """
        self._front, self._log = front, front.log
        self._started.set()
        self.look(targets)
        self._looking = asyncio.create_task(self._look())

    def look(self, targets: Iterable[Target]) -> None:
        """Ask targets anew, for these are the present ones."""
        self._unanswered = {target.name: target for target in targets}
        self._told.clear()
        self._look_now.set()

    async def close(self) -> None:
        """Close every door."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        for address in list(self._doors):
            await self._close(address)

    def forget(self) -> None:
        """Remember no address any more: no server is left."""
        self._record.unlink(missing_ok=True)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where doors are open."""
        return tuple(map(str, self._doors))

    # --- one door --------------------------------------------------------------------------------

    def _open(self, address: Address) -> str:
        front = self._front
        if front is None or not front.port:
            raise TargetError(
                "This hub listens on a unix socket, which other addresses cannot be added to.",
                hint="Take hub_bind_url out of the file of hub.jupyterhub_config.",
            )
        if address not in self._doors and not front.covers(address):
            self._doors[address] = self._made(address, front)
            self._remember(address)
        return front.url(address)

    def _made(self, address: Address, front: Front) -> _Door:
        interface = _fitting(address)
        _check_certificate(address, front)
        listening, kept = _listen(address, front.port, interface)
        if interface.bridge and not kept:
            self._log.warning(
                "This kernel does not bind the hub's API to %s; see that no other machine reaches"
                " its addresses by way of this one",
                interface.name,
            )
        server = HTTPServer(Doorway(front.application, front.api), ssl_options=front.tls)
        server.add_sockets([listening])
        self._log.info("The hub's API listens at %s too (%s)", front.url(address), interface.name)
        return _Door(interface, server)

    def _remember(self, address: Address) -> None:
        self._wanted.add(address)
        known = _remembered(self._record)
        if address not in known:
            try:
                write_json(self._record, {"addresses": [str(each) for each in (*known, address)]})
            except OSError as error:
                # It serves; only the next hub opens it later.
                self._log.warning("%s cannot be written: %s", self._record, error)

    async def _close(self, address: Address) -> None:
        door = self._doors.pop(address)
        door.server.stop()
        await door.server.close_all_connections()

    # --- looking after them ----------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            self._look_now.clear()
            await self._mend()
            await asyncio.gather(*map(self._ask, list(self._unanswered.values())))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._look_now.wait()

    async def _mend(self) -> None:
        """Open again what has gone: a network that was made anew is another interface."""
        for address in list(self._wanted):
            door = self._doors.get(address)
            if door is not None and interface_of(address) != door.interface:
                self._log.info("The interface of %s has gone; its door is closed", address)
                await self._close(address)
            try:
                self._open(address)
            except TargetError as error:
                # No server may be there any more; whoever starts one is told.
                self._log.debug("No door at %s: %s", address, error)

    async def _ask(self, target: Target) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                addresses = await target.doors()
            await self._open_all(addresses)
        except Exception as error:  # noqa: BLE001 - whatever a foreign kind raises, it is asked again
            text = str(error) or type(error).__name__
            if self._told.get(target.name) != text:
                self._told[target.name] = text
                self._log.warning(
                    "target %s: its servers may not reach the hub, and it is asked again every"
                    " %g seconds: %s",
                    *(target.name, self._pause, text),
                )
            return
        if self._told.pop(target.name, None) is not None:
            self._log.info("target %s: its servers reach the hub", target.name)
        if self._unanswered.get(target.name) is target:
            del self._unanswered[target.name]

    async def _open_all(self, addresses: Iterable[str]) -> None:
        """Open what can be opened, before the first failure is told."""
        failure: TargetError | None = None
        for address in addresses:
            try:
                await self.open(address)
            except TargetError as error:
                failure = failure or error
        if failure is not None:
            raise failure


def _remembered(record: Path) -> list[Address]:
    found = []
    addresses = read_json(record).get("addresses")
    for text in addresses if isinstance(addresses, list) else ():
        with contextlib.suppress(ValueError):
            found.append(ip_address(text))
    return found


def _fitting(address: Address) -> Interface:
    """The interface of an address that a door may be at.

    Raises:
        TargetError: It is not this machine's, or other machines are there.
    """
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        raise TargetError(f"{address} is no address to reach the hub at.", hint=_ELSEWHERE)
    interface = interface_of(address)
    if interface is None:
        raise TargetError(
            f"{address} is no address of this machine, so servers cannot reach the hub there:"
            " the engine runs in a virtual machine or in a network of its own.",
            hint=_ELSEWHERE,
        )
    if not (address.is_private or interface.bridge):
        raise TargetError(
            f"{address} is a public address of this machine ({interface.name}); the hub's API does"
            " not listen there by itself.",
            hint=_ELSEWHERE,
        )
    return interface


def _check_certificate(address: Address, front: Front) -> None:
    name = f"IP:{address}"
    if front.tls and not address.is_loopback and name not in front.names:
        raise TargetError(
            f"The hub's internal certificate is not valid for {address}, so servers would refuse"
            " the hub there.",
            hint=f"Add {name!r} to c.JupyterHub.trusted_alt_names, and remove the folder"
            " internal-ssl of the state folder, for new certificates.",
        )


def _listen(address: Address, port: int, interface: Interface) -> tuple[socket.socket, bool]:
    """Listen, and tell whether only the interface's own network is listened to.

    Raises:
        TargetError: The port cannot be had.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Before it listens: nobody else gets in between.
        kept = interface.bridge and _keep_to(made, interface)
        made.bind((str(address), port))
        made.listen(_WAITING)
    except OSError as error:
        made.close()
        raise _explained(error, address, port) from error
    return made, kept


def _keep_to(made: socket.socket, interface: Interface) -> bool:
    """Let a socket take connections from one network only; False where this account may not.

    By itself Linux takes those for any of its addresses from everywhere, so that a neighbour of
    this machine who sends packets for the bridge's address to it would be let in.
    """
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode() + b"\0")
    except PermissionError:
        # Linux before 5.7 lets root alone do it.
        return False
    return True


def _explained(error: OSError, address: Address, port: int) -> TargetError:
    if error.errno == errno.EADDRINUSE:
        return TargetError(
            f"Port {port} of {address}, at which servers would reach the hub, is taken by another"
            " program.",
            hint=f"`ss -ltnp 'sport = :{port}'` names it; end it, or let it listen elsewhere.",
        )
    return TargetError(
        f"The hub's API cannot listen at {address}, port {port}: {error.strerror or error}."
    )
