"""The ledger in a backup: one state of it, although the hub writes; and back again."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.unit.ledger.ledger_samples import HUB, HandClock, lease

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.backup import create
from jupyterhub_anywhere.hub.restore import restore
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    made = open_state(tmp_path / "state")
    made.hub_id.write_text(f"{HUB}\n")
    return made


def opened(paths: StatePaths, *, make: bool = False) -> Ledger:
    return Ledger.open(f"sqlite:///{paths.ledger}", HUB, HandClock(), make=make)


def brought_back(file: Path, tmp_path: Path) -> StatePaths:
    there = StatePaths(tmp_path / "there")
    restore(file, there)
    return there


def test_a_ledger_at_rest(paths: StatePaths, tmp_path: Path) -> None:
    with closing(opened(paths, make=True)) as ledger:
        added = ledger.add(lease())
    create(paths, tmp_path / "b.tar.gz")
    with closing(opened(brought_back(tmp_path / "b.tar.gz", tmp_path))) as ledger:
        assert ledger.active() == [added]
        assert not ledger.fresh
        assert ledger.move(added, Cause.LAUNCH).state is State.STARTING


def test_a_ledger_in_use_is_one_state_of_it(paths: StatePaths, tmp_path: Path) -> None:
    ended = threading.Event()
    with closing(opened(paths, make=True)) as ledger:
        known = [ledger.add(lease(f"user{number}")) for number in range(20)]

        def write() -> None:
            while not ended.is_set():
                ledger.move(ledger.add(lease()), Cause.LAUNCH)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            create(paths, tmp_path / "b.tar.gz")
        finally:
            ended.set()
            writer.join()
    with closing(opened(brought_back(tmp_path / "b.tar.gz", tmp_path))) as ledger:
        found = ledger.active()
        assert found[: len(known)] == known
        for each in found:
            # Lease and events were written together, and came along together.
            assert len(ledger.events(each.id)) == each.version + 1


def test_a_damaged_ledger_is_no_backup(paths: StatePaths, tmp_path: Path) -> None:
    with closing(opened(paths, make=True)) as ledger:
        for number in range(50):
            ledger.add(lease(f"user{number}"))
    with paths.ledger.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * 8192)
    with pytest.raises(StateError, match=r"ledger\.sqlite is damaged"):
        create(paths, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()
