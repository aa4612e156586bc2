"""Engines that others have taken the place of: a daemon set up anew, a socket that leads elsewhere.

What was made at an engine that does not answer any more stays unknown: nobody can tell whether it
is away or was thrown away. Only a person can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.inventory import Sweep
    from jupyterhub_anywhere.ledger.lease import Lease


def made_at(lease: Lease) -> str:
    """The id of the engine that a lease's resource was made at; empty where it is not known."""
    engine = lease.child.get("engine")
    return engine if isinstance(engine, str) else ""


def replaced(lease: Lease, sweep: Sweep | None, source: str) -> bool:
    """Whether another engine answers at the target of a lease than the one that it was made at.

    Args:
        lease: One under which something may exist.
        sweep: The last list of its target.
        source: The id of the engine that answered when it was asked last; empty where nobody
            knows.
    """
    if not lease.held or sweep is None or not sweep.succeeded:
        return False
    if not source or made_at(lease) in {"", source}:
        return False
    found = sweep.resources.get(lease.name)
    # An engine may get another id and keep what it has.
    return found is None or found.lease != lease.id
