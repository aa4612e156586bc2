"""How far a start is, and what is said where it takes too long."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.spawner.test_stages import Clock

from jupyterhub_anywhere.spawner import starts
from jupyterhub_anywhere.spawner.line import Place
from jupyterhub_anywhere.spawner.stages import TEXTS, Stage, Story
from jupyterhub_anywhere.spawner.starting import Starting
from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause

if TYPE_CHECKING:
    from collections.abc import Iterator


class Start(Starting):
    """A start without a spawner around it."""

    log = logging.getLogger(__name__)
    name = ""
    http_timeout = 30.0
    _log_name = "ann"
    _spawn_future = None
    anywhere_target = "lab"

    def __init__(self) -> None:
        super().__init__()
        self.user: Any = SimpleNamespace(name="ann", settings={})
        self.child: Any = SimpleNamespace()
        self.story = Story(Clock())


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    starts.connect(clock=Clock())
    yield
    starts.connect()


@pytest.fixture
def start() -> Start:
    return Start()


def stage_of(start: Start) -> Stage | None:
    assert start.story is not None
    return start.story.stage


@pytest.mark.parametrize("stage", [each for each in Stage if each is not Stage.READY])
def test_a_start_that_took_too_long_says_where_it_was(start: Start, stage: Stage) -> None:
    assert start.story is not None
    if stage is Stage.QUEUED:
        start.story.queued(Place(1, 1))
    else:
        start.story.enter(stage)
    error = start.late(90.0, "target lab: not within 90 s")
    words = TEXTS[stage][0].lower() + TEXTS[stage][1:]
    assert error.jupyterhub_message.startswith(
        f"The server did not start within 1m30s; it was at: {words}. Try again;"
    )
    assert (failure_cause(error), error.stage) == (FailureCause.TIMEOUT, str(stage))
    assert error.log_message == "target lab: not within 90 s"


def test_before_the_first_stage_it_was_at_its_start(start: Start) -> None:
    assert "it was at: starting the server" in start.late(5.0, "").jupyterhub_message
    start.story = None
    assert "it was at: starting the server" in start.late(5.0, "").jupyterhub_message


async def ended(start: Start, error: BaseException) -> None:
    """The hub's own task of a start comes to its end."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    start._spawn_future = future  # type: ignore[assignment]  # the hub's own, of a spawner
    await start.queue_turn()
    assert start.story is not None
    start.story.enter(Stage.WAITING)
    future.set_exception(error)
    with pytest.raises(type(error)):
        await future
    await asyncio.sleep(0)


async def test_the_hubs_own_time_out_gets_words(start: Start) -> None:
    error: Any = TimeoutError("Server at http://127.0.0.1/ didn't respond in 30 seconds")
    await ended(start, error)
    assert error.jupyterhub_message == (
        "The server was started, and Jupyter in it did not answer within 30s. Try again; if that"
        " does not help, tell the administrator of this hub."
    )
    assert (error.cause, error.stage) == (FailureCause.TIMEOUT, "waiting")
    assert start.story is not None
    assert start.story.ended


@pytest.mark.parametrize("stage", [Stage.PREPARING, Stage.PULLING, Stage.STARTING])
async def test_a_time_out_of_another_stage_is_not_jupyters(start: Start, stage: Stage) -> None:
    start.enter_stage(stage)
    error: Any = TimeoutError()
    start._explain(error)
    assert not hasattr(error, "jupyterhub_message")


async def test_a_message_that_is_there_stays(start: Start) -> None:
    error: Any = TimeoutError()
    error.jupyterhub_message = "No room is left."
    await ended(start, error)
    assert error.jupyterhub_message == "No room is left."


async def test_while_an_image_is_pulled_that_is_the_stage(start: Start) -> None:
    await start.queue_turn()
    assert stage_of(start) is Stage.PREPARING
    start.child.anywhere_pulling()
    assert stage_of(start) is Stage.PULLING
    assert start.story is not None
    latest = start.story.latest
    assert latest is not None
    assert (latest["stage"], latest["message"]) == ("pulling", "Pulling the image")
    start.enter_stage(Stage.STARTING)
    start.child.anywhere_pulling()
    assert stage_of(start) is Stage.STARTING, "what a start itself pulls is part of it"
    start.end_turn()
