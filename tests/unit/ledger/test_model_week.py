"""A week of 200 users, in which things go wrong and the hub is killed each night: no drift."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.simulation import Simulation, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

# Steps a day; a thorough run makes more.
STEPS = int(os.environ.get("ANYWHERE_WEEK_STEPS", "20"))
DAY = 86400.0


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def test_a_week_of_200_users_leaves_no_drift() -> None:
    users = tuple(f"user{number:03}" for number in range(200))
    # A slow interval: what is tried here is the week, not the rounds of it.
    world, random = Simulation(7, users, Policy(), interval=1800.0), Random(7)
    try:
        for day in range(1, 8):
            for user in random.sample(users, STEPS):
                world.start((user, ""), random.choice(steps.TARGETS))
            for _ in range(STEPS):
                steps.at_random(world, random, pause=DAY / STEPS / 2)
                world.check()
            world.advance(max(day * DAY - world.clock.elapsed(), 3600.0))
            world.kill()
            world.boot()
        assert world.clock.elapsed() >= 7 * DAY
        world.settle()
    finally:
        world.close()
