"""Whatever a target answers: what lives is never called gone, and what has gone is, soon."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.targets.watch_world import NamedEngine, Stage, staged

from jupyterhub_anywhere.core.observation import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# What may happen to one sweep. "lie" is an empty list of an engine that has everything; never two
# of them in a row count as the truth, and so none is told in the round after another.
ANSWERS: Final = ("truth", "lie", "error", "hang", "swap")
EVENTS: Final = st.lists(
    st.tuples(
        st.sampled_from(ANSWERS),
        # Seconds before the sweep: some of them at once, some after a night.
        st.sampled_from([0.0, 0.4, 1.0, 10.0, 10.0, 10.0, 60.0, 40000.0]),
        # What becomes of the time of day before it.
        st.sampled_from([0, 0, 0, 0, -7200, 7200, -1]),
        # Whether the server is begun anew before it, under its name.
        st.sampled_from([False, False, False, True]),
        # Whether somebody asks after it.
        st.booleans(),
    ),
    max_size=25,
)
Event = tuple[str, float, int, bool, bool]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Thousands of warnings take longer than what they are of."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


class World:
    """An engine with two servers; a second one with none, which may stand in its place."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.engine.make("ann", "ben")
        self.lied = False
        self.since: datetime = stage.clock.now()
        stage.watch.made_at("ann", self.engine.id)

    async def step(self, event: Event) -> None:
        answer, seconds, moved, anew, asks = event
        await self.stage.wait(seconds)
        self.stage.clock.moved += timedelta(seconds=moved)
        if anew:
            # A start takes a moment, in which it is not there.
            there = self.engine.things.pop("ann", None)
            await self.stage.watch.sweep()
            await self.stage.wait(1.5)
            await self.stage.watch.sweep()
            if there is not None:
                self.engine.things["ann"] = there
            self.since = self.stage.clock.now()
        await self._answer("truth" if answer == "lie" and self.lied else answer)
        if asks:
            self.check()

    async def _answer(self, answer: str) -> None:
        engine = self.engine
        self.lied = answer == "lie"
        name, there = engine.id, engine.things
        if answer == "swap":
            engine.id, engine.things = "engine-b", {}
        trouble = {"lie": "empty", "error": OSError("cut"), "hang": "hang"}.get(answer, "")
        await self.stage.round(trouble, seconds=0)
        engine.id, engine.things, engine.trouble = name, there, ""
        engine.freed.set()
        await self.stage.wait(0)
        engine.freed.clear()

    def check(self) -> None:
        found = self.stage.watch.observe("ann", self.since)
        assert found.phase is not Phase.GONE, found.detail


@settings(max_examples=150)
@given(EVENTS)
def test_what_lives_is_never_called_gone(events: list[Event]) -> None:
    async def play(stage: Stage) -> None:
        world = World(stage)
        for event in events:
            await world.step(event)
            world.check()

    staged(play, NamedEngine())


@settings(max_examples=60)
@given(EVENTS)
def test_what_is_removed_is_gone_within_two_good_lists(events: list[Event]) -> None:
    async def play(stage: Stage) -> None:
        world = World(stage)
        for event in events:
            await world.step(event)
        # Long enough for every breaker; one list tells again that all is well.
        await stage.wait(700)
        await stage.round()
        assert stage.watch.observe("ann", world.since).phase is Phase.RUNNING
        del world.engine.things["ann"]
        await stage.round()
        await stage.round()
        assert stage.watch.observe("ann", world.since).phase is Phase.GONE
        assert stage.watch.observe("ben", world.since).phase is Phase.RUNNING

    staged(play, NamedEngine())
