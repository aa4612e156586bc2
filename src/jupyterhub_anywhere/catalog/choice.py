"""A choice: what one user picked, after validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Who:
    """The person whose choice it is.

    Attributes:
        name: The user's name.
        groups: The groups that the user is in now.
    """

    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """One validated selection.

    Attributes:
        profile: The profile's name.
        target: The target's name.
        options: Option name to typed value: every option that this user may set at this target.
            The others are not here, so that what is stored and shown tells nobody of them;
            `Catalog.settings` gives them their declared default.
        child: What the spawner's own form answered, for profiles with ``form: child``; opaque.
    """

    profile: str
    target: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    child: Mapping[str, Any] | None = None

    def to_user_options(self) -> dict[str, Any]:
        """As JupyterHub stores it: plain JSON."""
        data: dict[str, Any] = {
            "profile": self.profile,
            "target": self.target,
            "options": dict(self.options),
        }
        if self.child is not None:
            data["child"] = dict(self.child)
        return data
