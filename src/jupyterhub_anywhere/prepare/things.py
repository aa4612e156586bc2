"""What a project has, and what a cloud is asked for: the words between the plan and the cloud."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from jupyterhub_anywhere.prepare.limits import Flavor, Room

MARK: Final = "anywhere-prepare"
NOTHING: Final[Mapping[str, Any]] = {}


class PrepareError(TargetError):
    """A project cannot be made ready; names the object, the cause and the cure."""


class ForbiddenError(PrepareError):
    """The login may not do that."""


class Kind(enum.StrEnum):
    """What can be found, made and removed. In the order in which people read of it."""

    CREDENTIAL = "application credential"
    NETWORK = "network"
    SUBNET = "subnet"
    ROUTER = "router"
    INTERFACE = "router interface"
    GROUP = "security group"
    RULE = "rule"
    KEY = "key pair"
    IMAGE = "image"
    PORT = "port"
    FLOATING = "floating IP"
    SERVER = "machine"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing as the cloud tells it.

    Attributes:
        kind: What it is.
        id: Its id.
        name: Its name.
        mark: The mark of the preparation that made it; empty for things of others.
        facts: What else is of use of it: addresses, rules, states.
    """

    kind: Kind
    id: str
    name: str
    mark: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks.

    Attributes:
        user: The user's name, for people.
        user_id: Its id.
        project: The project's name, for people.
        project_id: Its id.
        roles: The names of its roles in the project.
        auth_url: The identity service.
        region: The region.
        limited: Whether it is an application credential that may make no other.
    """

    user: str
    user_id: str
    project: str
    project_id: str
    roles: tuple[str, ...]
    auth_url: str
    region: str
    limited: bool = False


class Cloud(Protocol):
    """A project of a cloud. Every method raises `PrepareError` where it cannot answer."""

    def login(self) -> Login:
        """Who asks, and where."""

    def find(self, kind: Kind, name: str, within: str = "") -> Sequence[Thing]:
        """All of a kind that have a name, or an id.

        Args:
            kind: What is looked for.
            name: Its name or id; empty for all.
            within: The id of what it belongs to: of the network of a subnet or port, of the router
                of an interface, of the group of a rule.
        """

    def make(self, kind: Kind, spec: Mapping[str, Any]) -> Thing:
        """Make one, and return as soon as it has an id."""

    def state(self, kind: Kind, thing_id: str) -> Thing | None:
        """A server or image as it is now; None where there is none."""

    def remove(self, kind: Kind, thing_id: str, facts: Mapping[str, Any] = NOTHING) -> bool:
        """Begin to remove one; True once it is gone. May be called again."""

    def send(self, image_id: str, file: Path) -> None:
        """Send the data of an image that was made for it."""

    def stop(self, server_id: str) -> None:
        """Begin to switch a machine off; one that is off is left alone."""

    def flavors(self) -> Sequence[Flavor]:
        """All sizes of machines."""

    def externals(self) -> Sequence[Thing]:
        """The external networks."""

    def rooms(self) -> Sequence[Room]:
        """What is left of the quotas."""

    def console(self, server_id: str) -> str | None:
        """What a machine's console says; None where this cloud does not tell."""

    def now(self) -> datetime:
        """The present, with its zone."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""
