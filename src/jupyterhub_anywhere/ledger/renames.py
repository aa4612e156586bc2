"""Leases of users who have another name by now: pure.

JupyterHub lets an administrator rename a user, and says so to nobody. A server that runs keeps the
address that it was started with, and the name of then is in it. A lease that got a new name keeps
the one that its server was started with, too, for a user may be renamed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.ledger.actions import Note
from jupyterhub_anywhere.ledger.view import Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from jupyterhub_anywhere.ledger.hubside import HubServer
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.view import View

    Server = tuple[str, str]

# Where a lease keeps it; the next start writes all of that anew.
_ORIGIN: Final = "made_for"


def renamed(
    leases: Iterable[Lease], servers: Mapping[Server, HubServer], users: Collection[str]
) -> Mapping[str, str]:
    """Id to the user's new name, of each lease whose user has one.

    Args:
        leases: All that are not gone.
        servers: User and server's name to what the hub knows.
        users: The names of all users: who has taken an old name since is another person.
    """
    odd = [each for each in leases if not _fits(each, servers.get((each.user, each.server)))]
    if not odd:
        return {}
    strange = {each.id for each in odd}
    live = {(each.user, each.server) for each in leases if each.live and each.id not in strange}
    started: dict[Server, set[str]] = {}
    names: dict[str, set[str]] = {}
    for (user, server), known in servers.items():
        if known.made_for:
            names.setdefault(known.made_for, set()).add(user)
            # What is in the making, or has its lease, is no renamed user's.
            if known.active and not known.pending and (user, server) not in live:
                started.setdefault((known.made_for, server), set()).add(user)
    found = {}
    for lease in odd:
        first = _origin(lease)
        if lease.live:
            now = started.get((first, lease.server), set())
        else:
            now = names.get(first, set()) if lease.user not in users else set()
            # What is kept follows what runs, unless somebody has taken the name since.
            now = now if first not in users else now & {first}
        if len(now) == 1:
            found[lease.id] = next(iter(now))
    return {each.id: found[each.id] for each in odd if found.get(each.id, each.user) != each.user}


def decide_names(view: View) -> Decision:
    """Let the leases of a renamed user be of the new name."""
    names = renamed(view.leases, view.hub.servers, view.hub.users)
    decision = Decision()
    for lease in view.here if names else ():
        if lease.id in names and lease.id not in view.hub.busy:
            decision.actions.append(Note(lease, _changes(lease, names[lease.id])))
    return decision


def _fits(lease: Lease, server: HubServer | None) -> bool:
    """Whether a server of the hub may be the one that a lease is for."""
    return server is not None and server.made_for in {"", _origin(lease)}


def _origin(lease: Lease) -> str:
    """The name that its user had when its server was started."""
    return str(lease.child.get(_ORIGIN) or lease.user)


def _changes(lease: Lease, user: str) -> dict[str, Any]:
    return {"user": user, "child": {**lease.child, _ORIGIN: _origin(lease)}}
