"""Scenes of the reconciler and the book, on a real ledger in a virtual world."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.ledger.book import LeaseEndedError, NameTakenError
from jupyterhub_anywhere.ledger.disagree import Kind
from jupyterhub_anywhere.ledger.hold import FOREIGN
from jupyterhub_anywhere.ledger.report import make_report
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.simulation import HUB, Simulation, quiet
from jupyterhub_anywhere.testing.model.world import Thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.ledger.lease import Lease

ANN, BOB = ("ann", ""), ("bob", "")


@pytest.fixture
def world() -> Iterator[Simulation]:
    with quiet():
        world = Simulation(3)
        world.advance(30)
        yield world
        world.close()


def states(world: Simulation) -> dict[str, State]:
    return {each.name: each.state for each in world.active()}


def begin(world: Simulation, target: str = "here") -> Lease:
    wanted = world.hub.book.begin(
        user="ann", server="", target=target, name="ann-", choice={}, keeps=target == "lab"
    )
    return world._await(wanted)  # type: ignore[no-any-return]


# --- what an engine does ------------------------------------------------------------------------


def test_a_server_is_kept_while_its_engine_is_away_and_its_user_is_told(world: Simulation) -> None:
    world.start(ANN, "here")
    world.advance(30)
    steps.fault(world, "here", "fails", 1)
    world.advance(120)
    assert states(world) == {"ann-": State.UNKNOWN}
    assert "kept" in world.hub.told[ANN]
    steps.well(world, "here")
    world.advance(400)
    assert states(world) == {"ann-": State.RUNNING}
    assert "again" in world.hub.told[ANN]
    assert ANN in world.database.rows


def test_a_target_that_hangs_holds_up_no_other(world: Simulation) -> None:
    world.start(ANN, "here")
    world.advance(30)
    steps.fault(world, "lab", "hangs", 1)
    world.advance(12)
    world.die(ANN)
    world.advance(16)
    assert ANN not in world.database.rows
    world.advance(60)
    assert states(world) == {}
    assert ANN not in world.database.rows


def test_a_deletion_that_fails_is_tried_for_days(world: Simulation) -> None:
    world.start(ANN, "here")
    world.advance(30)
    world.engines["here"].faults.refuses = 10**6
    world._interval = 600.0
    world.stop(ANN)
    for _ in range(48):
        world.advance(3600)
    (lease,) = world.active()
    assert lease.state is State.STOPPING
    assert lease.tries > 50
    assert "409" in lease.error
    assert lease.due is not None
    world.engines["here"].faults.refuses = 0
    world.advance(2500)
    assert states(world) == {}


# --- lost files ---------------------------------------------------------------------------------


def test_with_its_ledger_lost_a_hub_adopts_what_its_servers_are(world: Simulation) -> None:
    world.start(ANN, "here")
    world.start(BOB, "lab")
    world.advance(30)
    world.stop(BOB)
    world.advance(30)
    world.lose_ledger()
    world.advance(60)
    assert states(world) == {"ann-": State.RUNNING, "bob-": State.KEPT}
    assert not world._hold()
    world.settle()


def test_with_the_hubs_database_lost_nothing_is_removed_until_a_person_says_so(
    world: Simulation,
) -> None:
    world.start(ANN, "here")
    world.start(BOB, "lab")
    world.advance(30)
    world.lose_database()
    for _ in range(3):
        world.advance(1000)
        world.kill()
        world.boot()
        world.check()
    world.advance(1)
    assert "new" in world._hold()
    assert states(world) == {"ann-": State.RUNNING, "bob-": State.RUNNING}
    problems = world._await(world.reconciler.clean([("here", "nothing"), ("lab", "bob-")]))
    world.broken.clear()  # A person has said so.
    assert "not there" in problems["here", "nothing"]
    assert states(world)["bob-"] in {State.STOPPING, State.KEPT}
    assert states(world)["ann-"] is State.RUNNING
    world.wished |= {each.id for each in world.active()}
    world._await(world.reconciler.lift())
    world.advance(400)
    assert "ann-" not in states(world)


# --- what another ledger gave -------------------------------------------------------------------


def appears(world: Simulation, name: str = "later", **changes: Any) -> Thing:
    """Something with this hub's label, which its ledger knows nothing of, and which serves."""
    thing = Thing(name, HUB, "eve", lease=changes.pop("lease", name * 4), **changes)
    world.engines["here"].things[name] = thing
    world.lost.add("both")
    return thing


def test_what_this_ledger_never_gave_is_held_until_a_person_says_what_becomes_of_it(
    world: Simulation,
) -> None:
    thing = appears(world)
    for _ in range(3):
        world.advance(500)
        world.kill()
        world.boot()
        world.check()
    world.advance(15)
    assert FOREIGN in world._hold()
    (told,) = make_report(world._await(world.reconciler.known())).disagreements
    assert (told.kind, told.key, told.cause) == (Kind.HELD, "also/later", FOREIGN)
    world.wished.add(thing.by)
    world._await(world.reconciler.lift())
    world.advance(400)
    assert "later" not in world.engines["here"].things
    assert not world._hold()


def test_a_person_is_not_asked_again_for_what_was_answered_but_for_what_is_new(
    world: Simulation,
) -> None:
    thing = appears(world)
    world.advance(15)
    assert FOREIGN in world._hold()
    world._await(world.reconciler.lift())
    world.kill()
    world.boot()
    world.advance(30)
    assert not world._hold()
    appears(world, "newer")
    world.advance(15)
    assert FOREIGN in world._hold()
    world.named |= {thing.name, "newer"}
    cleaned = world._await(world.reconciler.clean([("also", "later"), ("also", "newer")]))
    assert set(cleaned.values()) == {""}
    world.advance(30)
    assert not world._hold(), "nothing is left to be held"


def test_a_new_ledger_is_told_as_such_and_not_as_an_older_one(world: Simulation) -> None:
    thing = appears(world)
    world.lose_ledger()
    world.advance(15)
    assert "the ledger is new" in world._hold()
    assert FOREIGN not in world._hold()
    world.wished.add(thing.by)
    world._await(world.reconciler.lift())
    world.advance(15)
    assert not world._hold()


@pytest.mark.parametrize(
    ("made", "reason"), [(-1.0, ""), (1.0, FOREIGN), (None, "")], ids=["before", "after", "unknown"]
)
def test_what_may_have_been_pruned_holds_nothing(
    world: Simulation, made: float | None, reason: str
) -> None:
    world.start(ANN, "here")
    world.advance(30)
    (lease,) = world.active()
    world.stop(ANN)
    world.advance(60)
    ended = world.ledger.ask("get", lease.id).steps[State.GONE]
    assert world.ledger.prune(world.clock.now()) == 1
    created = None if made is None else ended + timedelta(seconds=made)
    thing = appears(world, created=created)
    world.wished.add(thing.by)
    world.advance(400)
    assert world._hold() == reason
    assert ("later" in world.engines["here"].things) is bool(reason)


# --- people -------------------------------------------------------------------------------------


def test_a_person_removes_what_nobody_wants_at_once_and_is_told_what_is_left(
    world: Simulation,
) -> None:
    things = world.engines["lab"].things
    things["old"] = Thing("old", HUB, "eve", lease="e" * 20, keep=True, alive=False)
    things["own"] = Thing("own", HUB, "ann", lease="a" * 20, keep=True, alive=False)
    world.advance(30)
    assert states(world) == {"own": State.KEPT}
    assert world._await(world.reconciler.adopt([("lab", "old"), ("lab", "none")])) == {
        ("lab", "old"): "",
        ("lab", "none"): "it is not there any more, or not yet in a list",
    }
    assert states(world)["old"] is State.KEPT
    things["late"] = Thing("late", HUB, "eve", lease="f" * 20)
    world.named.add("late")
    world.advance(15)
    assert (
        "no such server" in world._await(world.reconciler.adopt([("lab", "late")]))["lab", "late"]
    )
    assert world._await(world.reconciler.clean([("lab", "late")])) == {("lab", "late"): ""}
    assert "late" not in things


def test_a_person_writes_off_what_was_at_an_engine_that_is_no_more(world: Simulation) -> None:
    world.start(ANN, "here")
    world.advance(30)
    steps.fault(world, "here", "replace", 1)
    world.advance(600)
    assert states(world) == {"ann-": State.UNKNOWN}
    assert ANN in world.database.rows
    found = make_report(world._await(world.reconciler.known()))
    assert [each.kind for each in found.disagreements] == [Kind.ENGINE]
    world.wished |= {each.id for each in world.active()}
    assert world._await(world.reconciler.clean([("here", "ann-")])) == {("here", "ann-"): ""}
    world.broken.clear()  # A person has said so.
    assert states(world) == {}
    assert ANN not in world.database.rows
    assert "no more" in world.hub.told[ANN]


def test_what_is_known_has_what_a_report_needs(world: Simulation) -> None:
    world.engines["lab"].things["late"] = Thing("late", HUB, "eve")
    world.start(ANN, "here")
    world.advance(30)
    known = world._await(world.reconciler.known())
    assert known.first_seen.keys() == {("lab", "late")}
    assert known.sweeps.keys() == known.health.keys() == {"also", "here", "lab"}
    assert [each.name for each in known.leases] == ["ann-"]
    assert known.hub is not None
    assert known.hub[ANN].active


# --- the book -----------------------------------------------------------------------------------


def test_a_lease_that_was_withdrawn_meanwhile_is_not_launched(world: Simulation) -> None:
    lease = begin(world)
    world.ledger.write("move", lease, Cause.WITHDRAW)
    with pytest.raises(LeaseEndedError, match="Start it again"):
        world._await(world.hub.book.launch(lease))


def test_nothing_is_launched_under_a_name_that_may_still_exist(world: Simulation) -> None:
    first = world._await(world.hub.book.launch(begin(world), token=1))
    second = begin(world)
    with pytest.raises(NameTakenError, match="still starting"):
        world._await(world.hub.book.launch(second))
    failed = world._await(world.hub.book.failed(second, "taken"))
    assert failed.state is State.STOPPING
    assert world._await(world.hub.book.started(first)).state is State.RUNNING


def test_a_kept_server_is_taken_up_again_and_forgotten_only_for_ever(world: Simulation) -> None:
    world.start(ANN, "lab")
    world.advance(30)
    world.stop(ANN)
    world.advance(30)
    (kept,) = world.active()
    again = begin(world, "lab")
    assert (again.id, again.state, again.attempt) == (kept.id, State.KEPT, 2)
    assert world._await(world.hub.book.withdraw(again)).state is State.KEPT
    started = world._await(world.hub.book.launch(again, token=2))
    assert started.state is State.STARTING
    world.wished.add(kept.id)
    failed = world._await(world.hub.book.failed(again, "no room"))
    assert failed.state is State.STOPPING
    world.advance(60)
    assert states(world) == {"ann-": State.KEPT}
    world.deleted.add("ann")
    assert world._await(world.hub.book.forget(again)).forever
    world.advance(60)
    assert states(world) == {}


def test_a_name_that_hooks_change_leads_to_what_is_kept_under_it(world: Simulation) -> None:
    world.start(ANN, "lab")
    world.advance(30)
    world.stop(ANN)
    world.advance(30)
    (kept,) = world.active()
    book = world.hub.book
    begun = book.begin(user="ann", server="", target="lab", name="x", choice={"profile": "p"})
    lease = world._await(begun)
    assert world._await(book.named(lease, "y")).name == "y"
    found = world._await(book.named(lease, "ann-"))
    assert (found.id, found.choice) == (kept.id, {"profile": "p"})
    assert [each.id for each in world.active()] == [kept.id]


def test_what_is_written_twice_at_once_is_looked_at_again(world: Simulation) -> None:
    book = world.hub.book
    lease = world._await(book.launch(begin(world)))
    old = lease
    lease = world._await(book.progress(lease, child={"name": "n"}))
    assert world._await(book.started(old)).state is State.RUNNING
    assert world._await(book.stop(old)).state is State.STOPPING
    assert world._await(book.stop(old)).state is State.STOPPING
    assert old.id in book.busy
    assert world._await(book.proven(old)).state is State.GONE
    assert world._await(book.failed(old, "late")).state is State.GONE
    assert book.busy == set()
