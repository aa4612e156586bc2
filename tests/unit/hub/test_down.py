"""`anywhere down` keeps other hubs from starting while it ends what is left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.down import down
from jupyterhub_anywhere.hub.files import write_json
from jupyterhub_anywhere.hub.statefolder import StateLock, open_state
from jupyterhub_anywhere.hub.uprecord import UpRecord, write_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

# Asked to end, it does what its argument says first.
OBEDIENT = """
import signal, sys
def end(*_):
    exec(sys.argv[1])
    raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    signal.pause()
"""
TRY_TO_START = """
from pathlib import Path
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.statefolder import locked
Path({found!r}).write_text(str(locked(StatePaths(Path({root!r})))))
"""


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return open_state(tmp_path / "state")


@pytest.fixture
def running() -> Iterator[Callable[..., ProcessId]]:
    """Make processes that end when they are asked; they are this test's to reap."""
    made: list[subprocess.Popen[str]] = []

    def make(before_its_end: str = "") -> ProcessId:
        command = [sys.executable, "-c", OBEDIENT, before_its_end]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        made.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        found = ProcessId.of(process.pid)
        assert found is not None
        return found

    yield make
    for process in made:
        process.kill()
        process.communicate()


def record(paths: StatePaths, hub: ProcessId, proxy: ProcessId) -> None:
    write_up(paths, UpRecord(process=hub, url="http://127.0.0.1:1/"))
    told: dict[str, Any] = {"process": proxy.to_json()}
    write_json(paths.proxy, told)


def test_no_hub_starts_while_the_rest_is_ended(
    paths: StatePaths, running: Callable[..., ProcessId], tmp_path: Path
) -> None:
    found = tmp_path / "found"
    proxy = running(TRY_TO_START.format(found=str(found), root=str(paths.root)))
    hub = running()
    record(paths, hub, proxy)

    lines = down(paths)

    assert [line.split(" ")[0] for line in lines] == ["hub", "proxy"]
    assert not hub.alive()
    assert found.read_text() == "True", "the proxy's end was under the lock"
    with StateLock(paths):
        pass


def test_a_hub_that_was_started_again_at_once_keeps_its_proxy(
    paths: StatePaths, running: Callable[..., ProcessId]
) -> None:
    hub, proxy = running(), running()
    record(paths, hub, proxy)

    # As a service manager's next hub, which begins when the last one ends.
    with StateLock(paths), pytest.raises(SurroundingsError, match="started at once") as told:
        down(paths)

    assert "systemctl stop" in str(told.value)
    assert not hub.alive()
    assert proxy.alive()
    assert paths.up.exists()


def test_a_hub_that_starts_is_left_alone(
    paths: StatePaths, running: Callable[..., ProcessId]
) -> None:
    proxy = running()
    write_json(paths.proxy, {"process": proxy.to_json()})
    with StateLock(paths), pytest.raises(SurroundingsError, match="is starting"):
        down(paths)
    assert proxy.alive()
