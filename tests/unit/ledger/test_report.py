"""What an administrator is told of what is known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyterhub_anywhere.core.inventory import Health, Resource, Sweep
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.disagree import Disagreement, Kind
from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken
from jupyterhub_anywhere.ledger.known import Known
from jupyterhub_anywhere.ledger.lease import Lease, Seen
from jupyterhub_anywhere.ledger.report import Report, make_report
from jupyterhub_anywhere.ledger.states import State

NOW = datetime(2026, 5, 4, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def server(*, active: bool = True, pending: str = "", target: str = "lab") -> HubServer:
    """A server as the hub knows it."""
    return HubServer(active, pending, target)


def lease(user: str = "ann", state: State = State.RUNNING, **changes: Any) -> Lease:
    values: dict[str, Any] = {
        "id": f"id-{user}",
        "hub": "h",
        "user": user,
        "server": "",
        "target": "lab",
        "name": f"jupyter-{user}",
        "state": state,
        "choice": {"profile": "python"},
        "steps": {State.STARTING: NOW - 10 * MINUTE, state: NOW - 9 * MINUTE},
    }
    return Lease(**{**values, **changes})


def resource(user: str = "ann", **changes: Any) -> Resource:
    return replace(Resource(f"jupyter-{user}", user, "", lease=f"id-{user}"), **changes)


def sweep(*resources: Resource, target: str = "lab", **changes: Any) -> Sweep:
    began = NOW - timedelta(seconds=5)
    found = {each.name: each for each in resources}
    return replace(Sweep(target, began, began, found, trusted=True), **changes)


def known(*leases: Lease, **changes: Any) -> Known:
    """A world in which all is well, but for what is given."""
    at = {each.user: resource(each.user) for each in leases if each.held}
    values: dict[str, Any] = {
        "now": NOW,
        "leases": leases,
        "sweeps": {"lab": sweep(*at.values())},
        "health": {"lab": Health(observed=NOW - timedelta(seconds=5))},
        "hub": {(each.user, each.server): server() for each in leases if each.live},
        "grace": 300.0,
    }
    return Known(**{**values, **changes})


def the_only(found: Report) -> Disagreement:
    assert len(found.disagreements) == 1, found.disagreements
    assert not found.clean
    return found.disagreements[0]


def test_nothing_is_nothing() -> None:
    found = make_report(Known(now=NOW))
    assert found.clean
    assert not found.servers
    assert not found.targets
    assert not found.hub


def test_all_is_well() -> None:
    found = make_report(known(lease("bob"), lease("ann")))
    assert found.clean, found.disagreements
    assert [row.user for row in found.servers] == ["ann", "bob"]
    row = found.servers[0]
    assert (row.key, row.state, row.profile) == ("lab/jupyter-ann", "running", "python")
    assert row.since == NOW - 9 * MINUTE
    assert row.age == 600.0
    assert row.unknown_since is None
    (target,) = found.targets
    assert target.servers == {"running": 2}
    assert target.resources == 2
    assert target.since is None


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    found = make_report(known(lease(steps={State.RUNNING: NOW + 60 * MINUTE})))
    assert found.servers[0].age == 0.0
    assert make_report(known(lease(steps={}))).servers[0].age is None


def test_a_target_that_cannot_be_asked_keeps_its_servers() -> None:
    since = NOW - 28 * MINUTE
    seen = Seen(Phase.UNKNOWN, NOW, since, "connection refused")
    health = Health(since=since, reason="connection refused", failures=9, next_try=NOW + MINUTE)
    failed = sweep(reason="connection refused", trusted=False)
    lost = lease(state=State.UNKNOWN, seen=seen)
    found = make_report(known(lost, sweeps={"lab": failed}, health={"lab": health}))
    each = the_only(found)
    assert each.kind is Kind.TARGET
    assert (each.target, each.since, each.due) == ("lab", since, NOW + MINUTE)
    assert each.cause == "connection refused"
    assert "keeps its 1 server." in each.cure
    assert not each.removable
    row = found.servers[0]
    assert (row.unknown_since, row.reason) == (since, "connection refused")
    assert found.targets[0].failures == 9
    assert found.targets[0].resources is None


def test_unknown_without_an_observation() -> None:
    row = make_report(known(lease(state=State.UNKNOWN))).servers[0]
    assert row.unknown_since == NOW - 9 * MINUTE


def test_a_first_failure_counts_before_the_health_knows_of_it() -> None:
    failed = sweep(reason="cut off", trusted=False)
    assert the_only(make_report(known(sweeps={"lab": failed}, health={}))).kind is Kind.TARGET


def test_a_target_that_was_not_asked_yet_is_no_trouble() -> None:
    assert make_report(known(lease(), sweeps={}, health={"lab": Health()})).clean


def test_a_target_that_is_declared_no_more() -> None:
    each = the_only(make_report(known(lease(), sweeps={}, health={})))
    assert each.kind is Kind.TARGET
    assert "declared" in each.cause
    assert "Declare it again" in each.cure


def orphan(**changes: Any) -> Known:
    strange = replace(resource("eve"), **changes.pop("resource", {}))
    return known(**{"sweeps": {"lab": sweep(strange)}, **changes})


def test_what_has_no_lease_is_told_when_it_goes() -> None:
    first = NOW - MINUTE
    each = the_only(make_report(orphan(first_seen={("lab", "jupyter-eve"): first})))
    assert each.kind is Kind.RESOURCE
    assert each.key == "lab/jupyter-eve"
    assert each.since == first
    assert each.due == first + timedelta(seconds=300)
    assert each.removable
    assert not each.adoptable, "nobody could use it"


def test_what_has_no_lease_and_was_never_seen_has_no_time_yet() -> None:
    assert the_only(make_report(orphan())).due is None


def test_what_keeps_files_is_never_removed_by_itself() -> None:
    first = {("lab", "jupyter-eve"): NOW}
    ended = {"keep": True, "alive": False}
    each = the_only(make_report(orphan(first_seen=first, resource=ended)))
    assert each.keeps
    assert each.adoptable
    assert "anywhere adopt lab/jupyter-eve" in each.cure
    assert "--with-files" in each.cure
    assert each.due is None
    assert "until a person decides" in each.cure


def test_what_runs_in_the_hub_is_taken_up() -> None:
    found = make_report(orphan(hub={("eve", ""): server()}))
    kinds = {each.kind: each for each in found.disagreements}
    assert set(kinds) == {Kind.RESOURCE, Kind.UNRECORDED}
    assert "taken up" in kinds[Kind.RESOURCE].cure
    assert kinds[Kind.RESOURCE].adoptable


def test_nothing_is_promised_while_a_database_is_new() -> None:
    hold = "the hub's database is new"
    first = {("lab", "jupyter-eve"): NOW - 60 * MINUTE}
    each = the_only(make_report(orphan(hold=hold, first_seen=first)))
    assert (each.kind, each.cause, each.due) == (Kind.HELD, hold, None)
    assert "leaks --clean" in each.cure
    assert not make_report(known(hold=hold)).clean, "a hold alone is not clean"


def test_without_the_hub_the_hub_is_not_judged() -> None:
    found = make_report(known(lease(), hub=None))
    assert found.clean
    assert not found.hub
    assert "`anywhere up`" in the_only(make_report(orphan(hub=None))).cure


def test_what_nobody_was_named_for_cannot_be_adopted() -> None:
    ended = {"user": "", "keep": True, "alive": False}
    each = the_only(make_report(orphan(resource=ended)))
    assert not each.adoptable
    assert each.what == "jupyter-eve at lab"


@pytest.mark.parametrize("state", [State.RUNNING, State.UNKNOWN, State.KEPT])
def test_a_lease_that_its_target_does_not_list(state: State) -> None:
    each = the_only(make_report(known(lease(state=state), sweeps={"lab": sweep()})))
    assert each.kind is Kind.LOST
    assert each.cause == "lab does not list it"


@pytest.mark.parametrize("state", [State.WANTED, State.QUEUED, State.STARTING])
def test_what_is_being_made_need_not_be_listed(state: State) -> None:
    assert make_report(known(lease(state=state), sweeps={"lab": sweep()})).clean


def test_a_list_that_is_older_than_the_start_says_nothing() -> None:
    young = lease(steps={State.STARTING: NOW - timedelta(seconds=4)})
    assert make_report(known(young, sweeps={"lab": sweep()})).clean


def test_a_name_counts_where_the_label_has_no_lease() -> None:
    old = resource(lease="")
    assert make_report(known(lease(), sweeps={"lab": sweep(old)})).clean


def test_two_targets_of_one_machine_list_the_same() -> None:
    both = {"lab": sweep(resource()), "here": sweep(resource(), target="here")}
    health = {"lab": Health(), "here": Health()}
    assert make_report(known(lease(), sweeps=both, health=health)).clean


def test_a_list_that_targets_share_is_told_once() -> None:
    health = {"lab": Health(), "here": Health()}
    one = sweep(resource(lease=""), resource("eve"), target="here")
    found = make_report(known(lease(), sweeps={"lab": one, "here": one}, health=health))
    assert the_only(found).key == "here/jupyter-eve"


def test_what_ended_by_itself() -> None:
    ended = resource(alive=False, exit_code=137)
    each = the_only(make_report(known(lease(), sweeps={"lab": sweep(ended)})))
    assert (each.kind, each.cause) == (Kind.LOST, "it has ended by itself with status 137")


def test_what_is_kept_is_to_have_ended() -> None:
    kept = lease(state=State.KEPT, keeps=True)
    assert the_only(make_report(known(kept))).kind is Kind.AWAKE
    ended = resource(alive=False, exit_code=0, keep=True)
    assert make_report(known(kept, sweeps={"lab": sweep(ended)})).clean


def test_a_removal_that_goes_on_is_told_with_its_tries() -> None:
    due = NOW + 5 * MINUTE
    stuck = lease(state=State.STOPPING, tries=7, due=due, error="permission denied")
    found = make_report(known(stuck))
    each = the_only(found)
    assert each.kind is Kind.DELETION
    assert each.cause == "tried 7 times: permission denied"
    assert (each.due, each.since) == (due, NOW - 9 * MINUTE)
    assert (found.servers[0].tries, found.servers[0].due) == (7, due)
    assert found.servers[0].reason == "permission denied"


def test_a_removal_that_has_just_begun_is_none() -> None:
    fresh = lease(state=State.STOPPING, steps={State.STOPPING: NOW - timedelta(seconds=2)})
    assert make_report(known(fresh)).clean
    late = replace(fresh, steps={State.STOPPING: NOW - 2 * MINUTE}, tries=1)
    assert the_only(make_report(known(late))).cause == "tried 1 time: the target still lists it"


def test_a_server_of_the_hub_without_lease() -> None:
    each = the_only(make_report(known(hub={("bob", "two"): server()})))
    assert (each.kind, each.what) == (Kind.UNRECORDED, "server bob:two")


@pytest.mark.parametrize(
    "there",
    [server(active=False), server(pending="stop"), server(target="")],
    ids=["stopped", "stopping", "another spawner's"],
)
def test_servers_of_the_hub_that_need_no_lease(there: HubServer) -> None:
    assert make_report(known(hub={("bob", ""): there})).clean


@pytest.mark.parametrize("hub", [{}, {("ann", ""): server(active=False)}])
def test_a_lease_without_a_server_of_the_hub(hub: Any) -> None:
    assert the_only(make_report(known(lease(), hub=hub))).kind is Kind.UNSERVED
    held = the_only(make_report(known(lease(), hub=hub, hold="the database is new")))
    assert "until a person decides" in held.cure
    assert held.removable


def test_a_hub_that_still_looks_for_its_server() -> None:
    assert make_report(
        known(lease(), hub={("ann", ""): server(active=False, pending="check")})
    ).clean


def test_a_lease_whose_engine_was_replaced() -> None:
    lost = lease(state=State.UNKNOWN, child={"engine": "OLD"})
    changes: dict[str, Any] = {"sources": {"lab": "NEW"}, "sweeps": {"lab": sweep()}}
    each = the_only(make_report(known(lost, **changes)))
    assert each.kind is Kind.ENGINE
    assert each.removable
    assert each.cause == "it was made at engine OLD, and NEW answers at lab now"
    assert "if its engine OLD is no more" in each.what
    going = replace(lost, state=State.STOPPING, tries=5)
    assert the_only(make_report(known(going, **changes))).kind is Kind.ENGINE


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": {"lab": "OLD"}},
        {"sources": {"lab": ""}},
        {"sources": {}},
        {"sweeps": {"lab": sweep(reason="it does not answer")}},
        {"sweeps": {"lab": sweep(resource())}},
    ],
)
def test_an_engine_that_may_be_the_same_was_not_replaced(changes: dict[str, Any]) -> None:
    lost = lease(state=State.UNKNOWN, child={"engine": "OLD"})
    values = {"sources": {"lab": "NEW"}, "sweeps": {"lab": sweep()}, **changes}
    found = make_report(known(lost, **values))
    assert all(each.kind is not Kind.ENGINE for each in found.disagreements)


def test_an_oauth_client_of_a_dead_server() -> None:
    hub = {("ann", ""): HubServer(active=True, target="lab")}
    clients = [ServerClient(4, "ann", ""), ServerClient(5, "bob", "two")]
    each = the_only(make_report(known(lease(), hub=hub, clients=clients)))
    assert (each.kind, each.what) == (Kind.CLIENT, "OAuth client 5 of server bob:two")
    assert each.cure == "It is revoked after a time of grace."


def test_a_token_of_a_dead_server() -> None:
    tokens = [
        ServerToken(3, "ann", ""),
        ServerToken(4, "bob", "two"),
        ServerToken(5, "cat", ""),
    ]
    hub = {("ann", ""): server(), ("cat", ""): server(active=False, pending="spawn")}
    each = the_only(make_report(known(lease(), hub=hub, tokens=tokens)))
    assert (each.kind, each.what) == (Kind.TOKEN, "API token 4 of server bob:two")
    kept = resource("bob", server="two", keep=True, alive=False)
    lists = {"lab": sweep(resource(), kept)}
    found = make_report(known(lease(), hub=hub, tokens=tokens, sweeps=lists))
    assert the_only(found).kind is Kind.RESOURCE, "what is kept is started again with its token"
    held = make_report(known(tokens=tokens[1:2], hold="new"))
    assert "person" in the_only(held).cure


def test_of_a_token_that_was_given_after_a_hold_began_no_person_is_asked() -> None:
    later = ServerToken(4, "bob", "two", NOW)
    values = {"tokens": [later], "hold": "new", "held_since": NOW - timedelta(minutes=1)}
    each = the_only(make_report(known(**values)))
    assert each.cure == "It is revoked after a time of grace."
    assert each.cause == "it counts, and its server runs no more"


def test_it_is_plain_data() -> None:
    found = make_report(orphan(first_seen={("lab", "jupyter-eve"): NOW}))
    told = json.loads(json.dumps(found.to_json()))
    assert told["at"] == "2026-05-04T14:30:00+00:00"
    assert told["clean"] is False
    assert told["disagreements"][0]["kind"] == "resource-without-lease"
    assert told["disagreements"][0]["due"] == "2026-05-04T14:35:00+00:00"
    assert told["targets"][0]["servers"] == {}
