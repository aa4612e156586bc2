"""Worlds that have broken something once; what is new is looked for in `test_model_worlds_*`."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.simulation import Simulation, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 40


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield
    gc.collect()


def run(seed: int, length: int = LENGTH, *, losses: bool = False) -> None:
    """A world, drawn by a seed."""
    world, random = Simulation(seed), Random(seed)
    try:
        for _ in range(length):
            steps.at_random(world, random, losses=losses)
            world.check()
        world.settle()
    finally:
        world.close()


# What the model has found in our own code, each once; the seeds no longer break anything.
FOUND = {
    "after a restart another engine's lists proved servers gone": 23,
    "what came late and keeps files ran on without a lease": 7,
    "what another engine has ended under a name was taken for one's own": (205, 60),
    "a reaped thing stayed 'stopping' where the engine had changed unnoticed": (248, 60),
}
FOUND_WITH_LOSSES = {
    "what was adopted from a first list did not know its engine": (30, 60),
    "a start that failed since its name was taken ended what had the name": 327,
    "a hold ended while nobody could tell of the servers that it protected": 309,
    "adopted servers did not know their engine": 310,
    "another engine's resource of the same name ended a server": 325,
    "a person's answer was asked for what has a lease elsewhere": 322,
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_stays_found(found: int | tuple[int, int]) -> None:
    run(*(found if isinstance(found, tuple) else (found,)))


@pytest.mark.parametrize("found", FOUND_WITH_LOSSES.values(), ids=FOUND_WITH_LOSSES.keys())
def test_what_was_found_with_lost_files_stays_found(found: int | tuple[int, int]) -> None:
    run(*(found if isinstance(found, tuple) else (found,)), losses=True)


def test_no_ledger_is_lost_while_what_serves_is_at_an_engine_that_does_not_answer() -> None:
    # Only the ledger knows at which engine it is: without both, nobody can tell that it serves.
    world = Simulation()
    try:
        world.places[1].replace()
        world.start(("bob", "two"), "lab")
        world.advance(30.0)
        world.places[1].replace()
        world.lose_ledger()
        world.advance(30.0)
        world.check()
        assert world.deaths == 0
        world.stop(("bob", "two"))
        world.advance(30.0)
        world.lose_ledger()
        assert world.deaths == 1
        world.settle()
    finally:
        world.close()
