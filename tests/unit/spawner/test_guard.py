"""Calls into children that raise, hang or are cancelled."""

from __future__ import annotations

import asyncio

import pytest

from jupyterhub_anywhere.spawner.guard import Failed, bounded, cancellable, guarded


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
