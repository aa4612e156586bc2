"""A child that holds the thread is named, in the log and to the doctor."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner

from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner import watchdog
from jupyterhub_anywhere.spawner.child import Bound
from jupyterhub_anywhere.spawner.watchdog import LIMIT
from jupyterhub_anywhere.targets.specialise import specialise

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# Seconds that a busy machine may take for what is otherwise done at once.
PATIENCE = 30.0


class BlockingSpawner(Spawner):
    """Waits without ``await`` until the watchdog has spoken."""

    seen: threading.Event

    async def start(self) -> Any:
        await asyncio.sleep(0)
        self.wait_for_the_daemon()

    def wait_for_the_daemon(self) -> None:
        assert self.seen.wait(PATIENCE), "the watchdog has said nothing"

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        """Nothing."""

    async def poll(self) -> int | None:
        """Compute, and let others in between."""
        end = time.monotonic() + 2 * LIMIT
        while time.monotonic() < end:
            time.sleep(0.02)  # noqa: ASYNC251 - a child that does not know better
            await asyncio.sleep(0)
        return None


def make(tmp_path: Path) -> tuple[Any, StatePaths]:
    paths = StatePaths(tmp_path)
    paths.hub.mkdir()
    child: Any = specialise(BlockingSpawner, "lab", Bound, {"_anywhere_target": "lab"})()
    child.seen = threading.Event()
    return child, paths


class Listener(logging.Handler):
    """Tells two events from what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.named, self.gone = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "has held" in text:
            self.named.set()
        if "thread go" in text:
            self.gone.set()


def join_watchdogs() -> None:
    for thread in threading.enumerate():
        if thread.name == watchdog.THREAD:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_a_child_that_holds_the_thread_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child, paths = make(tmp_path)
    listener = Listener()
    child.seen = listener.named
    watchdog.log.addHandler(listener)

    async def main() -> None:
        watchdog.watch(paths)
        watchdog.watch(paths)
        await child.start()
        assert await asyncio.to_thread(listener.gone.wait, PATIENCE)

    try:
        asyncio.run(main())
    finally:
        watchdog.log.removeHandler(listener)
    join_watchdogs()
    name = f"target lab: {__name__}.BlockingSpawner.start"
    assert f"{name} has held the hub's thread for" in caplog.text
    assert f"{name} has let the hub's thread go" in caplog.text
    line = BlockingSpawner.wait_for_the_daemon.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}" in caplog.text
    (finding,) = watchdog.findings(paths)
    assert finding.subject == name
    assert "once" in finding.message
    assert "threading.py" in finding.message
    assert "(wait)" in finding.message
    assert finding.cure


def test_a_child_that_lets_others_in_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child, paths = make(tmp_path)

    async def main() -> None:
        watchdog.watch(paths)
        await child.poll()

    asyncio.run(main())
    assert "has held" not in caplog.text
    assert watchdog.findings(paths) == []


def test_whoever_is_no_child_is_not_accused(tmp_path: Path) -> None:
    _, paths = make(tmp_path)

    async def main() -> None:
        watchdog.watch(paths)
        time.sleep(LIMIT + 0.5)  # noqa: ASYNC251 - what is to be seen

    asyncio.run(main())
    assert watchdog.findings(paths) == []


def test_the_thread_ends_with_its_loop(tmp_path: Path) -> None:
    _, paths = make(tmp_path)

    async def main() -> None:
        watchdog.watch(paths)

    asyncio.run(main())
    join_watchdogs()


def test_nothing_is_watched_where_no_loop_runs(tmp_path: Path) -> None:
    before = threading.active_count()
    watchdog.watch(StatePaths(tmp_path))
    assert threading.active_count() == before
