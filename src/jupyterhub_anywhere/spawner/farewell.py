"""A word to the user of a server that has ended by itself, where the hub is the first to notice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.ledger.ending import GONE, ended, explained
from jupyterhub_anywhere.ledger.states import RUNS

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.desk import Desk

log = logging.getLogger(__name__)


async def tell_of_end(desk: Desk, lease: Lease, seen: Observation) -> None:
    """Have a user told, unless the server was stopped or the reconciler has told. Never raises.

    Args:
        desk: Who is told.
        lease: The server's, as its spawner knows it.
        seen: What its target says.
    """
    try:
        now = await desk.ledger.get(lease.id)
    except AnywhereError as error:
        log.warning("The user of %s is not told of its end: %s", lease.name, error)
        return
    if now is None or now.state not in RUNS:
        return
    text = GONE if seen.exit_code is None else ended(seen.exit_code)
    desk.told.ended(now, await explained(text, now, desk.watches.get(now.target)))
