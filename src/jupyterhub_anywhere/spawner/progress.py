"""What a user sees while a server starts: our stages, and the child's own events between them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner

from jupyterhub_anywhere.spawner import guard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from jupyterhub_anywhere.spawner.stages import Story

    Events = AsyncIterator[dict[str, Any]]
    Closable = AsyncGenerator[dict[str, Any], None]


async def generate(wrapper: Any) -> Closable:
    """The wrapper's ``_generate_progress``: stages, and the child's events as soon as there is one.

    Every viewer gets a generator of its own, and most come before the child is built. What has
    been told of the stages is told again to each.
    """
    if not wrapper._spawn_pending:  # noqa: SLF001 - the hub's own flag
        return
    child = wrapper.child
    if child is None:
        yield {"progress": 0, "message": "Server requested"}
        child = await wrapper.wait_for_child()
        if child is None:
            return
        events = child.progress()
    elif type(child)._generate_progress is not Spawner._generate_progress:  # noqa: SLF001
        events = child._generate_progress()  # noqa: SLF001 - it has one of its own
    else:
        yield {"progress": 0, "message": "Server requested"}
        events = child.progress()
    async with aclosing(beside(wrapper.story, events)) as both:
        async for event in both:
            yield event


async def beside(story: Story | None, events: Events) -> Closable:
    """The stages as they happen, and the child's events once the start has its turn.

    A child may say nothing for long, and may have said all before the last stage.
    """
    news: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue()
    sources = [events] if story is None else [story.watch(), _later(story, events)]
    tasks = [asyncio.ensure_future(_pass_on(source, news)) for source in sources]
    try:
        ended = 0
        while ended < len(tasks):
            event = await news.get()
            if isinstance(event, Exception):
                raise event
            if event is None:
                ended += 1
            else:
                yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=guard.CANCEL_DEADLINE)


async def _later(story: Story, events: Events) -> Closable:
    """The events, but none while the start still waits for its turn."""
    await story.begun()
    # A foreign iterator need not be a generator that can be closed.
    try:
        async for event in events:
            yield event
    finally:
        closing = getattr(events, "aclose", None)
        if closing is not None:
            await closing()


async def _pass_on(source: Events, news: asyncio.Queue[dict[str, Any] | Exception | None]) -> None:
    last: Exception | None = None
    try:
        with guard.contained():
            async for event in source:
                news.put_nowait(event)
    except Exception as error:  # noqa: BLE001 - raised where the viewer waits
        last = error
    finally:
        news.put_nowait(last)
