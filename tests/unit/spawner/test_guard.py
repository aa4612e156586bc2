"""Calls into children that raise, hang or are cancelled."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import pytest

from jupyterhub_anywhere.spawner.guard import (
    ChildExitError,
    Failed,
    bounded,
    cancellable,
    contained,
    guarded,
)


async def test_a_plain_and_an_awaited_answer() -> None:
    async def answer() -> int:
        return 7

    assert await bounded(lambda: 5, 1, "x") == 5
    assert await bounded(answer, 1, "x") == 7


async def test_a_call_that_raises_becomes_a_value() -> None:
    async def fail() -> None:
        raise RuntimeError("the daemon is away")

    result = await bounded(fail, 1, "lab: poll")
    assert isinstance(result, Failed)
    assert result.reason == "RuntimeError: the daemon is away"


async def test_a_call_that_exits_the_program_becomes_a_value() -> None:
    def leave() -> None:
        raise SystemExit(1)

    assert isinstance(await bounded(leave, 1, "x"), Failed)
    assert isinstance(guarded(leave, "x"), Failed)


async def test_a_call_that_never_returns_is_given_up() -> None:
    result = await bounded(asyncio.Event().wait, 0.05, "lab: poll")
    assert isinstance(result, Failed)
    assert "0.05" in result.reason


async def test_a_cancelled_start_leaves_in_time_and_its_clean_up_goes_on() -> None:
    cleaned = asyncio.Event()
    release = asyncio.Event()

    async def start() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
            cleaned.set()

    task = asyncio.ensure_future(cancellable(start()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not cleaned.is_set()
    release.set()
    async with asyncio.timeout(5):
        await cleaned.wait()


async def test_a_coroutine_that_exits_the_program_does_not_end_the_loop() -> None:
    async def leave() -> None:
        await asyncio.sleep(0)
        raise SystemExit(1)

    assert isinstance(await bounded(leave, 1, "x"), Failed)
    with pytest.raises(ChildExitError, match="SystemExit: 1"):
        await cancellable(leave())
    with pytest.raises(ChildExitError), contained():
        await leave()


async def test_a_call_that_cancels_itself_is_a_failure_and_a_cancellation_is_not() -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    assert isinstance(await bounded(cancel, 1, "x"), Failed)
    with pytest.raises(ChildExitError, match="by itself"):
        await cancellable(cancel())

    inner: list[asyncio.Task[Any] | None] = []
    begun = asyncio.Event()

    async def hang() -> None:
        inner.append(asyncio.current_task())
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(bounded(hang, 60, "x"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner[0] is not None
    async with asyncio.timeout(5):
        await asyncio.wait({inner[0]})
    assert inner[0].cancelled()


async def test_a_call_that_swallows_its_cancellation_is_left_behind() -> None:
    release = asyncio.Event()

    async def cling() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    result = await bounded(cling, 0.01, "x")
    assert isinstance(result, Failed)
    assert result.goes_on
    release.set()
    assert result.task is not None
    await asyncio.wait({result.task}, timeout=5)
    assert not result.goes_on


async def test_a_deletion_goes_on_after_its_deadline() -> None:
    release, done = asyncio.Event(), asyncio.Event()

    async def remove() -> None:
        await release.wait()
        done.set()

    result = await bounded(remove, 0.01, "x", cancel=False)
    assert isinstance(result, Failed)
    assert result.goes_on
    release.set()
    async with asyncio.timeout(5):
        await done.wait()


async def test_an_answer_from_a_thread_pool_is_awaited() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert await bounded(lambda: pool.submit(lambda: 7), 5, "x") == 7
