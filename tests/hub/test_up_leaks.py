"""``anywhere status``, ``leaks`` and ``adopt`` beside a hub of ``anywhere up``, and without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import Hub, wait_for

from jupyterhub_anywhere.targets.process.labels import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE: dict[str, Any] = {
    "targets": {"here": {"kind": "process"}, "there": {"kind": "process"}},
    "profiles": {"small": {"targets": ["here", "there"]}},
    "hub": {"ledger": {"every": "1s", "grace": "1h"}},
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub(site=SITE, arguments=["--share-account"])
    try:
        yield made.start()
    finally:
        made.close()


@contextmanager
def stray(hub: Hub) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the hub's label that no lease is for, as an old crash may have left."""
    labels = labels_of(hub.id, f"{hub.id}-eve", "eve", "")
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    with subprocess.Popen(command, env={**os.environ, **labels}, start_new_session=True) as left:
        try:
            yield left
        finally:
            left.send_signal(signal.SIGKILL)


def leaks(hub: Hub, *more: str) -> dict[str, Any]:
    done = hub.run("leaks", "--json", *more)
    assert done.returncode in {0, 1}, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_what_a_person_sees_and_does(hub: Hub) -> None:
    hub.start_server("ann", options={"profile": "small", "target": "there"})
    wait_for(lambda: leaks(hub)["clean"], what="that nothing disagrees")
    assert hub.run("leaks").stdout.startswith("Ledger, hub and targets agree: 1 server")
    status = hub.run("status")
    assert "\nann\t\tthere\tsmall\trunning\t" in status.stdout, status.stdout + status.stderr

    with stray(hub) as left:
        wait_for(lambda: not leaks(hub)["clean"], what="the sight of what nobody asked for")
        (each,) = leaks(hub)["disagreements"]
        assert (each["kind"], each["user"]) == ("resource-without-lease", "eve")
        assert each["due"]
        assert each["key"] in hub.run("leaks", "--clean", "--dry-run", "--json").stdout
        assert left.poll() is None, "looking removes nothing"
        done = hub.run("leaks", "--clean", "--yes")
        assert "Removed: " in done.stdout, done.stdout + done.stderr
        assert left.wait(timeout=30)
    wait_for(lambda: leaks(hub)["clean"], what="that nothing disagrees")
    assert (hub.server("ann") or {})["ready"], "a healthy server stays"


def test_what_is_told_without_the_hub(hub: Hub) -> None:
    hub.start_server("ann", options={"profile": "small", "target": "here"})
    wait_for(lambda: leaks(hub)["clean"], what="that nothing disagrees")
    hub.kill()
    status = hub.run("status")
    assert status.returncode == 1
    assert "\nann\t\there\tsmall\trunning\t" in status.stdout, status.stdout + status.stderr
    assert leaks(hub)["clean"], "the ledger and the targets agree"
    assert hub.run("leaks", "--clean", "--yes").returncode == 4

    hub.state.ledger.write_bytes(b"garbage" * 4096)
    for suffix in ("-wal", "-shm"):
        hub.state.ledger.with_name(hub.state.ledger.name + suffix).unlink(missing_ok=True)
    status = hub.run("status")
    assert "damaged" in status.stdout
    assert "\nann\t\there\t\trunning\t" in status.stdout, "the target tells of it all the same"
    assert hub.run("leaks").returncode == 3
