"""A process is known by pid, start time and boot id together."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.processes import ProcessId, boot_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def identity(process: subprocess.Popen[bytes]) -> ProcessId:
    found = ProcessId.of(process.pid)
    assert found is not None
    return found


def test_of_reads_a_running_process() -> None:
    mine = ProcessId.of(os.getpid())
    assert mine is not None
    assert mine.boot == boot_id()
    assert mine.alive()


def test_of_is_none_without_a_process() -> None:
    assert ProcessId.of(2**22 - 1) is None


def test_another_start_time_is_a_stranger_and_never_signalled(
    sleeper: subprocess.Popen[bytes],
) -> None:
    stranger = dataclasses.replace(identity(sleeper), start=identity(sleeper).start + 1)
    assert not stranger.alive()
    assert not stranger.send(signal.SIGKILL)
    assert sleeper.poll() is None


def test_another_boot_is_a_stranger_and_never_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    stranger = dataclasses.replace(identity(sleeper), boot="before the reboot")
    assert not stranger.alive()
    assert not stranger.send(signal.SIGKILL)
    assert sleeper.poll() is None


def test_send_reaches_the_process_itself(sleeper: subprocess.Popen[bytes]) -> None:
    assert identity(sleeper).send(signal.SIGKILL)
    assert sleeper.wait(timeout=10) == -signal.SIGKILL


def test_a_zombie_is_not_alive_and_not_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper)
    sleeper.kill()
    asyncio.run(known.wait(10))
    assert not known.alive()
    assert not known.send(signal.SIGTERM)


async def test_wait_ends_with_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper)
    waiting = asyncio.create_task(known.wait(30))
    await asyncio.sleep(0)
    assert not waiting.done()
    sleeper.kill()
    assert await waiting


async def test_wait_gives_up_when_its_time_is_over(sleeper: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    assert not await identity(sleeper).wait(0.05)
    assert time.monotonic() - begun < 5


async def test_wait_for_one_that_is_gone_returns_at_once() -> None:
    assert await ProcessId(2**22 - 1, 1, boot_id()).wait(30)


async def test_wait_does_not_take_a_stranger_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    assert await dataclasses.replace(identity(sleeper), start=1).wait(30)


def test_json_round_trip() -> None:
    known = ProcessId(7, 8, "nine")
    assert ProcessId.from_json(known.to_json()) == known


@pytest.mark.parametrize(
    "data", [None, 7, {}, {"pid": "7", "start": 1, "boot": ""}, {"pid": -1, "start": 1, "boot": ""}]
)
def test_anything_else_is_no_process(data: object) -> None:
    assert ProcessId.from_json(data) is None


def test_a_process_whose_name_is_no_text_is_a_process(tmp_path: Path) -> None:
    program = os.fsencode(tmp_path) + b"/\xff"
    with open("/bin/sleep", "rb") as source, open(program, "wb") as target:  # noqa: PTH123 - bytes
        target.write(source.read())
    os.chmod(program, 0o700)  # noqa: PTH101 - bytes
    with subprocess.Popen([program, "60"]) as process:
        found = ProcessId.of(process.pid)
        assert found is not None
        assert found.alive()
        assert found.send(signal.SIGKILL)
