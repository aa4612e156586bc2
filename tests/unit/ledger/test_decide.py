"""Each rule of what is done about leases, and about what has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyterhub_anywhere.core.inventory import Resource, Sweep
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.actions import (
    Action,
    Adopt,
    Disown,
    Drop,
    End,
    Move,
    Reap,
    Revoke,
    wary,
)
from jupyterhub_anywhere.ledger.decide import decide_leases
from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.sights import Doubt
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.strays import (
    decide_servers,
    decide_strays,
    decide_tokens,
    tokens_of,
)
from jupyterhub_anywhere.ledger.view import HubFacts, View

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNS = Observation(Phase.RUNNING)
GONE = Observation(Phase.GONE)
UNKNOWN = Observation(Phase.UNKNOWN, "500")
SERVES = HubServer(active=True, target="here")


def lease(state: State = State.RUNNING, **changes: Any) -> Lease:
    base = Lease(
        id="a1",
        hub="h",
        user="ann",
        server="",
        target="here",
        name="ann-1",
        state=state,
        steps={State.STARTING: NOW - timedelta(hours=1), state: NOW},
    )
    return replace(base, **changes)


def thing(**changes: Any) -> Resource:
    return replace(Resource("ann-1", "ann", "", lease="a1"), **changes)


def view(
    *leases: Lease,
    listed: tuple[Resource, ...] | None = (),
    seen: Observation = UNKNOWN,
    server: HubServer | None = SERVES,
    **changes: Any,
) -> View:
    """A view of target ``here``; `listed` None is a target that cannot be listed."""
    names = {each.name: each for each in listed or ()}
    hub = HubFacts(
        users=changes.pop("users", frozenset({"ann"})),
        servers={} if server is None else {("ann", ""): server},
        tokens=changes.pop("tokens", ()),
        clients=changes.pop("clients", ()),
        busy=changes.pop("busy", frozenset()),
        last=changes.pop("last", {}),
    )
    return View(
        target="here",
        leases=leases,
        sweep=None if listed is None else Sweep("here", NOW, NOW, names, trusted=True),
        hub=hub,
        now=NOW,
        policy=Policy(),
        observations={each.id: seen for each in leases},
        **changes,
    )


def causes(found: View) -> list[Cause]:
    return [each.cause for each in decide_leases(found).actions if isinstance(each, Move)]


def old(kind: str, name: str, target: str = "here") -> dict[str, Any]:
    return {"ages": {Doubt(kind, target, name): 1e6}}


# --- what was not made yet ----------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.WANTED, State.QUEUED])
def test_a_start_that_waited_ends_with_its_hub_and_its_user_is_told(state: State) -> None:
    (move,) = decide_leases(view(lease(state), server=None)).actions
    assert isinstance(move, Move)
    assert move.cause is Cause.WITHDRAW
    assert "start it again" in move.tell


@pytest.mark.parametrize("state", list(State))
def test_what_this_process_works_on_is_left_to_it(state: State) -> None:
    found = view(lease(state), seen=GONE, busy=frozenset({"a1"}))
    assert decide_leases(found).actions == []


# --- starts whose hub died ----------------------------------------------------------------------


def test_a_start_goes_on_when_what_it_made_runs_and_the_hub_knows_the_server() -> None:
    assert causes(view(lease(State.STARTING), listed=(thing(),), seen=RUNS)) == [Cause.FOUND]


def test_a_start_of_which_nothing_is_there_is_undone_only_after_proof() -> None:
    assert causes(view(lease(State.STARTING), seen=UNKNOWN)) == []
    assert causes(view(lease(State.STARTING), seen=GONE)) == [Cause.PROVE_GONE]


def test_a_start_that_the_hub_does_not_know_is_undone_later_and_only_if_nothing_holds() -> None:
    start = lease(State.STARTING)
    assert causes(view(start, listed=(thing(),), seen=RUNS, server=None)) == []
    found = view(start, listed=(thing(),), seen=RUNS, server=None, **old("undone", "a1"))
    assert causes(found) == [Cause.FAIL]
    assert all(wary(each) for each in decide_leases(found).actions)


def test_a_start_whose_resource_has_ended_or_is_another_leases_has_failed() -> None:
    start = lease(State.STARTING)
    assert causes(view(start, listed=(thing(alive=False),), seen=GONE)) == [Cause.FAIL]
    assert causes(view(start, listed=(thing(lease="b2"),), seen=RUNS)) == [Cause.FAIL]


def test_a_list_older_than_the_start_proves_nothing() -> None:
    ended = (thing(alive=False),)
    for state in (State.STARTING, State.RUNNING, State.UNKNOWN):
        assert causes(view(lease(state), listed=ended, seen=UNKNOWN)) == []


# --- what runs ----------------------------------------------------------------------------------


def test_what_runs_and_is_wanted_is_left_alone() -> None:
    found = decide_leases(view(lease(), listed=(thing(),), seen=RUNS))
    assert (found.actions, found.doubts) == ([], set())


def test_an_error_is_never_gone() -> None:
    failed = Sweep("here", NOW, NOW, reason="500")
    found = replace(view(lease(), seen=UNKNOWN), sweep=failed)
    assert causes(found) == [Cause.LOSE_SIGHT]
    assert causes(replace(found, leases=[lease(State.UNKNOWN)])) == []


def test_what_is_seen_again_runs_again() -> None:
    found = view(lease(State.UNKNOWN), listed=(thing(),), seen=RUNS)
    assert causes(found) == [Cause.SEE]


@pytest.mark.parametrize("state", [State.RUNNING, State.UNKNOWN])
def test_what_is_proven_gone_is_dropped_and_its_user_told(state: State) -> None:
    (move,) = decide_leases(view(lease(state), seen=GONE)).actions
    assert isinstance(move, Move)
    assert move.cause is Cause.PROVE_GONE
    assert move.drop
    assert move.tell


def test_what_ended_by_itself_goes_and_what_keeps_files_rests() -> None:
    ended = thing(alive=False, exit_code=137)
    found = view(lease(), listed=(ended,), seen=Observation(Phase.GONE, exit_code=137))
    (move,) = decide_leases(found).actions
    assert isinstance(move, Move)
    assert (move.cause, move.drop) == (
        Cause.END,
        "Your server has ended by itself, with status 137.",
    )
    assert causes(view(lease(keeps=True), listed=(ended,), seen=GONE)) == [Cause.REST]
    kept = (replace(ended, keep=True),)
    assert causes(view(lease(), listed=kept, seen=GONE)) == [Cause.REST]


def test_what_the_hub_does_not_want_stops_after_the_grace() -> None:
    for server in (None, HubServer(active=True, target="there")):
        assert causes(view(lease(), listed=(thing(),), seen=RUNS, server=server)) == []
        found = view(lease(), listed=(thing(),), seen=RUNS, server=server, **old("causeless", "a1"))
        assert causes(found) == [Cause.STOP]
        assert all(wary(each) for each in decide_leases(found).actions)


def test_what_the_hub_works_on_is_not_called_unwanted() -> None:
    busy = HubServer(active=False, pending="spawn")
    found = view(lease(), listed=(thing(),), seen=RUNS, server=busy, **old("causeless", "a1"))
    assert causes(found) == []


def test_a_name_that_another_ended_leases_resource_has_is_not_its_own_for_long() -> None:
    found = view(lease(), listed=(thing(lease="b2"),), seen=RUNS)
    assert causes(found) == []
    assert causes(replace(found, **old("replaced", "a1"))) == [Cause.END]


def test_what_has_its_name_at_another_engine_says_nothing_of_it() -> None:
    other = thing(lease="b2", handle={"engine": "two"})
    aged = old("replaced", "a1")
    for state, expected in (
        (State.RUNNING, [Cause.LOSE_SIGHT]),
        (State.UNKNOWN, []),
        (State.STARTING, []),
        (State.STOPPING, []),
    ):
        mine = lease(state, child={"engine": "one"})
        assert causes(view(mine, listed=(other,), seen=RUNS, **aged)) == expected


def test_what_keeps_files_and_ended_at_another_engine_says_nothing_either() -> None:
    other = thing(lease="b2", keep=True, alive=False, handle={"engine": "two"})
    for state, expected in (
        (State.RUNNING, [Cause.LOSE_SIGHT]),
        (State.UNKNOWN, []),
        (State.STOPPING, []),
        (State.KEPT, []),
    ):
        mine = lease(state, keeps=True, child={"engine": "one"})
        for found in (other, replace(other, alive=True)):
            decision = decide_leases(view(mine, listed=(found,), seen=GONE, server=None))
            assert [x.cause for x in decision.actions if isinstance(x, Move)] == expected
            assert not decision.candidates
            assert not [x for x in decision.actions if isinstance(x, End)]


# --- what is to go ------------------------------------------------------------------------------


def test_a_wish_is_tried_until_the_list_proves_it() -> None:
    stop = lease(State.STOPPING)
    assert decide_leases(view(stop, listed=(thing(),), seen=RUNS)).actions == [
        End(stop, thing(), halt=False)
    ]
    assert causes(view(stop, seen=GONE)) == [Cause.PROVE_GONE]
    assert not [x for x in decide_leases(view(stop)).actions if isinstance(x, Move | End)]


def test_a_wish_waits_for_its_time_unless_the_clock_was_set_back() -> None:
    def due(seconds: float) -> list[Action]:
        stop = lease(State.STOPPING, due=NOW + timedelta(seconds=seconds))
        return decide_leases(view(stop, listed=(thing(),), seen=RUNS)).actions

    assert due(30) == []
    assert len(due(-1)) == 1
    assert len(due(5 * 3600)) == 1


def test_what_keeps_files_is_stopped_and_not_removed_unless_for_ever() -> None:
    stop = lease(State.STOPPING, keeps=True)
    kept = thing(keep=True)
    assert decide_leases(view(stop, listed=(kept,), seen=RUNS)).actions == [
        End(stop, kept, halt=True)
    ]
    ended = replace(kept, alive=False)
    assert causes(view(stop, listed=(ended,), seen=GONE)) == [Cause.REST]
    forever = replace(stop, forever=True)
    assert decide_leases(view(forever, listed=(ended,), seen=GONE)).actions == [
        End(forever, ended, halt=False)
    ]


def test_nothing_is_removed_whose_name_another_lease_makes_use_of() -> None:
    stop, other = lease(State.STOPPING), lease(State.STARTING, id="b2", attempt=2)
    found = view(stop, other, listed=(thing(),), seen=RUNS, busy=frozenset({"b2"}))
    assert decide_leases(found).actions == []


def test_what_has_its_name_under_another_label_is_not_removed_for_it() -> None:
    stop = lease(State.STOPPING)
    found = view(stop, listed=(thing(lease="b2"),), seen=RUNS)
    assert decide_leases(found).actions == []
    assert causes(replace(found, **old("replaced", "a1"))) == [Cause.PROVE_GONE]
    reaped = replace(stop, cause="reap")
    again = view(reaped, listed=(thing(lease="b2"),), seen=RUNS)
    assert [type(each) for each in decide_leases(again).actions] == [End]


def test_a_start_that_failed_ends_nothing_with_files_that_it_did_not_make() -> None:
    """A ledger was lost, and what has the name serves somebody for all that is known."""
    failed = lease(State.STOPPING, keeps=True, cause="fail")
    for kept in (thing(lease="b2", keep=True), thing(lease="b2", keep=True, alive=False)):
        found = view(failed, listed=(kept,), seen=RUNS if kept.alive else GONE, server=None)
        assert decide_leases(found).actions == []
        assert causes(replace(found, **old("replaced", "a1"))) == [Cause.PROVE_GONE]
        for own in (replace(failed, cause="stop"), replace(failed, forever=True)):
            (action,) = decide_leases(replace(found, leases=[own])).actions
            assert isinstance(action, End) or action.cause is Cause.REST  # type: ignore[union-attr]
    mine = view(failed, listed=(thing(keep=True),), seen=RUNS, server=None)
    assert [type(each) for each in decide_leases(mine).actions] == [End]


def test_what_is_kept_has_no_name_that_another_leases_resource_has() -> None:
    kept, other = lease(State.KEPT, keeps=True), lease(State.RUNNING, id="b2", attempt=2)
    found = view(kept, other, listed=(thing(lease="b2", keep=True),), seen=RUNS)
    aged: dict[str, Any] = {
        "ages": {Doubt(kind, "here", "a1"): 1e6 for kind in ("awake", "replaced")}
    }
    assert causes(found) == []
    assert causes(replace(found, **aged)) == [Cause.PROVE_GONE]


def test_what_is_kept_is_left_alone_and_stopped_when_it_runs_for_long() -> None:
    kept, resting = lease(State.KEPT, keeps=True), thing(keep=True, alive=False)
    assert decide_leases(view(kept, listed=(resting,), seen=GONE, server=None)).actions == []
    awake = view(kept, listed=(thing(keep=True),), seen=RUNS, server=None)
    assert decide_leases(awake).actions == []
    (end,) = decide_leases(replace(awake, **old("awake", "a1"))).actions
    assert isinstance(end, End)
    assert end.halt
    assert wary(end)
    assert causes(view(kept, seen=GONE, server=None)) == [Cause.PROVE_GONE]


# --- targets that cannot be listed --------------------------------------------------------------


def test_where_nothing_can_be_listed_the_spawners_word_counts() -> None:
    stop = lease(State.STOPPING)
    assert decide_leases(view(stop, listed=None, seen=RUNS)).actions == [End(stop, None, halt=True)]
    assert causes(view(stop, listed=None, seen=GONE)) == [Cause.PROVE_GONE]
    assert causes(view(replace(stop, keeps=True), listed=None, seen=GONE)) == [Cause.REST]
    assert causes(view(lease(State.STARTING), listed=None, seen=RUNS)) == [Cause.FOUND]
    assert causes(view(lease(State.STARTING), listed=None, seen=GONE)) == [Cause.FAIL]
    assert causes(view(lease(State.STARTING), listed=None, seen=UNKNOWN)) == []
    assert causes(view(lease(), listed=None, seen=UNKNOWN)) == []


# --- what has no lease --------------------------------------------------------------------------


def test_a_stray_is_never_reaped_at_first_sight() -> None:
    found = view(listed=(thing(),), server=None)
    assert decide_strays(found).actions == []
    assert decide_strays(found).doubts == {Doubt("stray", "here", "ann-1")}
    young: dict[str, Any] = {"ages": {Doubt("stray", "here", "ann-1"): 299.0}}
    assert decide_strays(replace(found, **young)).actions == []
    (reap,) = decide_strays(replace(found, **old("stray", "ann-1"))).actions
    assert isinstance(reap, Reap)
    assert wary(reap)


def test_what_another_ledger_gave_is_told_unless_somebody_takes_it_up() -> None:
    there: dict[str, Any] = {"listed": (thing(),), "foreign": frozenset({"a1", "elsewhere"})}
    assert decide_strays(view(server=None, **there)).foreign == {"a1"}
    assert decide_strays(view(**there)).foreign == set(), "its server is there"
    rests: dict[str, Any] = there | {"listed": (thing(keep=True, alive=False),)}
    assert decide_strays(view(server=None, users=frozenset(), **rests)).foreign == set()
    assert decide_strays(view(server=None, listed=(thing(),))).foreign == set()


def test_a_stray_is_adopted_when_its_user_and_its_server_are_there() -> None:
    found = view(listed=(thing(),))
    assert decide_strays(found).actions == [Adopt("here", thing(), State.RUNNING)]
    for other in (
        replace(found, hub=replace(found.hub, users=frozenset())),
        replace(found, ended=frozenset({"a1"})),
        view(listed=(thing(),), server=HubServer(active=True, target="there")),
        view(listed=(thing(),), server=HubServer(active=True, target="here", pending="stop")),
        view(lease(name="ann-2", id="b2"), listed=(thing(),)),
    ):
        assert decide_strays(other).actions == []


def test_a_stray_with_files_is_adopted_for_its_user_and_never_reaped() -> None:
    kept = thing(keep=True, alive=False)
    found = view(listed=(kept,), server=None, **old("stray", "ann-1"))
    assert decide_strays(found).actions == [Adopt("here", kept, State.KEPT)]
    nobody = replace(found, hub=replace(found.hub, users=frozenset()))
    assert decide_strays(nobody).actions == []
    came_late = replace(found, ended=frozenset({"a1"}))
    assert decide_strays(came_late).actions == [Adopt("here", kept, State.KEPT)]


def test_what_keeps_files_under_an_older_label_is_its_leases_all_the_same() -> None:
    older = (thing(keep=True, lease="b2"),)
    assert causes(view(lease(State.STARTING, keeps=True), listed=older, seen=RUNS)) == [Cause.FOUND]
    assert causes(view(lease(State.UNKNOWN, keeps=True), listed=older, seen=RUNS)) == [Cause.SEE]


def test_what_a_lease_names_or_is_labelled_with_is_no_stray() -> None:
    for mine in (lease(State.STOPPING), lease(name="other")):
        found = view(mine, listed=(thing(),), server=None, **old("stray", "ann-1"))
        assert decide_strays(found).doubts == set()


def test_of_targets_with_one_list_only_the_first_has_strays_and_both_have_names() -> None:
    kin = frozenset({"here", "also"})
    stray = view(listed=(thing(),), server=None, kin=kin, **old("stray", "ann-1"))
    assert decide_strays(stray).actions == []
    first = replace(stray, target="also", **old("stray", "ann-1", "also"))
    assert [type(each) for each in decide_strays(first).actions] == [Reap]
    named = replace(first, leases=[lease()])
    assert decide_strays(named).actions == []


def test_a_server_whose_lease_has_ended_is_dropped() -> None:
    ended = {("ann", ""): lease(State.GONE)}
    assert [type(x) for x in decide_servers(view(last=ended)).actions] == [Drop]
    assert [type(x) for x in decide_servers(view(lease(State.KEPT))).actions] == [Drop]
    assert decide_servers(view()).actions == []
    assert decide_servers(view(lease(State.STOPPING))).actions == []
    assert decide_servers(view(last=ended, listed=(thing(),))).actions == []
    busy = HubServer(active=True, target="here", pending="spawn")
    assert decide_servers(view(last=ended, server=busy)).actions == []


# --- tokens -------------------------------------------------------------------------------------

TOKEN = ServerToken(7, "ann", "")
AGED = {"ages": {Doubt("token", "", "7"): 1e6}}


def revoked(*leases: Lease, kept: tuple[tuple[str, str], ...] = (), **changes: Any) -> bool:
    found = view(*leases, tokens=(TOKEN,), **{**AGED, **changes})
    return decide_tokens(found, kept).actions == [Revoke(TOKEN)]


def test_a_token_of_a_dead_server_is_revoked_after_the_grace() -> None:
    assert revoked(server=None)
    assert revoked(lease(State.STOPPING), server=None)
    assert not revoked(server=None, ages={})


def test_a_token_that_may_be_in_use_is_never_revoked() -> None:
    assert not revoked()
    assert not revoked(lease(), server=None)
    assert not revoked(lease(State.KEPT), server=None)
    assert not revoked(lease(State.STOPPING, keeps=True), server=None)
    assert not revoked(lease(State.STOPPING), server=None, busy=frozenset({"a1"}))
    assert not revoked(server=HubServer(active=False, pending="spawn"))
    assert not revoked(server=None, kept=(("ann", ""),))


@pytest.mark.parametrize(
    ("found", "own", "changes", "expected"),
    [
        (lease(State.RUNNING, keeps=True), 5, {}, [Revoke(TOKEN, instead=5)]),
        (lease(State.KEPT, keeps=True), 5, {"server": None}, [Revoke(TOKEN, instead=5)]),
        (lease(State.RUNNING, keeps=True), 9, {}, [Revoke(TOKEN, instead=9)]),
        (lease(State.RUNNING, keeps=True), 7, {}, []),
        (lease(State.RUNNING, keeps=True), None, {}, []),
        (lease(State.RUNNING, keeps=True, name="other"), 5, {}, []),
        (lease(State.RUNNING, keeps=True, target="else"), 5, {}, []),
        (lease(State.UNKNOWN, keeps=True), 5, {}, []),
        (lease(State.STARTING, keeps=True), 5, {}, []),
        (lease(State.STOPPING, keeps=True), 5, {}, []),
        (lease(State.RUNNING), 5, {}, []),
        (lease(State.RUNNING, keeps=True), 5, {"ages": {}}, []),
        (lease(State.RUNNING, keeps=True), 5, {"busy": frozenset({"a1"})}, []),
        (lease(State.KEPT, keeps=True), 5, {"server": HubServer(active=True, pending="spawn")}, []),
    ],
)
def test_what_is_kept_has_one_token_and_every_other_is_of_a_start_that_died(
    found: Lease, own: int | None, changes: dict[str, Any], expected: list[Action]
) -> None:
    listed = Sweep("here", NOW, NOW, {"ann-1": replace(thing(), token=own)})
    told = view(found, tokens=(TOKEN,), **{**AGED, **changes})
    assert decide_tokens(told, (), None, tokens_of([listed])).actions == expected


def test_of_two_leases_nobody_tells_which_token_is_whose() -> None:
    two = lease(State.KEPT, keeps=True), lease(State.RUNNING, id="a2", target="else")
    told = view(*two, tokens=(TOKEN,), ages=AGED["ages"])
    assert decide_tokens(told, (), None, {("here", "ann-1"): 5}).actions == []


CLIENT = ServerClient(3, "ann", "")
OLD = {"ages": {Doubt("client", "", "3"): 1e6}}


@pytest.mark.parametrize(
    ("leases", "changes", "expected"),
    [
        ((), {"server": None}, [Disown(CLIENT)]),
        ((lease(State.STOPPING),), {"server": None}, [Disown(CLIENT)]),
        ((), {"server": None, "ages": {}}, []),
        ((), {}, []),
        ((lease(),), {"server": None}, []),
        ((lease(State.KEPT),), {"server": None}, []),
        ((lease(State.STOPPING, keeps=True),), {"server": None}, []),
        ((), {"server": HubServer(active=False, pending="spawn")}, []),
        # Not as a token: the client of an earlier start is the present one's.
        ((lease(token=9),), {}, []),
    ],
)
def test_an_oauth_client_goes_with_its_server(
    leases: tuple[Lease, ...], changes: dict[str, Any], expected: list[Action]
) -> None:
    found = view(*leases, clients=(CLIENT,), **{**OLD, **changes})
    assert decide_tokens(found, ()).actions == expected
    kept = decide_tokens(found, [("ann", "")])
    assert kept.actions == []


@pytest.mark.parametrize(("made", "held"), [(-1, True), (1, False), (None, True)])
def test_what_was_given_after_a_hold_began_is_not_held_back(
    made: int | None,
    held: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    since = datetime(2026, 5, 4, 12, tzinfo=UTC)
    at = None if made is None else since + timedelta(minutes=made)
    given: dict[str, Any] = {
        "tokens": (replace(TOKEN, made=at),),
        "clients": (replace(CLIENT, made=at),),
    }
    ages = {**AGED["ages"], **OLD["ages"]}

    found = decide_tokens(view(server=None, ages=ages, **given), (), since)

    assert [wary(each) for each in found.actions] == [held, held]
    assert len(found.candidates) == (2 if held else 0)
    assert len(found.doubts) == 2
    assert len(decide_tokens(view(server=None, ages=ages, **given), ()).candidates) == 2


def test_a_token_of_an_earlier_start_is_revoked_while_a_later_one_runs() -> None:
    assert revoked(lease(token=9))
    assert not revoked(lease(token=7))
    assert not revoked(lease(token=9, keeps=True))
    assert not revoked(lease(token=None))


# --- patience -----------------------------------------------------------------------------------


def test_deletions_are_tried_from_seconds_to_minutes_apart() -> None:
    policy = Policy()
    assert [policy.delay(tries, lambda: 0.0) for tries in (1, 2, 3, 8, 5000)] == [
        5.0,
        10.0,
        20.0,
        600.0,
        600.0,
    ]
    assert policy.delay(1, lambda: 1.0) == 4.0
