"""Our own code, broken on purpose in many ways: the model notices each of them, in seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.hub import birth
from jupyterhub_anywhere.ledger import decide, reconcile, strays
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.execute import Executor
from jupyterhub_anywhere.ledger.hold import Hold
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.view import Decision
from jupyterhub_anywhere.targets.evidence import Evidence
from jupyterhub_anywhere.targets.watch import Watch
from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.hub import ModelHub
from jupyterhub_anywhere.testing.model.simulation import Broken, Simulation, quiet
from jupyterhub_anywhere.testing.model.world import EngineInventory, Thing

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.ledger.lease import Lease

Patch = pytest.MonkeyPatch


def no_commit_before_create(patch: Patch) -> None:
    async def launch(self: Book, lease: Lease, *, token: int | None = None) -> Lease:
        return lease.moved(Cause.LAUNCH, self._clock.now(), token=token)

    async def progress(self: Book, lease: Lease, *, child: Any) -> Lease:
        return replace(lease, child=child)

    patch.setattr(Book, "launch", launch)
    patch.setattr(Book, "progress", progress)


def an_error_is_gone(patch: Patch) -> None:
    observe = Watch.observe

    def mutant(self: Watch, name: str, since: Any) -> Observation:
        if self.latest is not None and not self.latest.succeeded:
            return Observation(Phase.GONE)
        return observe(self, name, since)

    patch.setattr(Watch, "observe", mutant)


def no_hold(patch: Patch) -> None:
    async def look(self: Hold, newborn: str) -> None:
        self._loaded = True

    patch.setattr(Hold, "look", look)


def no_label(patch: Patch) -> None:
    patch.setattr(EngineInventory, "ours", lambda self, thing: True)


def one_list_is_two(patch: Patch) -> None:
    patch.setattr(Evidence, "_doubt_of_lists", lambda self, last, name, since: "")


def what_is_kept_is_removed(patch: Patch) -> None:
    end = Executor._end

    async def mutant(self: Executor, action: Any) -> None:
        await end(self, replace(action, halt=False))

    patch.setattr(Executor, "_end", mutant)


def a_list_of_before_counts(patch: Patch) -> None:
    observe = Watch.observe

    def mutant(self: Watch, name: str, since: Any) -> Observation:
        return observe(self, name, since - timedelta(days=30))

    patch.setattr(Watch, "observe", mutant)


def no_grace(patch: Patch) -> None:
    doubt = Decision.doubt

    def mutant(
        self: Decision, view: Any, what: Any, _patience: float, *actions: Any, **held: Any
    ) -> None:
        doubt(self, view, what, 0.0, *actions, **held)

    patch.setattr(Decision, "doubt", mutant)


def a_failed_start_owns_its_name(patch: Patch) -> None:
    own = decide._is_its_own

    def mutant(view: Any, found: Any, lease: Lease) -> bool:
        return own(view, found, replace(lease, cause="stop"))

    patch.setattr(decide, "_is_its_own", mutant)


def reaped_at_first_sight(patch: Patch) -> None:
    doubt = Decision.doubt

    def mutant(self: Decision, view: Any, what: Any, *rest: Any, **held: Any) -> None:
        doubt(self, replace(view, ages={what: 1e9, **view.ages}), what, *rest, **held)

    patch.setattr(Decision, "doubt", mutant)


def half_a_grace(patch: Patch) -> None:
    doubt = Decision.doubt

    def mutant(
        self: Decision, view: Any, what: Any, patience: float, *actions: Any, **held: Any
    ) -> None:
        doubt(self, view, what, patience / 2, *actions, **held)

    patch.setattr(Decision, "doubt", mutant)


def what_another_ledger_gave_is_nobodys(patch: Patch) -> None:
    async def meet(self: Hold, labels: Any) -> None:
        pass

    patch.setattr(Hold, "meet", meet)


def a_name_is_for_ever(patch: Patch) -> None:
    patch.setattr(reconcile, "decide_names", lambda view: Decision())


def a_renamed_user_is_a_lost_one(patch: Patch) -> None:
    patch.setattr(birth, "renamed", lambda *known: {})


def what_is_declared_no_more_is_nobodys(patch: Patch) -> None:
    whole = strays.strays

    def mutant(view: Any) -> Any:
        return whole(replace(view, leases=view.near))

    patch.setattr(strays, "strays", mutant)


def another_engines_word_counts(patch: Patch) -> None:
    patch.setattr(ModelHub, "_identity", lambda self, target: _first_engine(target))


async def _first_engine(target: str) -> str:
    return f"{target}-1"


def lives(world: Simulation) -> None:
    """Servers start, an engine fails, the hub dies in the middle, the database is lost."""
    world.start(("ann", ""), "here")
    world.start(("bob", ""), "lab")
    world.advance(30)
    steps.fault(world, "here", "fails", 1)
    world.advance(60)
    steps.well(world, "here")
    world.advance(30)
    world.check()
    for points in range(1, 26, 3):
        world.start(("cid", ""), "here")
        world.doom(points)
        world.advance(3)
        world.check()
        world.stop(("cid", ""))
        world.advance(30)
        world.check()
    world.lose_database()
    world.advance(world.policy.grace + 100)
    world.check()
    world.settle()


def lies(world: Simulation) -> None:
    """Lists lack what is there, and one that was asked for before a start comes after it."""
    world.start(("ann", ""), "here")
    world.advance(30)
    steps.fault(world, "here", "empty", 1)
    world.advance(40)
    world.check()
    world.slow("here listed", 4.0)
    for _ in range(8):
        world.start(("bob", ""), "here")
        world.advance(9)
        world.check()
        world.stop(("bob", ""))
        world.advance(23)
    world.settle()


def leftovers(world: Simulation) -> None:
    """What a failed stop leaves keeps files; what the hub forgets is left alone for a while."""
    world.start(("bob", ""), "lab")
    world.start(("ann", ""), "here")
    world.advance(30)
    row = world.database.rows.pop(("ann", ""))
    # It forgets on purpose: its database is no older one.
    world.database.touched["ann", ""] = world.clock.now()
    world.advance(90)
    world.check()
    world.database.rows["ann", ""] = row
    steps.fault(world, "lab", "fails", 1)
    world.stop(("bob", ""))
    world.advance(10)
    steps.well(world, "lab")
    world.advance(60)
    world.check()
    world.settle()


def forgetfulness(world: Simulation) -> None:
    """Both databases are lost, and a start of what still serves fails."""
    world.start(("bob", ""), "lab")
    world.advance(30)
    world.lose_ledger()
    world.lose_database()
    steps.fault(world, "lab", "fails", 1)
    world.start(("bob", ""), "lab")
    world.advance(3)
    steps.well(world, "lab")
    world.advance(120)
    world.check()
    world.settle()


def latecomers(world: Simulation) -> None:
    """Something comes into being long after its start has failed and was proven gone."""
    world.engines["here"].faults.late = 60.0
    world.start(("ann", ""), "here")
    world.advance(150)
    world.check()
    assert "ann-" in world.engines["here"].things
    world.advance(world.policy.grace)
    world.check()
    world.settle()


def backups(world: Simulation) -> None:
    """Ledger and database are put back from one backup, and somebody has started since."""
    world.start(("bob", ""), "lab")
    world.advance(30)
    world.save()
    world.start(("ann", ""), "here")
    world.stop(("bob", ""))
    world.advance(30)
    world.restore()
    world.advance(world.policy.grace + 100)
    world.check()
    assert "ann-" in world.engines["here"].things
    world.settle()


def names(world: Simulation) -> None:
    """A user gets another name while servers run, and one rests; somebody takes the old name."""
    for server, target in (("", "here"), ("two", "lab")):
        world.start(("ann", server), target)
    world.advance(30)
    world.stop(("ann", "two"))
    world.advance(30)
    world.rename("ann", "dan")
    world.advance(15)
    world.database.users.add("ann")
    world.advance(world.policy.grace + 100)
    world.check()
    assert {each.user for each in world.active()} == {"dan"}
    assert ("dan", "") in world.database.rows
    world.settle()


def reloads(world: Simulation) -> None:
    """A target of a machine is taken from the configuration, another one of it is not."""
    world.start(("ann", ""), "here")
    world.start(("bob", ""), "lab")
    world.advance(30)
    for target in ("here", "lab"):
        world.declare(target, there=False)
    world.advance(30)
    world.kill()
    world.boot()
    world.advance(world.policy.grace + 100)
    world.check()
    for target in ("here", "lab"):
        world.declare(target, there=True)
    world.advance(60)
    assert {each.state for each in world.active()} == {State.RUNNING}
    world.settle()


def engines(world: Simulation) -> None:
    """The hub looks itself for what has no lease yet, and another engine answers."""
    world.start(("ann", ""), "here")
    world.advance(30)
    world.lose_ledger()
    steps.fault(world, "here", "replace", 1)
    world.advance(60)
    world.check()
    world.settle()


@pytest.fixture
def world() -> Any:
    with quiet():
        world = Simulation(1)
        yield world
        world.close()


STORIES = (
    *(lives, lies, leftovers, forgetfulness),
    *(latecomers, backups, names, reloads, engines),
)


@pytest.mark.parametrize("story", STORIES)
def test_the_code_as_it_is_holds(world: Simulation, story: Callable[[Simulation], None]) -> None:
    story(world)


@pytest.mark.parametrize(
    ("mutate", "story", "caught"),
    [
        (no_commit_before_create, lives, None),
        (an_error_is_gone, lives, None),
        (no_hold, lives, None),
        (no_label, lives, None),
        (no_grace, leftovers, None),
        (one_list_is_two, lies, None),
        (a_list_of_before_counts, lies, None),
        (what_is_kept_is_removed, leftovers, None),
        (a_failed_start_owns_its_name, forgetfulness, None),
        (no_grace, latecomers, "was reaped, .* too soon after it was seen first"),
        (half_a_grace, latecomers, "was reaped, .* too soon after it was seen first"),
        (reaped_at_first_sight, latecomers, "was reaped at first sight"),
        (what_another_ledger_gave_is_nobodys, backups, "healthy"),
        (a_name_is_for_ever, names, None),
        (a_renamed_user_is_a_lost_one, names, "nothing was lost"),
        (what_is_declared_no_more_is_nobodys, reloads, "healthy"),
        (another_engines_word_counts, engines, "was dropped"),
    ],
)
def test_a_mutant_is_caught(
    world: Simulation,
    monkeypatch: Patch,
    mutate: Callable[[Patch], None],
    story: Callable[[Simulation], None],
    caught: str | None,
) -> None:
    mutate(monkeypatch)
    with pytest.raises(Broken, match=caught):
        story(world)


def test_skipping_the_grace_is_caught() -> None:
    """The rule's own test: what has no lease is left alone for so long."""

    def stray_ends_within(policy: Policy, seconds: float) -> bool:
        world = Simulation(2, policy=policy)
        try:
            world.advance(60)
            world.engines["here"].things["lost"] = Thing("lost", "model", "eve")
            world.wished.add("")
            world.advance(seconds)
            return "lost" not in world.engines["here"].things
        finally:
            world.close()

    with quiet():
        assert not stray_ends_within(Policy(), 290)
        assert stray_ends_within(Policy(), 400)
        assert stray_ends_within(Policy(grace=0), 290)
