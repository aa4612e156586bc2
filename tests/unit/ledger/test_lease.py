"""A lease: its names, its moves, and what was last seen of it."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest
from tests.unit.ledger.ledger_samples import BEGIN, lease

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.lease import Seen, new_id
from jupyterhub_anywhere.ledger.states import Cause, IllegalTransitionError, State


def test_ids_fit_into_any_label_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{20}", each) for each in ids)


def test_a_move_notes_time_cause_and_what_else_changes() -> None:
    moved = lease().moved(Cause.LAUNCH, BEGIN, attempt=3)
    assert (moved.state, moved.cause, moved.attempt) == (State.STARTING, "launch", 3)
    assert moved.steps == {State.STARTING: BEGIN}
    again = moved.moved(Cause.STARTED, BEGIN + timedelta(seconds=2))
    assert again.steps == {State.STARTING: BEGIN, State.RUNNING: BEGIN + timedelta(seconds=2)}


def test_an_illegal_move_leaves_the_lease_as_it_was() -> None:
    before = lease()
    with pytest.raises(IllegalTransitionError, match="wanted has no transition started"):
        before.moved(Cause.STARTED, BEGIN)
    assert before.state is State.WANTED
    with pytest.raises(FrozenInstanceError):
        before.state = State.GONE  # type: ignore[misc] # that it cannot be set is the point


def test_what_a_lease_counts_as() -> None:
    held = {state for state in State if lease(state=state).held}
    live = {state for state in State if lease(state=state).live}
    assert set(State) - held == {State.WANTED, State.QUEUED, State.GONE}
    assert set(State) - live == {State.STOPPING, State.KEPT, State.GONE}


def test_its_name_for_people() -> None:
    assert lease("ann").log_name == "ann"
    assert lease("ann", "second").log_name == "ann:second"


def test_a_phase_is_dated_from_its_first_sight() -> None:
    later, latest = BEGIN + timedelta(seconds=10), BEGIN + timedelta(seconds=20)
    first = Seen(Phase.UNKNOWN, BEGIN, BEGIN, "refused")
    second = first.then(Observation(Phase.UNKNOWN, "timed out"), later)
    assert second == Seen(Phase.UNKNOWN, later, BEGIN, "timed out")
    third = second.then(Observation(Phase.RUNNING), latest)
    assert third == Seen(Phase.RUNNING, latest, latest)
