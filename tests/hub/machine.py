"""What the tests of a machine's faults share: how a hub is judged after one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.hub.harness import wait_for

from jupyterhub_anywhere.testing.faults.records import OURS, Record, keep
from jupyterhub_anywhere.testing.faults.run import judge

if TYPE_CHECKING:
    from tests.hub.kill_hubs import KilledHub

    from jupyterhub_anywhere.testing.faults.run import Before, Doing

BYSTANDER: Final = "bystander"
# Seconds within which a hub has put things right.
_SECONDS: Final = 20.0
_RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")


def rows(hub: KilledHub) -> list[dict[str, Any]]:
    """The leases."""
    found = hub.hub.api("GET", "anywhere/leases")
    found.raise_for_status()
    return list(found.json()["servers"])


def states(hub: KilledHub) -> dict[str, str]:
    """User to state, by the ledger."""
    return {each["user"]: each["state"] for each in rows(hub)}


def check(hub: KilledHub, doing: Doing, fault: str, before: Before, *users: str) -> None:
    """Every promise is kept, and ledger, hub and machine agree.

    Args:
        hub: The hub.
        doing: What it did at the time of the fault.
        fault: What was done, for the table of faults.
        before: What was there before.
        users: Who is judged, beside those of whom something was there.
    """
    outcome = judge(hub, [*users, *before.healthy], before, _SECONDS)
    if _RECORD:
        keep(
            Path(_RECORD),
            Record(OURS, "process", fault, replace(outcome, doing=doing, fault=fault)),
        )
    assert outcome.failures == (), f"{outcome}\n{hub.hub.logs()}"
    wait_for(lambda: hub.hub.run("leaks").returncode == 0, what="that nothing disagrees")
