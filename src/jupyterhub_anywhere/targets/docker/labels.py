"""Labels of everything made at an engine: which hub, target, user and server it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX: Final = "org.jupyterhub.anywhere."
HUB: Final = PREFIX + "hub"
TARGET: Final = PREFIX + "target"
USER: Final = PREFIX + "user"
SERVER: Final = PREFIX + "server"
GPUS: Final = PREFIX + "gpus"
# The id of the lease that a container was made for.
LEASE: Final = PREFIX + "lease"
# Whether a container holds its user's files once it has ended: ``1`` or ``0``.
KEEP: Final = PREFIX + "keep"
# The id, in the hub's database, of the API token in its environment.
TOKEN: Final = PREFIX + "token"
# What a container is for, where it is no server: ``certs``, ``doctor``.
PURPOSE: Final = PREFIX + "purpose"
# A variable that JupyterHub gives to every server.
_OF_A_SERVER: Final = "JUPYTERHUB_API_TOKEN="


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a container or a volume was made for.

    Attributes:
        hub: The hub's id.
        target: The target's name.
        user: The user's name.
        server: The server's name, empty for the default one.
    """

    hub: str
    target: str
    user: str
    server: str

    def labels(self) -> dict[str, str]:
        """The labels that say so."""
        return {HUB: self.hub, TARGET: self.target, USER: self.user, SERVER: self.server}


def of_server(
    owner: Owner, *, keep: bool, lease: str, gpus: Sequence[str], token: int | None = None
) -> dict[str, str]:
    """The labels of a server's container.

    Args:
        owner: Whom it is made for.
        keep: Whether it holds its user's files once it has ended.
        lease: The id of its lease; empty where there is none.
        gpus: The GPUs that it holds.
        token: The id of its API token; None where nobody knows.
    """
    found = {**owner.labels(), KEEP: "1" if keep else "0"}
    if lease:
        found[LEASE] = lease
    if gpus:
        found[GPUS] = ",".join(gpus)
    if token is not None:
        found[TOKEN] = str(token)
    return found


def labels_in(answer: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a container or a volume, from what the engine says of it."""
    config = answer.get("Config")
    found = (config or {}).get("Labels") if config is not None else answer.get("Labels")
    return dict(found or {})


def owner_of(answer: Mapping[str, Any]) -> Owner | None:
    """Whom something was made for; None where no hub of this kind has made it."""
    found = labels_in(answer)
    if HUB not in found:
        return None
    return Owner(
        hub=found[HUB],
        target=found.get(TARGET, ""),
        user=found.get(USER, ""),
        server=found.get(SERVER, ""),
    )


def another(answer: Mapping[str, Any], hub: str) -> str:
    """Whose a container is that has the name of a server, where it is not this hub's.

    Stock DockerSpawner labels nothing; what it has made for this name is taken up, and known by the
    variables that each server gets.

    Args:
        answer: What the engine says of it.
        hub: This hub's id.

    Returns:
        For people, as ``a container of another hub (ID)``; empty where it is this hub's.
    """
    owner = owner_of(answer)
    if owner is not None:
        return "" if owner.hub == hub else f"a container of another hub ({owner.hub})"
    variables = (answer.get("Config") or {}).get("Env") or []
    servers = any(str(each).startswith(_OF_A_SERVER) for each in variables)
    return "" if servers else "a container that no hub has made"


def with_labels(theirs: Any, ours: Mapping[str, str]) -> dict[str, str]:
    """An administrator's own labels, as docker-py takes them (dict or list), and ours."""
    if isinstance(theirs, list | tuple):
        # docker-py takes a list of names whose values are empty.
        theirs = dict.fromkeys(theirs, "")
    return {**(theirs or {}), **ours}


def held_gpus(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The GPUs that a container holds by its label."""
    return tuple(each for each in labels_in(answer).get(GPUS, "").split(",") if each)


def filters(hub: str, **more: str) -> dict[str, list[str]]:
    """The filter by which an engine lists one hub's own things.

    Args:
        hub: The hub's id.
        more: `target`, `user` or `server` to narrow it down.
    """
    wanted = [f"{HUB}={hub}", *(f"{PREFIX}{name}={value}" for name, value in more.items())]
    return {"label": wanted}
