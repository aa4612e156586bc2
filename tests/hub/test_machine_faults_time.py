"""A machine whose clock is set while its hub runs, and one that was booted anew.

A hub's clock is moved where it is asked, in JupyterHub (`utils.utcnow`) and in ours (`core.clock`),
by the hub's configuration: the kernel has no clock of the time of day that one process alone could
have. ``ANYWHERE_KILLS=all`` takes the stock hub as well.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.hub.harness import processes_with, read_json, wait_for
from tests.hub.kill_hubs import KilledHub
from tests.hub.machine import BYSTANDER, SIDES, check, rows, states

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.files import write_json
from jupyterhub_anywhere.testing.faults.machine import HOURS, boots_anew, clock_is_set
from jupyterhub_anywhere.testing.faults.records import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOURS: Final = "hours"
_SEAM: Final = """
import os
from datetime import datetime, timedelta
from pathlib import Path
import jupyterhub.utils
import jupyterhub_anywhere.core.clock

class Moved(datetime):
    @classmethod
    def now(cls, tz=None, *, folder=Path(os.environ["ANYWHERE_TEST_FOLDER"])):
        hours = float((folder / "kills" / "hours").read_text())
        return datetime.now(tz) + timedelta(hours=hours)

jupyterhub.utils.datetime = jupyterhub_anywhere.core.clock.datetime = Moved
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=SIDES)
def hub(request: pytest.FixtureRequest) -> Iterator[tuple[str, KilledHub]]:
    """A side, and a hub of that side with a clock that can be moved."""
    made = KilledHub.ours(_SEAM) if request.param == OURS else KilledHub.stock(_SEAM)
    set_clock(made, 0.0)
    try:
        made.boot()
        yield request.param, made
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


def hub_ahead(hub: KilledHub, user: str) -> float:
    """The same, by the hub's own word."""
    model = hub.hub.server(user)
    assert model is not None
    since = datetime.fromisoformat(model["started"])
    return (since - datetime.now(UTC)).total_seconds() / 3600


def looks(hub: KilledHub) -> float:
    """How often the hub has looked at its processes."""
    name = 'jupyterhub_anywhere_sweeps_total{result="ok",target='
    lines = hub.hub.api("GET", "metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def some_looks(side: str, hub: KilledHub) -> None:
    """Let the hub look around three times; the stock hub does so each second, and tells nobody."""
    if side != OURS:
        time.sleep(4)
        return
    before = looks(hub)
    wait_for(lambda: looks(hub) >= before + 3, what="three looks of the hub")


def test_a_clock_that_is_set_by_hours_costs_nothing(hub: tuple[str, KilledHub]) -> None:
    side, made = hub

    def started(user: str, hours: float) -> None:
        assert round(hub_ahead(made, user)) == hours, "the hub's clock was not moved"
        if side == OURS:
            assert round(ahead(made, user)) == hours, "the ledger's clock was not moved"

    outcome = clock_is_set(
        made, partial(set_clock, made), looked=partial(some_looks, *hub), started=started
    )
    check(side, made, outcome)
    if side == OURS:
        users = {BYSTANDER, *(f"ann{number}" for number in range(len(HOURS)))}
        assert states(made) == dict.fromkeys(users, "running")


def test_after_a_reboot_nothing_of_others_is_touched(hub: tuple[str, KilledHub]) -> None:
    side, made = hub
    mine = str(made.hub.folder), made.hub.id

    def end(pid: int) -> None:
        for each in processes_with(*mine):
            each.send(signal.SIGKILL)
        wait_for(lambda: not processes_with(*mine), what="the end of everything")
        (give_pids_to if side == OURS else give_stock_pids_to)(made, pid)

    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleep) as stranger:
        # Nobody's pid is left over when it ends.
        threading.Thread(target=stranger.wait, daemon=True).start()
        try:
            outcome = boots_anew(
                made, partial(end, stranger.pid), stranger, looked=partial(some_looks, *hub)
            )
            check(side, made, outcome)
            if side == OURS:
                assert states(made) == {"ann": "running"}
        finally:
            stranger.kill()


def give_stock_pids_to(hub: KilledHub, pid: int) -> None:
    """As after a reboot, for SimpleLocalProcessSpawner and the proxy that its hub starts."""
    (hub.hub.folder / "plain-proxy.pid").write_text(str(pid))
    with closing(sqlite3.connect(hub.hub.folder / "plain.sqlite")) as database, database:
        found = database.execute("SELECT id, state FROM spawners WHERE server_id IS NOT NULL")
        states = {number: json.loads(text) for number, text in found.fetchall()}
        assert [state["pid"] > 0 for state in states.values()] == [True, True]
        for number, state in states.items():
            text = json.dumps({**state, "pid": pid})
            database.execute("UPDATE spawners SET state = ? WHERE id = ?", (text, number))


def give_pids_to(hub: KilledHub, pid: int) -> None:
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
