"""Who fails again and again is left alone for longer and longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.targets.breaker import LONGEST_WAIT, Breaker, Circuit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Time that passes when it is told to."""

    seconds = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock, Random(1))
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    return breaker


def wait_of(breaker: Breaker, clock: Clock) -> float:
    assert breaker.next_try is not None
    return (breaker.next_try - clock.now()).total_seconds()


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    breaker = Breaker(Clock(), Random(1))
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.allows()
    assert breaker.next_try is None
    for _ in range(3):
        breaker.failed()
    assert breaker.state is Circuit.OPEN
    assert not breaker.allows()


def test_one_try_at_a_time_when_the_wait_is_over() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert 1 <= wait_of(breaker, clock) <= 2
    clock.seconds += 2
    assert breaker.allows()
    assert breaker.state is Circuit.HALF_OPEN
    assert breaker.next_try is None
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert breaker.allows()


def test_each_try_that_fails_doubles_the_wait_up_to_the_longest() -> None:
    clock = Clock()
    breaker = opened(clock)
    waits = []
    for _ in range(100):
        waits.append(wait_of(breaker, clock))
        clock.seconds += waits[-1] + 0.001
        assert breaker.allows()
        breaker.failed()
    for number, wait in enumerate(waits):
        backoff = min(2.0 * 2**number, LONGEST_WAIT)
        assert backoff / 2 <= wait <= backoff
    # A success forgets all of it.
    clock.seconds += LONGEST_WAIT
    assert breaker.allows()
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    assert wait_of(breaker, clock) <= 2


def test_a_wait_that_is_over_is_due_now() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds += 60
    assert breaker.next_try == clock.now()


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 400)), max_size=60), st.integers())
def test_it_never_lets_two_tries_through_and_never_shuts_for_good(
    steps: list[tuple[bool, float]], seed: int
) -> None:
    clock = Clock()
    breaker = Breaker(clock, Random(seed))
    for works, seconds in steps:
        clock.seconds += seconds
        if not breaker.allows():
            assert wait_of(breaker, clock) <= LONGEST_WAIT
            continue
        if breaker.state is Circuit.HALF_OPEN:
            assert not breaker.allows()
        breaker.succeeded() if works else breaker.failed()
    clock.seconds += LONGEST_WAIT
    assert breaker.allows()
