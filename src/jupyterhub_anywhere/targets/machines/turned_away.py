"""Machines that were turned away at the hub's door, written down for `anywhere doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal
from jupyterhub_anywhere.targets.machines.tickets import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.targets.machines.tickets import Refusal

# Reason → what happened, and what is to be done about it; empty where that is nothing.
_TOLD: Final = {
    Reason.UNKNOWN: ("no server of this hub waits for it", ""),
    Reason.STOPPED: ("its server was stopped", ""),
    Reason.USED: (
        "its ticket was used before",
        "Find out whose address that is: who can read a machine's user-data can use its ticket.",
    ),
    Reason.LATE: (
        "its ticket had ended",
        "Raise start_timeout, or ticket_seconds where it is set: the machine came too late.",
    ),
    Reason.ELSEWHERE: (
        "its ticket is of a machine at another address",
        "Set bind_ticket: false if a proxy or router puts its address in place of machines' own.",
    ),
    Reason.WRONG: (
        "its secret is not that of the server it named",
        "Find out whose address that is: somebody may be guessing.",
    ),
    Reason.TOO_MANY: (
        "so many were refused before that no reason was told",
        "Find out whose address that is, and keep it away from the hub.",
    ),
}
# Seconds. What comes in floods is written down once in that time.
_FLOOD: Final = 10.0
_lately: Final[dict[Path, float]] = {}


@dataclass(frozen=True, slots=True)
class Book:
    """Takes every refusal; two of one file are one.

    Args:
        path: Its file; where its folder does not exist, nothing is kept.
    """

    path: Path

    def __call__(self, refusal: Refusal, address: str, whose: str) -> None:
        """Write one down; a file that cannot be written is logged.

        Args:
            refusal: Why.
            address: Where it came from.
            whose: The server it named; empty where none of that name waits.
        """
        if refusal.reason is Reason.TOO_MANY:
            now = time.monotonic()
            if now - _lately.get(self.path, -_FLOOD) < _FLOOD:
                return
            _lately[self.path] = now
        reason = str(refusal.reason)
        key = f"{reason} {address} {whose}"
        Journal(self.path).note(key, reason=reason, address=address, whose=whose)

    def findings(self) -> list[Finding]:
        """Who was turned away in the last days; asks nobody."""
        found = []
        for each in Journal(self.path).entries():
            reason = str(each.get("reason"))
            if reason not in set(Reason):
                continue  # of another version
            why, cure = _TOLD[Reason(reason)]
            often = "once" if each["times"] == 1 else f"{each['times']} times"
            whose = f", for the server {each['whose']}" if each.get("whose") else ""
            level = Level.WARNING if cure else Level.OK
            text = f"was turned away {often} in the last days{whose}: {why}"
            found.append(Finding(level, f"machine at {each.get('address')}", text, cure))
        return found


def book(hub: Path) -> Book:
    """The book of one hub.

    Args:
        hub: The state folder's part that only the hub reads.
    """
    return Book(hub / "refused.json")
