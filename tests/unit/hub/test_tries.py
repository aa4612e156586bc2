"""Wrong tries: slower and slower, bounded, and never the end for the right password."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_network

import pytest

from jupyterhub_anywhere.hub.tries import (
    ALTOGETHER,
    FORGET_AFTER,
    FREE_TRIES,
    LONGEST_WAIT,
    PER_ADDRESS,
    TooManyTriesError,
    Tries,
    client_address,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_to_a_bound_and_success_forgets() -> None:
    tries = Tries(Clock())
    waits = []
    for _ in range(40):
        waits.append(tries.wait("a"))
        tries.failed("a")
    assert waits[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert waits[FREE_TRIES] > 0
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert tries.wait("b") == 0
    tries.succeeded("a")
    assert tries.wait("a") == 0


def test_time_forgets() -> None:
    clock = Clock()
    tries = Tries(clock)
    for _ in range(10):
        tries.failed("a")
    clock.now += FORGET_AFTER + 1
    assert tries.wait("a") == 0
    tries.failed("a")
    assert tries.wait("a") == 0, "the count begins anew"


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    tries = Tries(Clock())
    for _ in range(5):
        tries.failed("first")
    for number in range(5000):
        tries.failed(str(number))
    assert len(tries._failures) == 4096
    assert tries.wait("first") == 0


def test_one_address_cannot_take_all_places() -> None:
    tries = Tries(Clock())
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            stack.enter_context(tries.one("bad"))
        with pytest.raises(TooManyTriesError), tries.one("bad"):
            pass
        with tries.one("good"):
            pass
    with tries.one("bad"):
        pass
    assert not tries._under_way, "nothing is kept of those who are done"


def test_all_together_are_bounded() -> None:
    tries = Tries(Clock())
    with ExitStack() as stack:
        for number in range(ALTOGETHER):
            stack.enter_context(tries.one(str(number)))
        with pytest.raises(TooManyTriesError), tries.one("more"):
            pass
        assert "more" not in tries._under_way


@pytest.mark.parametrize(
    ("peer", "forwarded", "wanted"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.7", "6.6.6.6", "203.0.113.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("::1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
    ],
)
def test_who_asks(peer: str, forwarded: str, wanted: str) -> None:
    assert client_address(peer, forwarded, [ip_network("10.0.0.0/24")]) == wanted


def test_a_program_of_this_machine_cannot_choose_its_address() -> None:
    # The hub's proxy appends whom it was asked by; what stands before it, the client wrote.
    assert client_address("127.0.0.1", "10.9.9.9, 127.0.0.1", []) == "127.0.0.1"
    assert client_address("127.0.0.1", "10.9.9.9", []) == "10.9.9.9"
