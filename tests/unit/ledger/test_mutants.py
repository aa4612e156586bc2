"""Our own code, broken on purpose in five ways: the model notices each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.hold import Hold
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.targets.watch import Watch
from jupyterhub_anywhere.testing.model import steps
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


@pytest.fixture
def world() -> Any:
    with quiet():
        world = Simulation(1)
        yield world
        world.close()


def test_the_code_as_it_is_holds(world: Simulation) -> None:
    lives(world)


@pytest.mark.parametrize("mutate", [no_commit_before_create, an_error_is_gone, no_hold, no_label])
def test_a_mutant_is_caught(
    world: Simulation, monkeypatch: Patch, mutate: Callable[[Patch], None]
) -> None:
    mutate(monkeypatch)
    with pytest.raises(Broken):
        lives(world)


def test_skipping_the_grace_is_caught() -> None:
    """The rule's own test: what has no lease is left alone for so long."""

    def stray_ends_within(policy: Policy, seconds: float) -> bool:
        world = Simulation(2, policy=policy)
        try:
            world.advance(60)
            world.engines["here"].things["lost"] = Thing("lost", "model", "eve", lease="x" * 20)
            world.wished.add("x" * 20)
            world.advance(seconds)
            return "lost" not in world.engines["here"].things
        finally:
            world.close()

    with quiet():
        assert not stray_ends_within(Policy(), 290)
        assert stray_ends_within(Policy(), 400)
        assert stray_ends_within(Policy(grace=0), 290)
