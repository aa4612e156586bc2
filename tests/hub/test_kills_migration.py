"""A hub of a newer version dies while it brings the ledger up to date: the next start is whole."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.hub.kill_hubs import KilledHub
from tests.hub.kill_lanes import zygote

from jupyterhub_anywhere.ledger.copies import copies
from jupyterhub_anywhere.ledger.migrations import MIGRATIONS
from jupyterhub_anywhere.testing.faults.run import settled

if TYPE_CHECKING:
    from pathlib import Path

# A version of the program with more migrations, which dies at one point of the last.
NEWER = """
import functools, json, os, pathlib, signal
from sqlalchemy import text
from jupyterhub_anywhere.ledger import copies, migrations
from jupyterhub_anywhere.ledger.store import Ledger

version = json.loads(pathlib.Path(os.environ["ANYWHERE_TEST_FOLDER"], "version.json").read_text())

def reach(point):
    if point == version["point"]:
        os.kill(os.getpid(), signal.SIGKILL)

def copy(*words):
    reach("before copy")
    copies.make_copy(*words)
    reach("after copy")

def step(number, connection):
    connection.execute(text(f"ALTER TABLE anywhere_leases ADD COLUMN more{number} TEXT"))
    reach("in the middle")

more = [functools.partial(step, number) for number in range(version["more"])]
migrations.prepare = functools.partial(migrations.prepare, make_copy=copy)
Ledger.open.__func__.__kwdefaults__["steps"] = (*migrations.MIGRATIONS, *more)
"""
POINTS = ("before copy", "after copy", "in the middle")


def version_of(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT value FROM anywhere_meta WHERE key = 'version'").fetchone()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(found[0])


def be(hub: KilledHub, more: int, point: str) -> None:
    """Let the next hub have more migrations, and die at a point."""
    text = json.dumps({"more": more, "point": point})
    (hub.hub.folder / "version.json").write_text(text)


def test_the_next_start_is_whole(tmp_path: Path) -> None:
    with zygote(tmp_path) as warm:
        hub = KilledHub.ours(NEWER, zygote=warm)
        try:
            be(hub, 0, "")
            hub.boot()
            healthy = settled(hub, "ann")
            file = hub.hub.state.ledger
            for more, point in enumerate(POINTS, start=1):
                before = len(MIGRATIONS) + more - 1
                hub.kill()
                be(hub, more, point)
                hub.launch()
                assert hub.hub.process is not None
                assert hub.hub.process.wait(120) == -signal.SIGKILL, hub.hub.logs()
                assert version_of(file) == before
                be(hub, more, "")
                hub.boot()
                assert version_of(file) == before + 1
                assert {version_of(copy.file) for copy in copies(file)} == {*range(1, before + 1)}
                assert hub.told("ann").ready
                assert hub.running()["ann"] == healthy
                assert hub.serves("ann")
        finally:
            hub.close()
