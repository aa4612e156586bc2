"""How many servers somebody may have: by user and group, profile, and target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.offers import profiles_of
from jupyterhub_anywhere.core.errors import ChoiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.config.models import Config

# The request is right, and can be granted once something has changed.
_CONFLICT: Final = 409
_HOW: Final = "Stop one on your home page, then start this one."


@dataclass(frozen=True, slots=True)
class Standing:
    """One server that counts: it starts, waits for its turn, runs, or may run.

    Attributes:
        user: The user's name.
        server: The server's name, empty for the default one.
        target: Where it is.
        profile: What it was started from; empty where nobody knows any more.
    """

    user: str
    server: str
    target: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A server that somebody wants.

    Attributes:
        who: Whose it is.
        server: Its name: it does not count against itself.
        profile: What it would be started from.
        target: Where it would be.
    """

    who: Who
    server: str
    profile: str
    target: str


def limit_of(config: Config, who: Who) -> int | None:
    """How many servers a person may have; None for any number."""
    limits = config.users.limits
    found = [number for group, number in limits.groups.items() if group in who.groups]
    return max(found) if found else limits.servers


def full(config: Config, asked: Asked, standing: Iterable[Standing]) -> dict[str, str]:
    """Why a server may not be started now.

    Args:
        config: The limits.
        asked: What is wanted.
        standing: Every server that counts, in the whole hub.

    Returns:
        Field of the menu to its text; empty where there is room.
    """
    who, profile, target = asked.who, asked.profile, asked.target
    others = [each for each in standing if (each.user, each.server) != (who.name, asked.server)]
    mine = [each for each in others if each.user == who.name]
    most = limit_of(config, who)
    if most is not None and len(mine) >= most:
        return {"": f"You have {_servers(mine)}, and may have {most}. {_HOW}"}
    declared = profiles_of(config).get(profile)
    if declared is not None and declared.limit is not None:
        same = [each for each in mine if each.profile == profile]
        if len(same) >= declared.limit:
            title = declared.title or profile
            places = _places(config, same)
            text = f"You have {_servers(same)} of {title} at {places}, and may have"
            return {"profile": f"{text} {declared.limit}. {_HOW}"}
    return _full_target(config, target, [each for each in others if each.target == target], mine)


def _full_target(
    config: Config, target: str, there: Sequence[Standing], mine: Sequence[Standing]
) -> dict[str, str]:
    place = config.targets.get(target)
    if place is None or place.servers is None or len(there) < place.servers:
        return {}
    title = place.title or target
    if place.servers == 0:
        return {"target": f"{title} takes no new servers at the moment. Choose another place."}
    own = "" if not any(each.target == target for each in mine) else ", or stop one of yours there"
    return {
        "target": f"{title} is full: {len(there)} of {place.servers} servers are there. Choose"
        f" another place, try again when one has stopped{own}."
    }


def _servers(found: Sequence[Standing]) -> str:
    return "1 server" if len(found) == 1 else f"{len(found)} servers"


def _places(config: Config, found: Iterable[Standing]) -> str:
    titles = []
    for name in dict.fromkeys(each.target for each in found):
        place = config.targets.get(name)
        titles.append((place.title if place else None) or name)
    return ", ".join(titles)


def check(
    config: Config, who: Who, server: str, choice: Choice, standing: Iterable[Standing]
) -> None:
    """Refuse a choice for which there is no room.

    Raises:
        ChoiceError: Status 409, with what to do.
    """
    errors = full(config, Asked(who, server, choice.profile, choice.target), standing)
    if errors:
        raise ChoiceError(errors, status=_CONFLICT)


def limited(config: Config) -> bool:
    """Whether the file has any limit: only then servers have to be counted."""
    limits = config.users.limits
    return bool(
        limits.servers
        or limits.groups
        or any(each.limit is not None for each in config.profiles.values())
        or any(each.servers is not None for each in config.targets.values())
    )


def notes(
    config: Config,
    who: Who,
    server: str,
    offers: Iterable[tuple[str, Sequence[str]]],
    standing: Sequence[Standing],
) -> dict[str, str]:
    """What the menu says of profiles that cannot be started now.

    Args:
        config: The limits.
        who: Whose menu it is.
        server: The server that it is for.
        offers: Profile and the targets that this person may choose for it.
        standing: Every server that counts.

    Returns:
        Profile to text; only those for which no target has room.
    """
    found = {}
    for profile, targets in offers:
        asked = [Asked(who, server, profile, each) for each in targets]
        texts = [full(config, each, standing) for each in asked]
        if texts and all(texts):
            found[profile] = next(iter(texts[0].values()))
    return found


def of_hub(users: Any) -> list[Standing]:
    """The servers that a hub's own memory has, by its spawners.

    A start that was refused, or whose choice is not yet checked, does not count: it has no target.

    Args:
        users: JupyterHub's ``users``: what it has loaded.
    """
    found = []
    for user in list(users.values()):
        for name, spawner in list(user.spawners.items()):
            target = getattr(spawner, "anywhere_target", "")
            if not target or not spawner.active:
                continue
            profile = getattr(spawner, "last_choice", {}).get("profile", "")
            found.append(Standing(user.name, name, target, profile))
    return found


def merged(*sources: Iterable[Standing]) -> list[Standing]:
    """Each server once; what an earlier source says of it counts."""
    found: dict[tuple[str, str], Standing] = {}
    for source in sources:
        for each in source:
            found.setdefault((each.user, each.server), each)
    return list(found.values())
