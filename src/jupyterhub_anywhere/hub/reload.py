"""What a changed file changes: at once, or with the next start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyterhub_anywhere.config.models import Config, Model

# Read at the start only: they decide where the hub listens and who logs in how.
_USERS_AT_START: Final = ("login", "login_options", "uids")
_USERS_LIVE: Final = ("allowed", "admins", "groups", "limits")
# Asked anew with each start.
_HUB_LIVE: Final = ("starts",)


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two configurations.

    Attributes:
        live: What counts at once, one line each.
        restart: Keys whose new value counts after a restart.
    """

    live: tuple[str, ...]
    restart: tuple[str, ...]


def compare(started: Config, present: Config, new: Config) -> Changes:
    """Compare a new configuration with what runs.

    Args:
        started: What the hub was started with: it still counts for what needs a restart.
        present: What new servers are started from now.
        new: What the file says now.
    """
    live = [
        *_named("target", present.targets, new.targets),
        *_named("profile", present.profiles, new.profiles),
        *_users(present, new),
    ]
    changed = set(_differing(present.hub, new.hub))
    live += [f"hub.{key} has changed" for key in _HUB_LIVE if key in changed]
    restart = [f"hub.{key}" for key in _differing(started.hub, new.hub) if key not in _HUB_LIVE]
    restart += [
        f"users.{key}" for key in _differing(started.users, new.users) if key in _USERS_AT_START
    ]
    return Changes(tuple(live), tuple(restart))


def _differing(old: Model, new: Model) -> Iterator[str]:
    for key in type(new).model_fields:
        if getattr(old, key) != getattr(new, key):
            yield key


def _named(word: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in new:
        if name not in old:
            yield f"{word} {name} is new"
        elif new[name] != old[name]:
            yield f"{word} {name} has changed"
    for name in old:
        if name not in new:
            yield f"{word} {name} is gone"
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"{word}s are in another order"


def _users(old: Config, new: Config) -> Iterator[str]:
    for key in _USERS_LIVE:
        if getattr(old.users, key) != getattr(new.users, key):
            yield f"users.{key} has changed"
