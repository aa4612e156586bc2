"""The life of a lease: the table is whole, and nothing else is possible."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.ledger.states import (
    HELD,
    LIVE,
    TABLE,
    Cause,
    IllegalTransitionError,
    State,
    after,
)

FIRST = State.WANTED


def reachable(start: State) -> set[State]:
    """Every state that a state can lead to, itself included."""
    found = {start}
    while more := {to for (state, _), to in TABLE.items() if state in found} - found:
        found |= more
    return found


def test_every_state_can_be_reached() -> None:
    assert reachable(FIRST) == set(State)


def test_every_cause_is_good_for_something() -> None:
    assert {cause for _, cause in TABLE} == set(Cause)


def test_gone_is_the_end_and_every_state_can_come_to_it() -> None:
    assert not [cause for state, cause in TABLE if state is State.GONE]
    assert all(State.GONE in reachable(state) for state in State)


def test_only_what_may_exist_is_proven_gone_and_only_the_rest_withdrawn() -> None:
    proven = {state for state, cause in TABLE if cause is Cause.PROVE_GONE}
    withdrawn = {state for state, cause in TABLE if cause is Cause.WITHDRAW}
    assert proven == HELD
    assert withdrawn == {State.WANTED, State.QUEUED}
    assert proven | withdrawn == set(State) - {State.GONE}


def test_a_lease_becomes_gone_by_proof_or_before_anything_was_made() -> None:
    ends = {cause for (_, cause), to in TABLE.items() if to is State.GONE}
    assert ends == {Cause.PROVE_GONE, Cause.WITHDRAW}


def test_nothing_may_exist_before_the_launch() -> None:
    made = {(state, cause) for (state, cause), to in TABLE.items() if to in HELD}
    entries = {(state, cause) for state, cause in made if state not in HELD}
    assert {cause for _, cause in entries} == {Cause.LAUNCH}


def test_what_nobody_can_tell_of_stays_a_server() -> None:
    assert State.UNKNOWN in LIVE
    assert State.UNKNOWN in HELD
    assert {state for (state, _), to in TABLE.items() if to is State.UNKNOWN} == {State.RUNNING}


def test_what_is_kept_goes_only_when_it_is_to_be_forgotten_or_is_gone_already() -> None:
    ways = {cause: to for (state, cause), to in TABLE.items() if state is State.KEPT}
    assert ways == {
        Cause.RESUME: State.STARTING,
        Cause.FORGET: State.STOPPING,
        Cause.PROVE_GONE: State.GONE,
    }


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("cause", Cause)
def test_each_pair_is_in_the_table_or_an_error(state: State, cause: Cause) -> None:
    if (state, cause) in TABLE:
        assert after(state, cause) is TABLE[state, cause]
    else:
        with pytest.raises(IllegalTransitionError, match=f"is {state} has no transition {cause}"):
            after(state, cause)


@given(st.lists(st.sampled_from(Cause), max_size=40))
def test_any_life_is_a_way_through_the_table(causes: list[Cause]) -> None:
    state, launched = FIRST, False
    for cause in causes:
        try:
            following = after(state, cause)
        except IllegalTransitionError:
            continue
        launched |= cause is Cause.LAUNCH
        assert state is not State.GONE, "nothing follows the end"
        assert (following in HELD) <= launched, "nothing exists before it is launched"
        if following is State.GONE and launched:
            assert cause is Cause.PROVE_GONE
        state = following


def test_the_documentation_has_the_whole_table_and_no_more() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([a-z-]+)`", line) for line in page.splitlines() if line[:3] == "| `"]
    documented = [tuple(row[:3]) for row in rows if len(row) >= 3]
    assert documented == [(state, cause, to) for (state, cause), to in TABLE.items()]
    assert [row[0] for row in rows if len(row) < 3] == list(State)
