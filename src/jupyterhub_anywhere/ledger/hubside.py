"""The hub, as the reconciler needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.ledger.lease import Lease


@dataclass(frozen=True, slots=True)
class HubServer:
    """A server that the hub counts as running, starting or stopping.

    Attributes:
        active: Whether it has a row with an address.
        pending: ``spawn``, ``stop`` or ``check`` while the hub works on it; else empty.
        target: Where it is; empty where the hub does not say.
        made_for: The name that its user had when it was started; empty where nobody knows.
    """

    active: bool
    pending: str = ""
    target: str = ""
    made_for: str = ""


@dataclass(frozen=True, slots=True)
class ServerToken:
    """An API token that the hub gave to a server.

    Attributes:
        id: Its id in the hub's database; later ones are higher.
        user: Whose server.
        server: The server's name, empty for the default one.
        made: When it was given; None where nobody knows.
    """

    id: int
    user: str
    server: str
    made: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerClient:
    """The OAuth client of a server, with which people log in to it.

    JupyterHub makes it anew at each start, with the token of that start as its secret, also where
    what was kept is started again. Whoever is logged in has a token of it, which goes with it.

    Attributes:
        id: Its id in the hub's database.
        user: Whose server.
        server: The server's name, empty for the default one.
        made: When it was given; None where nobody knows.
    """

    id: int
    user: str
    server: str
    made: datetime | None = None


class HubSide(Protocol):
    """One hub."""

    def newborn(self) -> str:
        """Why nothing may be removed, as "the hub's database is new"; empty where there is none."""

    def users(self) -> set[str]:
        """The names of all users."""

    def servers(self) -> Mapping[tuple[str, str], HubServer]:
        """User and server's name to each server that is not plainly stopped."""

    def tokens(self) -> Sequence[ServerToken]:
        """The tokens of servers that are valid."""

    def clients(self) -> Sequence[ServerClient]:
        """The OAuth clients of servers, whether these run or not."""

    def in_charge(self, lease: str) -> bool:
        """Whether a start or a stop of this very process works on the lease of this id."""

    async def drop(self, user: str, server: str, reason: str) -> None:
        """Take leave of a server that is gone: its route, its row, its token. May be repeated."""

    async def revoke(self, token: int, *, instead: int | None = None) -> None:
        """Delete a token; one that is gone already is no error.

        Args:
            token: Its id.
            instead: The id of the token that its server has in its place: people log in to the
                server with that one as its secret.
        """

    async def disown(self, client: int) -> None:
        """Delete an OAuth client with the tokens of it; one that is gone already is no error."""

    async def tell(self, user: str, server: str, text: str) -> None:
        """Have the user read this; the last text counts."""

    async def halt(self, lease: Lease) -> None:
        """Stop what a lease holds by its spawner's own way, which keeps what is to be kept.

        Raises:
            Exception: It could not be stopped.
        """

    async def ask(self, lease: Lease) -> Observation:
        """What a lease's own spawner says, for a target that cannot be listed. Never raises."""
