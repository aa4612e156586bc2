"""A circuit breaker: who fails again and again is left alone for a while, then tried once.

Pure: it is told what has happened and asked what may happen; it waits for nothing itself.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from jupyterhub_anywhere.core.clock import Clock

# Failures in a row after which it opens.
FAILURES: Final = 3
# Seconds before the first single try, doubled with each that fails, and the most of them.
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
# Exponents beyond this only repeat the longest wait.
_MOST_DOUBLINGS: Final = 32


class Circuit(enum.StrEnum):
    """Whether something is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Counts failures in a row; opens at the third, and lets a single try through later.

    Args:
        clock: The time.
        random: Gives the jitter, so that many targets of one engine are not tried at once.
        failures: Failures in a row after which it opens.
        first: Seconds before the first single try.
        longest: The most seconds before any.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        *,
        failures: int = FAILURES,
        first: float = FIRST_WAIT,
        longest: float = LONGEST_WAIT,
    ) -> None:
        self._clock, self._random = clock, random
        self._limit, self._first, self._longest = failures, first, longest
        self._failures = 0
        # Failed openings in a row: the exponent of the next wait.
        self._openings = 0
        self._retry_at = 0.0
        self._state = Circuit.CLOSED

    @property
    def state(self) -> Circuit:
        """Closed, open, or half-open while a single try is on its way."""
        return self._state

    @property
    def next_try(self) -> datetime | None:
        """When it is tried next, for people; None where it is not open."""
        if self._state is not Circuit.OPEN:
            return None
        left = max(self._retry_at - self._clock.elapsed(), 0.0)
        return self._clock.now() + timedelta(seconds=left)

    def allows(self) -> bool:
        """Whether to ask now; who is told yes reports how it went.

        While open it says yes once, when the wait is over, and no to everybody else until that
        try is reported.
        """
        if self._state is Circuit.OPEN and self._clock.elapsed() >= self._retry_at:
            self._state = Circuit.HALF_OPEN
            return True
        return self._state is Circuit.CLOSED

    def succeeded(self) -> None:
        """It answered: all is forgotten."""
        self._state = Circuit.CLOSED
        self._failures = self._openings = 0

    def failed(self) -> None:
        """It failed; the third time in a row, and each single try, begins a wait."""
        self._failures += 1
        if self._state is Circuit.HALF_OPEN or self._failures >= self._limit:
            self._state = Circuit.OPEN
            self._retry_at = self._clock.elapsed() + self._wait()
            self._openings = min(self._openings + 1, _MOST_DOUBLINGS)

    def _wait(self) -> float:
        """Between half and the whole of the backoff, in seconds."""
        backoff = min(self._first * 2.0**self._openings, self._longest)
        return backoff * (0.5 + self._random.random() / 2)
