"""A hub's database that is new, or of an earlier time than the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.hub.birth import REASON, doubt
from jupyterhub_anywhere.ledger.hubside import HubServer
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
ANN = ("ann", "")


def lease(state: State = State.RUNNING, user: str = "ann", **changes: Any) -> Lease:
    steps = {State.STARTING: NOON - timedelta(minutes=1), state: NOON}
    names: dict[str, Any] = {
        "id": "a1",
        "hub": "h",
        "user": user,
        "server": "",
        "target": "lab",
        "name": user,
    }
    return Lease(**names, state=state, steps=steps, **changes)


def told(
    *leases: Lease,
    rows: Mapping[tuple[str, str], datetime | None] | None = None,
    active: tuple[tuple[str, str], ...] = (),
    users: tuple[str, ...] = ("ann", "bob"),
    made_for: str = "",
) -> str:
    servers = {each: HubServer(active=True, made_for=made_for) for each in active}
    return doubt(leases, users, lambda: {ANN: BEFORE} if rows is None else rows, servers)


def test_a_database_that_knows_what_runs_is_believed() -> None:
    assert told() == ""
    assert told(lease(), active=(ANN,)) == ""
    assert told(lease(State.KEPT, keeps=True)) == ""


def test_a_database_without_any_of_the_users_is_a_new_one() -> None:
    assert told(lease(), users=()) == REASON
    assert told(lease(State.KEPT, keeps=True), users=("eve",)) == REASON
    assert told(lease(State.STOPPING), users=()) == "", "what is to go is no loss"
    forever: dict[str, Any] = {"keeps": True, "forever": True}
    assert told(lease(State.STOPPING, **forever), users=()) == "", "its user was deleted"


@pytest.mark.parametrize("rows", [{}, {ANN: None}, {ANN: BEFORE}])
def test_a_row_of_before_the_server_ran_is_of_an_older_database(rows: Any) -> None:
    assert told(lease(), rows=rows) == REASON
    assert told(lease(State.UNKNOWN), rows=rows) == REASON
    assert told(lease(user="cat"), rows={**rows, ("bob", ""): AFTER}) == REASON


def test_a_user_who_was_renamed_is_not_missing() -> None:
    renamed: dict[str, Any] = {"active": (("eve", ""),), "users": ("eve",)}
    assert told(lease(), **renamed) == REASON
    assert told(lease(), **renamed, made_for="ann") == ""
    assert told(lease(), **renamed, made_for="bob") == REASON
    assert told(lease(State.KEPT, keeps=True), **renamed, made_for="ann") == ""


def test_what_the_hub_itself_has_ended_is_no_sign() -> None:
    assert told(lease(), rows={ANN: AFTER}) == ""


@pytest.mark.parametrize("state", [State.WANTED, State.QUEUED, State.STARTING, State.STOPPING])
def test_what_does_not_run_yet_or_any_more_is_no_sign(state: State) -> None:
    assert told(lease(state), rows={}) == ""
