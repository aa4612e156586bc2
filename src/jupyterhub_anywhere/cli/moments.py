"""Times for people: how long ago in one number, and when on the clock of this machine."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60))


def lasting(seconds: float | None) -> str:
    """A time in its largest unit, as ``3 h``; empty where it is not known."""
    if seconds is None:
        return ""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def moment(at: str | None, now: datetime | None = None) -> str:
    """A time in this machine's zone: ``14:02:03`` today, else with its day.

    Args:
        at: ISO 8601, with its zone; None or empty for one that is not known.
        now: What day is today; default: this machine's.

    Returns:
        Empty where the time is not known.
    """
    if not at:
        return ""
    local = datetime.fromisoformat(at).astimezone()
    today = (now or datetime.now().astimezone()).astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M")
