"""Times of day that were written down, by a clock that somebody has set since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.targets.moments import Moments

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Seconds by which a moment counts as later, to be on the safe side.
MARGIN = 0.11


class Clock:
    """Two clocks; reading them may take a while."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.moved = 0.0
        self.slow: list[float] = []

    def now(self) -> datetime:
        if self.slow:
            self.seconds += self.slow.pop()
        return NOON + timedelta(seconds=self.seconds + self.moved)

    def elapsed(self) -> float:
        return self.seconds


# Twice by as much as is not noticed, so that it hangs on the last digit.
@example([(0.0, 0.05), (1.6715435247406276, 0.0), (0.0, 0.05)])
@given(st.lists(st.tuples(st.floats(0, 9000), st.floats(-9000, 9000)), max_size=12))
def test_what_was_written_down_is_never_taken_for_earlier(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    moments = Moments(clock)
    written = []
    for passes, moves in steps:
        clock.seconds += passes
        clock.moved += moves
        moment = moments.now()
        assert moment.elapsed == clock.seconds
        written.append(moment)
    for moment in written:
        assert moments.latest(moment.at) >= moment.elapsed


def test_as_long_as_nobody_sets_it_one_clock_tells_the_other() -> None:
    clock = Clock()
    moments = Moments(clock)
    for _ in range(50):
        clock.seconds += 100
        at = clock.now()
        before = clock.seconds
        clock.seconds += 7
        assert before <= moments.latest(at) <= before + MARGIN


def test_what_is_of_the_future_was_written_by_an_earlier_process() -> None:
    clock = Clock()
    moments = Moments(clock)
    clock.seconds += 50
    assert moments.latest(clock.now() + timedelta(hours=1)) <= 1000 + MARGIN


def test_a_reading_that_took_long_is_made_again() -> None:
    clock = Clock()
    moments = Moments(clock)
    clock.slow = [3.0]
    assert moments.now().elapsed == 1003.0
    at = clock.now()
    assert moments.latest(at) <= 1003.0 + MARGIN


def test_this_machines_clocks() -> None:
    clock = SystemClock()
    moments = Moments(clock)
    at = clock.now()
    assert at.tzinfo is UTC
    assert moments.latest(at) <= clock.elapsed() + MARGIN
    assert moments.now().elapsed <= clock.elapsed()
