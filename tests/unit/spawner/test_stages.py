from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.spawner.line import Place
from jupyterhub_anywhere.spawner.progress import beside
from jupyterhub_anywhere.spawner.stages import TEXTS, Stage, Story

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Clock:
    """Time that goes on when it is told to."""

    seconds = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def elapsed(self) -> float:
        return self.seconds


async def settle() -> None:
    """Let everybody go on who can."""
    for _ in range(10):
        await asyncio.sleep(0)


def looked_at(story: Story) -> tuple[list[dict[str, Any]], asyncio.Task[None]]:
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        async for event in story.watch():
            seen.append(event)  # noqa: PERF401 - as it happens

    return seen, asyncio.ensure_future(look())


def stages(events: list[dict[str, Any]]) -> list[str]:
    return [event["stage"] for event in events]


def test_every_stage_has_words() -> None:
    assert set(TEXTS) == set(Stage)


async def test_stages_are_told_as_they_happen_and_again_to_who_comes_late() -> None:
    clock = Clock()
    story = Story(clock, usual=14.04)
    early, first = looked_at(story)
    story.queued(Place(2, 3))
    await settle()
    assert early[-1]["message"] == "Waiting for its turn: number 2 of 3 in line"
    assert (early[-1]["position"], early[-1]["waiting"]) == (2, 3)
    clock.seconds += 3
    story.queued(Place(1, 2))
    await settle()
    clock.seconds += 2
    story.enter(Stage.PREPARING)
    clock.seconds += 1.5
    story.enter(Stage.STARTING)
    await settle()
    assert stages(early) == ["queued", "queued", "preparing", "starting"]
    assert story.latest is not None
    assert story.latest["stage"] == "starting"
    late, second = looked_at(story)
    clock.seconds += 1
    await settle()
    assert stages(late) == ["queued", "preparing", "starting"]
    queued, preparing, starting = late
    assert (queued["position"], queued["after"], queued["elapsed"]) == (1, 0.0, 5.0)
    assert (preparing["after"], preparing["elapsed"]) == (5.0, 1.5)
    assert (starting["after"], starting["elapsed"], starting["total"]) == (6.5, 1.0, 7.5)
    assert {event["usual"] for event in late} == {14.0}
    story.enter(Stage.WAITING)
    story.end()
    await asyncio.gather(first, second)
    assert stages(early)[-2:] == stages(late)[-2:] == ["starting", "waiting"]
    assert stages([story.ready_event()]) == ["ready"]


async def test_after_its_end_a_story_tells_what_it_has_and_no_more() -> None:
    story = Story(Clock())
    assert story.latest is None
    story.enter(Stage.PREPARING)
    story.end()
    story.enter(Stage.STARTING)
    assert [event["stage"] async for event in story.watch()] == ["preparing"]
    assert "usual" not in story.ready_event()


async def test_two_at_once_see_the_same_and_one_who_goes_disturbs_nobody() -> None:
    story = Story(Clock())
    one, first = looked_at(story)
    two, second = looked_at(story)
    story.enter(Stage.PREPARING)
    await settle()
    first.cancel()
    story.enter(Stage.STARTING)
    story.end()
    await asyncio.wait([first, second])
    assert stages(one) == ["preparing"]
    assert stages(two) == ["preparing", "starting"]


class Child:
    """A child's events, which an administrator of the test lets happen."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.asked = self.closed = False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        self.asked = True
        try:
            while (event := await self.said.get()) is not None:
                yield event
        finally:
            self.closed = True


async def test_the_childs_events_pass_as_they_are_once_the_start_has_its_turn() -> None:
    story, child = Story(Clock()), Child()
    events = [{"progress": 40, "message": "<i>half</i>"}, {"html_message": "<b>x</b>", "more": 1}]
    for event in (*events, None):
        child.said.put_nowait(event)
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        async for event in beside(story, child.progress()):
            seen.append(event)  # noqa: PERF401 - as it happens

    looking = asyncio.ensure_future(look())
    story.queued(Place(1, 1))
    await settle()
    assert not child.asked
    story.enter(Stage.PREPARING)
    await settle()
    assert child.closed
    assert [event for event in seen if "stage" not in event] == events
    story.enter(Stage.WAITING)
    story.end()
    await looking
    assert stages([event for event in seen if "stage" in event]) == [
        "queued",
        "preparing",
        "waiting",
    ]


async def test_a_childs_failure_reaches_the_viewer_and_all_is_closed() -> None:
    story = Story(Clock())
    story.enter(Stage.PREPARING)

    async def broken() -> AsyncIterator[dict[str, Any]]:
        yield {"message": "one"}
        raise RuntimeError("no progress")

    seen: list[dict[str, Any]] = []

    async def look() -> None:
        async for event in beside(story, broken()):
            seen.append(event)  # noqa: PERF401 - as it happens

    with pytest.raises(RuntimeError, match="no progress"):
        await look()
    assert {"message": "one"} in seen
    assert len(asyncio.all_tasks()) == 1


async def test_a_viewer_who_goes_closes_the_childs_events() -> None:
    story, child = Story(Clock()), Child()
    story.enter(Stage.PREPARING)
    stream = beside(story, child.progress())
    assert (await anext(stream))["stage"] == "preparing"
    await settle()
    await stream.aclose()
    assert child.closed
    assert len(asyncio.all_tasks()) == 1


async def test_without_a_story_there_are_the_childs_events_alone() -> None:
    child = Child()
    child.said.put_nowait({"message": "one"})
    child.said.put_nowait(None)
    assert [event async for event in beside(None, child.progress())] == [{"message": "one"}]


async def test_a_start_that_ends_in_the_line_lets_nobody_wait() -> None:
    story, child = Story(Clock()), Child()
    child.said.put_nowait(None)
    story.queued(Place(1, 1))
    stream = beside(story, child.progress())
    assert (await anext(stream))["stage"] == "queued"
    story.end()
    assert [event async for event in stream] == []
