"""What is written on everything that is made at a cloud: which hub, target and server it is of.

Marks are metadata or tags, text to text. They hold no secret: everybody in the cloud's project and
every process of the machine can read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "anywhere-"
HUB: Final = PREFIX + "hub"
TARGET: Final = PREFIX + "target"
USER: Final = PREFIX + "user"
SERVER: Final = PREFIX + "server"
# The id of the lease that it was made for.
LEASE: Final = PREFIX + "lease"
# Whether it may hold its user's files once it rests: ``1`` or ``0``.
KEEP: Final = PREFIX + "keep"
# ``1`` where the volume with its user's home is attached.
HOME: Final = PREFIX + "home"
# On that volume: whether it was declared to go with its user: ``1`` or ``0``.
GOES: Final = PREFIX + "goes"
# The id, in the hub's database, of the API token that its server gets.
TOKEN: Final = PREFIX + "token"
# On a machine that servers share: the fingerprint of what it was made from.
SHARED: Final = PREFIX + "shared"
# One for each server on such a machine: before the id of its lease. The value: ``TOKEN/SERVER``.
SEAT: Final = PREFIX + "seat-"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a machine or a volume was made for.

    Attributes:
        hub: The hub's id.
        target: The target's name; empty for a spawner that is used alone.
        user: The user's name.
        server: The server's name, empty for the default one.
    """

    hub: str
    target: str
    user: str
    server: str

    def marks(self) -> dict[str, str]:
        """The marks that say so."""
        return {HUB: self.hub, TARGET: self.target, USER: self.user, SERVER: self.server}


def of_place(hub: str, target: str) -> dict[str, str]:
    """The marks of all that one hub has made at one target."""
    return {HUB: hub, TARGET: target}


def of_server(
    owner: Owner, *, keep: bool, lease: str, token: int | None, home: bool = False
) -> dict[str, str]:
    """The marks of a server's machine.

    Args:
        owner: Whom it is made for.
        keep: Whether it may hold its user's files once it rests.
        lease: The id of its lease, or what stands for one.
        token: The id of its API token; None where nobody knows.
        home: Whether a volume with its user's home is attached.
    """
    found = {**owner.marks(), KEEP: "1" if keep else "0", LEASE: lease}
    if home:
        found[HOME] = "1"
    if token is not None:
        found[TOKEN] = str(token)
    return found


def of_volume(*, goes: bool) -> dict[str, str]:
    """The mark of a home volume, beside those that say whose it is.

    Args:
        goes: Whether it is declared to go with its user.
    """
    return {GOES: "1" if goes else "0"}


def goes(found: Mapping[str, str]) -> bool:
    """Whether a volume was declared to go with its user; not so where nobody said anything."""
    return found.get(GOES) == "1"


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the servers on a machine that servers share.

    Attributes:
        lease: The id of its lease, or what stands for one.
        server: Its name, empty for the default one.
        token: The id of its API token; None where nobody knows.
    """

    lease: str
    server: str
    token: int | None = None

    def marks(self) -> dict[str, str]:
        """The mark that says so."""
        token = "" if self.token is None else str(self.token)
        return {SEAT + self.lease: f"{token}/{self.server}"}


def of_shared(owner: Owner, shape: str, seat: Seat) -> dict[str, str]:
    """The marks of a machine that servers share, with the first of them.

    Args:
        owner: Whom it is made for; whichever of their servers.
        shape: The fingerprint of what it is made from.
        seat: The first server.
    """
    place = {HUB: owner.hub, TARGET: owner.target, USER: owner.user}
    return {**place, KEEP: "0", SHARED: shape, **seat.marks()}


def start_of(found: Mapping[str, str]) -> dict[str, str]:
    """Those of one start alone: no other machine has them."""
    return {name: value for name, value in found.items() if name == LEASE or name.startswith(SEAT)}


def is_shared(found: Mapping[str, str]) -> bool:
    """Whether something was made for servers that share it."""
    return bool(found.get(SHARED))


def seats_of(found: Mapping[str, str]) -> dict[str, Seat]:
    """The servers on a machine that servers share, by the ids of their leases."""
    seats = {}
    for name, value in found.items():
        lease = name.removeprefix(SEAT)
        token, slash, server = value.partition("/")
        if name.startswith(SEAT) and lease and slash:
            number = int(token) if token.isascii() and token.isdecimal() else None
            seats[lease] = Seat(lease, server, number)
    return seats


def owner_of(found: Mapping[str, str]) -> Owner | None:
    """Whom something was made for; None where no hub of this kind has made it."""
    if not found.get(HUB):
        return None
    return Owner(
        hub=found[HUB],
        target=found.get(TARGET, ""),
        user=found.get(USER, ""),
        server=found.get(SERVER, ""),
    )


def token_of(found: Mapping[str, str]) -> int | None:
    """The id of the API token; None where the mark has none."""
    text = found.get(TOKEN, "")
    return int(text) if text.isascii() and text.isdecimal() else None
