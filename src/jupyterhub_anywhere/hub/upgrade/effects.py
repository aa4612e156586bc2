"""What changes by an upgrade, and what stands in its way: sentences, made from facts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.names import normalize_user_name
from jupyterhub_anywhere.hub.upgrade.revisions import HUB_2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyterhub_anywhere.hub.upgrade.look import Found, Server
    from jupyterhub_anywhere.hub.upgrade.revisions import History

# By trying: this one, with this SQLAlchemy, brings databases of 0.8 and of 2.x to its own layout.
_BY_HUB_4: Final = (
    "In an environment of its own: pip install 'jupyterhub==4.1.6' 'sqlalchemy<2'; then, on a copy"
    " of the database: jupyterhub upgrade-db --db=sqlite:////PATH/OF/COPY. Name that copy here."
)
_ADMISSION: Final = (
    "Since JupyterHub 5 an empty allowed_users lets nobody in: set c.Authenticator.allow_all ="
    " True, or name who may come in. Users of the database come in where allow_existing_users is"
    " set, or allowed_users is not empty."
)
_ADMISSION_UP: Final = (
    "Who may come in is said by users.login, users.allow and users.admins of anywhere.yaml;"
    " allowed_users of the old configuration means nothing there. Admins of the database stay"
    " admins."
)
_NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Way:
    """What is to become of a database.

    Attributes:
        into_state: Whether it goes into a state folder of `anywhere up`.
        cookies: Whether the cookie secret goes along there.
    """

    into_state: bool = False
    cookies: bool = False


def obstacle(found: Found, history: History, place: str, hub: str) -> StateError | None:
    """Why it cannot be upgraded, with the way round; None where it can.

    Args:
        found: What is in it.
        history: What the installed JupyterHub knows.
        place: What it is called.
        hub: The version of the installed JupyterHub.
    """
    if not history.knows(found.revision):
        return StateError(
            f"{place} is of a JupyterHub that JupyterHub {hub} does not know (its mark is"
            f" {found.revision!r}): most likely a newer one.",
            hint="Install a jupyterhub-anywhere with that JupyterHub; there is no way back to an"
            " older layout but a backup of that time.",
        )
    writer = history.writer(found.revision)
    if history.too_old(found.revision):
        return StateError(
            f"{place} was written by {writer}: the migrations of JupyterHub {hub} fail on it.",
            hint=_BY_HUB_4,
        )
    if found.revision == HUB_2 and any(server.client for server in found.servers):
        return StateError(
            f"{place} was written by {writer} and has servers that run: the migrations of"
            f" JupyterHub {hub} fail on it.",
            hint=f"Stop all servers in the old hub's admin page, then the hub, and try again. Or:"
            f" {_BY_HUB_4}",
        )
    return _broken(found, place)


def _broken(found: Found, place: str) -> StateError | None:
    broken = [server for server in found.servers if server.broken]
    if not broken:
        return None
    return StateError(
        f"{place}: what the spawner of {_some(each.title for each in broken)} has kept cannot be"
        " read, and no hub starts on it.",
        hint="On a copy, set spawners.state to NULL in these rows, and name the copy here; look for"
        " their machines by hand.",
    )


def facts(found: Found, history: History, place: str) -> dict[str, str]:
    """What is there, name by name."""
    return {
        "database": place,
        "written by": f"{history.writer(found.revision)} ({found.revision})",
        "users": _counted(found.users, "", found.users),
        "admins": _some(found.admins) or "none",
        "groups": ", ".join(f"{name} ({size})" for name, size in found.groups.items()) or "none",
        "servers": _servers(found.servers),
        "tokens": f"{found.tokens} API tokens",
        "auth_state": f"of {found.secrets} users, encrypted" if found.secrets else "none",
    }


def _counted(names: Sequence[str], what: str, shown: Sequence[str]) -> str:
    return f"{len(names)}{what}" + (f": {_some(shown)}" if shown else "")


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = len(known) - _NAMES_SHOWN
    return ", ".join(known[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _servers(servers: Sequence[Server]) -> str:
    if not servers:
        return "none"
    running = sum(server.running for server in servers)
    kinds = Counter(server.spawner for server in servers if server.spawner)
    states = ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items()))
    return f"{len(servers)}, {running} of them running; states: {states or 'none'}"


def changes(found: Found, history: History, way: Way) -> list[str]:
    """What an administrator has to know, one sentence each; empty where nothing changes."""
    told = _lost(found, history)
    if found.running:
        titles = _some(each.title for each in found.running)
        told.append(
            f"{len(found.running)} servers ran when the hub ended ({titles}). The new hub looks for"
            " them by what their spawner has kept: it needs a target that has them, before its"
            " first start."
        )
    if found.secrets:
        told.append(
            f"auth_state of {found.secrets} users stays encrypted: give the new hub the same"
            " JUPYTERHUB_CRYPT_KEY, else it is not used."
        )
    if history.before_hub_5(found.revision):
        told.append(_ADMISSION_UP if way.into_state else _ADMISSION)
    if history.before_hub_6(found.revision):
        told += _server_names(found)
    if way.into_state and not way.cookies:
        told.append(
            "No cookie secret of the old hub goes along: people log in once more. --cookie-secret"
            " FILE takes it."
        )
    return told + (_user_names(found) if way.into_state else [])


def _lost(found: Found, history: History) -> list[str]:
    if not history.drops_tokens(found.revision):
        return []
    text = (
        f"All {found.tokens} API tokens are dropped, as JupyterHub 2 does: users and scripts need"
        " new ones, and servers that run cannot speak to the hub any more. Stop them before."
    )
    return [text]


def _server_names(found: Found) -> list[str]:
    from jupyterhub.slugs import is_valid_safe_slug

    odd = [each.title for each in found.servers if each.name and not is_valid_safe_slug(each.name)]
    text = (
        f"JupyterHub 6 makes no new server of a name like {_some(odd)}: names are a-z, 0-9 and"
        " single dashes, at most 30. Those that are there stay."
    )
    return [text] if odd else []


def _user_names(found: Found) -> list[str]:
    odd = [name for name in found.users if not _possible(name)]
    text = (
        f"{_some(odd)} cannot log in at `anywhere up`, which refuses such user names. What they"
        " have stays in the database."
    )
    return [text] if odd else []


def _possible(name: str) -> bool:
    try:
        return normalize_user_name(name) == name
    except ValueError:
        return False
