"""A clock that a test sets forward, in place of waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import SystemClock

if TYPE_CHECKING:
    from datetime import datetime


class AdvancedClock:
    """This machine's clock, and what was skipped; implements `core.clock.Clock`."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._skipped = 0.0

    def now(self) -> datetime:
        """The time of day, with its zone (UTC)."""
        return self._clock.now() + timedelta(seconds=self._skipped)

    def elapsed(self) -> float:
        """Seconds since some moment."""
        return self._clock.elapsed() + self._skipped

    def advance(self, seconds: float) -> None:
        """Skip some time."""
        self._skipped += seconds
