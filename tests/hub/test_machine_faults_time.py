"""A machine whose clock is set while its hub runs, and one that was booted anew.

The hub's own clock is moved at its one seam (`core.clock`), by the hub's configuration: the kernel
has no clock of the time of day that one process alone could have.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.hub.harness import processes_with, read_json, wait_for
from tests.hub.kill_hubs import KilledHub
from tests.hub.machine import BYSTANDER, check, rows, states

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.files import write_json
from jupyterhub_anywhere.testing.faults.run import Before, Doing, ready_bystander, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOURS: Final = "hours"
_SEAM: Final = """
from datetime import UTC, datetime, timedelta
from pathlib import Path
from jupyterhub_anywhere.core.clock import SystemClock

def moved(_clock, file=Path({file!r})):
    return datetime.now(UTC) + timedelta(hours=float(file.read_text()))

SystemClock.now = moved
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def hub() -> Iterator[KilledHub]:
    made = KilledHub.ours()
    file = made.folder / _HOURS
    file.write_text("0")
    made.hub.write_config(made.watch() + _SEAM.format(file=str(file)))
    try:
        made.boot()
        yield made
    finally:
        made.close()


def set_clock(hub: KilledHub, hours: float) -> None:
    """Move the hub's clock, at once."""
    new = hub.folder / f"{_HOURS}.new"
    new.write_text(str(hours))
    new.rename(hub.folder / _HOURS)


def ahead(hub: KilledHub, user: str) -> float:
    """By how many hours a server seems to have been started later than it was."""
    (since,) = [datetime.fromisoformat(x["since"]) for x in rows(hub) if x["user"] == user]
    return (since - datetime.now(UTC)).total_seconds() / 3600


def looks(hub: KilledHub) -> float:
    """How often the hub has looked at its processes."""
    name = 'jupyterhub_anywhere_sweeps_total{result="ok",target='
    lines = hub.hub.api("GET", "metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def some_looks(hub: KilledHub) -> None:
    """Let the hub look around three times."""
    before = looks(hub)
    wait_for(lambda: looks(hub) >= before + 3, what="three looks of the hub")


def test_a_clock_that_is_set_by_hours_costs_nothing(hub: KilledHub) -> None:
    before = ready_bystander(hub)
    for number, hours in enumerate((6.0, -6.0, 0.0)):
        set_clock(hub, hours)
        some_looks(hub)
        assert hub.running()[BYSTANDER] == before.healthy[BYSTANDER]
        user = f"ann{number}"
        before.healthy[user] = settled(hub, user)
        assert round(ahead(hub, user)) == hours, "the hub's clock was not moved"
        _comes_and_goes(hub, f"bob{number}")
    set_clock(hub, -12.0)
    hub.kill()
    hub.boot()
    some_looks(hub)
    check(hub, Doing.RUN, "the clock is set by hours", before, "bob0", "bob1", "bob2")
    assert set(states(hub).values()) == {"running"}
    assert set(states(hub)) == set(before.healthy)


def _comes_and_goes(hub: KilledHub, user: str) -> None:
    settled(hub, user)
    hub.ask_stop(user)
    wait_for(lambda: user not in states(hub), what=f"a proven end of {user}'s server")


def test_after_a_reboot_nothing_of_others_is_touched(hub: KilledHub) -> None:
    settled(hub, "ann")
    settled(hub, "bob")
    process = {each["user"]: each["name"] for each in rows(hub)}
    assert process.keys() == {"ann", "bob"}
    hub.kill()
    for each in processes_with(str(hub.hub.folder), hub.hub.id):
        each.send(signal.SIGKILL)
    wait_for(
        lambda: not processes_with(str(hub.hub.folder), hub.hub.id), what="the end of everything"
    )
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleep) as stranger:
        try:
            _give_pids_to(hub, stranger.pid)
            hub.boot()
            wait_for(lambda: states(hub) == {}, what="the end of all leases")
            fault = "the machine is booted anew, and pids are others'"
            check(hub, Doing.RESTART, fault, Before(), "ann", "bob")
            assert stranger.poll() is None, "a stranger's process was ended"
            before = Before({"ann": settled(hub, "ann")})
            check(hub, Doing.RESTART, fault, before, "bob")
            assert stranger.poll() is None, "a stranger's process was ended"
        finally:
            stranger.kill()


def _give_pids_to(hub: KilledHub, pid: int) -> None:
    """As after a reboot: every pid that was written down is a stranger's now."""

    def stale(process: Any) -> dict[str, Any]:
        found = ProcessId.from_json(process)
        assert found is not None
        return ProcessId(pid, found.start, "the boot before").to_json()

    state = hub.hub.state
    for file in (state.proxy, state.up):
        record = read_json(file)
        write_json(file, {**record, "process": stale(record["process"])})
    with closing(sqlite3.connect(state.database)) as database, database:
        found = database.execute("SELECT id, state FROM spawners WHERE server_id IS NOT NULL")
        changed = 0
        for number, text in found.fetchall():
            told = json.loads(text, object_hook=lambda x: stale(x) if "boot" in x else x)
            changed += json.dumps(told) != json.dumps(json.loads(text))
            database.execute(
                "UPDATE spawners SET state = ? WHERE id = ?", (json.dumps(told), number)
            )
        assert changed == 2, "the hub remembers no pids"
    with closing(sqlite3.connect(state.ledger)) as ledger, ledger:
        for number, text in ledger.execute("SELECT number, child FROM anywhere_leases").fetchall():
            told = json.loads(text, object_hook=lambda x: stale(x) if "boot" in x else x)
            child = json.dumps(told)
            ledger.execute("UPDATE anywhere_leases SET child = ? WHERE number = ?", (child, number))
