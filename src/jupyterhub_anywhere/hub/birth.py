"""Whether the hub's own database is a new one, or an older one than the ledger: pure.

Both come from a lost file, a wrong path, or a copy that was put back. Such a hub knows nothing of
servers that run, and would end them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.ledger.renames import renamed
from jupyterhub_anywhere.ledger.states import RUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.ledger.hubside import HubServer
    from jupyterhub_anywhere.ledger.lease import Lease

# One text for both: a person who has answered is not asked again when the first user comes back.
REASON: Final = (
    "the hub's database is new, or older than the ledger: it lacks servers that the ledger has"
)


def doubt(
    leases: Iterable[Lease],
    users: Collection[str],
    rows: Callable[[], Mapping[tuple[str, str], datetime | None]],
    servers: Mapping[tuple[str, str], HubServer],
) -> str:
    """Why the database cannot be taken at its word; empty where it can.

    A hub that stops a server writes that down at the server's row, so a row that was last touched
    before the server ran is of an earlier time, as is a database without the row.

    Args:
        leases: All that are not gone.
        users: The names of all users that the database knows.
        rows: Asked only where a server that runs is not active: user and server's name to when the
            database's row of it was last touched, of every server that it knows, whether it runs or
            not; None where that was never.
        servers: Those that it counts as running, starting or stopping.
    """
    # The lease of a user who was renamed has the old name until the next look at its target.
    leases = [*leases]
    names = renamed(leases, servers, users)
    if names:
        leases = [replace(each, user=names.get(each.id, each.user)) for each in leases]
    # What is to go for ever is often of a user who was deleted.
    held = [each for each in leases if each.live or (each.keeps and not each.forever)]
    active = {key for key, known in servers.items() if known.active or known.pending}
    if held and not any(each.user in users for each in held):
        return REASON
    missing = [each for each in held if each.state in RUNS and _server(each) not in active]
    touched_at = rows() if missing else {}
    for lease in missing:
        touched, made = touched_at.get(_server(lease)), lease.made
        if touched is None or (made is not None and touched < made):
            return REASON
    return ""


def _server(lease: Lease) -> tuple[str, str]:
    return lease.user, lease.server
