"""What the tests of a machine's faults share: the sides, and how the outcome is told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.hub.harness import wait_for

from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep

if TYPE_CHECKING:
    from tests.hub.kill_hubs import KilledHub

    from jupyterhub_anywhere.testing.faults.run import Outcome

BYSTANDER: Final = "bystander"
# Ours always; the stock hub as the control where every fault is made.
SIDES: Final = [OURS, STOCK] if os.environ.get("ANYWHERE_KILLS") == "all" else [OURS]
_RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")


def rows(hub: KilledHub) -> list[dict[str, Any]]:
    """The leases."""
    found = hub.hub.api("GET", "anywhere/leases")
    found.raise_for_status()
    return list(found.json()["servers"])


def states(hub: KilledHub) -> dict[str, str]:
    """User to state, by the ledger."""
    return {each["user"]: each["state"] for each in rows(hub)}


def check(side: str, hub: KilledHub, outcome: Outcome, more: str = "") -> None:
    """Keep what came of a fault. Of ours: every promise is kept, and nothing disagrees.

    Args:
        side: Whose hub.
        hub: The hub.
        outcome: What came of it.
        more: What is else about this case of the fault.
    """
    if _RECORD:
        told = replace(outcome, fault=outcome.fault + more)
        keep(Path(_RECORD), Record(side, "process", outcome.fault, told))
    if side == OURS:
        assert outcome.failures == (), f"{outcome}\n{hub.hub.logs()}"
        wait_for(lambda: hub.hub.run("leaks").returncode == 0, what="that nothing disagrees")
