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
# The id, in the hub's database, of the API token that its server gets.
TOKEN: Final = PREFIX + "token"


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
