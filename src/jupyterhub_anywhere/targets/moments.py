"""Moments by both clocks, so that one which somebody sets does not decide what came first.

What is written down has the time of day, since only that outlives a process. Before two moments
are compared, both are brought to the clock that nobody sets.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock

# Seconds by which the two clocks have to part before somebody has set one of them.
_TOLERANCE: Final = 0.05
# Seconds by which sums of times of day may be off: they have seven digits after the point at best.
_ROUNDING: Final = 0.001
# Seconds in which both clocks have to be read for the reading to count, and tries at it.
_READING, _TRIES = 0.005, 3
# Times that a clock was set which are remembered.
_REMEMBERED: Final = 16


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment.

    Attributes:
        at: The time of day, for people.
        elapsed: Seconds by the clock that nobody sets, for comparisons.
    """

    at: datetime
    elapsed: float


class Moments:
    """Tells what time it is, and what time of the one clock another's time was.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)
        self._born = self.now().elapsed

    def now(self) -> Moment:
        """This moment; notices when the time of day was set."""
        for _ in range(_TRIES):
            before = self._clock.elapsed()
            at = self._clock.now()
            after = self._clock.elapsed()
            if after - before < _READING:
                break
        offset = at.timestamp() - (before + after) / 2
        if all(abs(offset - known) > _TOLERANCE for known in self._offsets):
            self._offsets.append(offset)
        return Moment(at, before)

    def latest(self, at: datetime) -> float:
        """Seconds by the clock that nobody sets, at the latest that a time of day may have been.

        Args:
            at: A time that was written down in the past, before or after the clock was set.
        """
        now = self.now().elapsed
        told = at.timestamp()
        longest = now + _TOLERANCE + _ROUNDING
        found = [told - each for each in self._offsets if told - each <= longest]
        # Of the future by each of them: an earlier process wrote it, by a clock set since.
        return max(found, default=self._born) + _TOLERANCE
