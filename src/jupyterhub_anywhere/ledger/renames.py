"""Leases of users who have another name by now: pure.

JupyterHub lets an administrator rename a user, and says so to nobody. A server that runs keeps the
address that it was started with, and the old name is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.actions import Note
from jupyterhub_anywhere.ledger.view import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.ledger.hubside import HubServer
    from jupyterhub_anywhere.ledger.view import View

    Server = tuple[str, str]


def renamed(servers: Mapping[Server, HubServer]) -> Mapping[Server, str]:
    """Old name of a user, and server's name, to the user's new name; by what runs.

    Args:
        servers: User and server's name to what the hub knows.
    """
    return {
        (known.made_for, server): user
        for (user, server), known in servers.items()
        # Where the old name has such a server, that is another person's.
        if known.made_for not in {"", user} and (known.made_for, server) not in servers
    }


def decide_names(view: View) -> Decision:
    """Let the leases of a renamed user be of the new name.

    What is kept goes along with what runs, unless somebody has taken the old name since.
    """
    runs = renamed(view.hub.servers)
    names = {old: new for (old, _), new in runs.items() if old not in view.hub.users}
    decision = Decision()
    for lease in view.here if runs else ():
        new = runs.get((lease.user, lease.server)) if lease.live else None
        new = new or names.get(lease.user)
        if new is not None and lease.id not in view.hub.busy:
            decision.actions.append(Note(lease, {"user": new}))
    return decision
