"""What time it is: the one seam through which tests let a week pass in a second."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, and time that only goes forward."""

    def now(self) -> datetime:
        """The time of day, with its zone (UTC); an administrator may set it back."""

    def elapsed(self) -> float:
        """Seconds since some moment; never set by anybody."""


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        """The time of day, with its zone (UTC)."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
