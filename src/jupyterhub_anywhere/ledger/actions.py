"""What the reconciler may decide to do: small, frozen, and done by `Executor`.

Those that are *wary* take something away which nobody asked to be taken away. They are held back as
long as the hub's database or the ledger is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.core.inventory import Resource
    from jupyterhub_anywhere.ledger.hubside import ServerClient, ServerToken
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.states import Cause, State

# The cause of a lease that was made for what is to go; its resource may have an older label.
REAP: Final = "reap"


@dataclass(frozen=True, slots=True)
class Move:
    """Change a lease's state.

    Attributes:
        lease: As it was read.
        cause: Why.
        changes: Further fields.
        tell: What its user reads; empty for nothing.
        drop: Why the hub is to take leave of the server; empty where it is not.
        wary: Whether it ends something that runs.
    """

    lease: Lease
    cause: Cause
    changes: Mapping[str, Any] = field(default_factory=dict)
    tell: str = ""
    drop: str = ""
    wary: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Change something else of a lease."""

    lease: Lease
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """Go on with the end of what a lease holds.

    Attributes:
        lease: The lease.
        resource: What the target has of it; None where the target cannot be listed.
        halt: Whether it is only stopped, by its spawner's own way, for what it keeps.
        wary: Whether nobody has asked for it.
    """

    lease: Lease
    resource: Resource | None
    halt: bool
    wary: bool = False


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make a lease for what has none, from its label."""

    target: str
    resource: Resource
    state: State


@dataclass(frozen=True, slots=True)
class Reap:
    """Make a lease that is to end for what has none and what nobody wants."""

    target: str
    resource: Resource
    wary: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Have the hub take leave of a server whose lease has ended."""

    user: str
    server: str
    reason: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """Delete the token of a server that is dead, or of a start that never gave it to anybody.

    Attributes:
        instead: The id of the token that the server was made with, where that one is meant.
    """

    token: ServerToken
    wary: bool = True
    instead: int | None = None


@dataclass(frozen=True, slots=True)
class Disown:
    """Delete the OAuth client of a server that is dead."""

    client: ServerClient
    wary: bool = True


Action = Move | Note | End | Adopt | Reap | Drop | Revoke | Disown


def wary(action: Action) -> bool:
    """Whether it takes away what nobody asked to be taken away."""
    return getattr(action, "wary", False)


def subject(action: Action) -> str:
    """For people: what it is about."""
    match action:
        case Move(lease=lease) | Note(lease=lease) | End(lease=lease):
            return f"{lease.log_name} at {lease.target}"
        case Adopt(target=target, resource=resource) | Reap(target=target, resource=resource):
            return f"{resource.name} at {target}"
        case Drop(user=user, server=server):
            return f"{user}:{server}" if server else user
        case Revoke(token=token):
            return f"token {token.id} of {token.user}"
        case Disown(client=client):
            return f"OAuth client {client.id} of {client.user}"
