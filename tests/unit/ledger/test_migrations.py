"""Older ledgers: copied first, changed in one step, and whole wherever the one who did it died."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import text
from tests.unit.ledger.ledger_samples import BEGIN, HUB, HandClock, lease

from jupyterhub_anywhere.ledger.copies import copies, make_copy, put_back
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.migrations import MIGRATIONS
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROOT: Final = Path(__file__).parents[3]


def add_column(connection: Connection) -> None:
    """Version 2, made up: one more column, and another table made anew."""
    connection.execute(text("ALTER TABLE anywhere_leases ADD COLUMN colour TEXT DEFAULT 'red'"))
    connection.execute(text("CREATE TABLE anywhere_new (hub TEXT PRIMARY KEY, n INTEGER)"))
    connection.execute(text("INSERT INTO anywhere_new SELECT hub, 1 FROM anywhere_hubs"))


def rebuild_leases(connection: Connection) -> None:
    """Version 3, made up: a table that others refer to is dropped and made anew."""
    ask = text("SELECT sql FROM sqlite_master WHERE name = 'anywhere_leases'")
    made: str = connection.execute(ask).scalar_one()
    connection.execute(text(made.replace("anywhere_leases", "anywhere_spare", 1)))
    connection.execute(text("INSERT INTO anywhere_spare SELECT * FROM anywhere_leases"))
    connection.execute(text("DROP TABLE anywhere_leases"))
    connection.execute(text("ALTER TABLE anywhere_spare RENAME TO anywhere_leases"))


def lose_leases(connection: Connection) -> None:
    """One that is wrong: events would be left without their leases."""
    connection.execute(text("DELETE FROM anywhere_leases"))


TWO: Final = (*MIGRATIONS, add_column)

# Dies before the copy, after it, and in the middle of the change.
KILLED: Final = """
import functools, os, signal, sys
from jupyterhub_anywhere.ledger import copies, migrations
from jupyterhub_anywhere.ledger.store import Ledger
from tests.unit.ledger.ledger_samples import HUB, HandClock
from tests.unit.ledger.test_migrations import TWO, add_column

url, point = sys.argv[1:]

def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

def copy(*args):
    if point == "before copy":
        die()
    copies.make_copy(*args)
    if point == "after copy":
        die()

def half(connection):
    add_column(connection)
    if point == "in the middle":
        die()

prepare = migrations.prepare
migrations.prepare = functools.partial(prepare, make_copy=copy)
Ledger.open(url, HUB, HandClock(), steps=(*migrations.MIGRATIONS, half)).close()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def old(url: str) -> str:
    """The id of a lease in a ledger of version 1."""
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        return ledger.add(lease()).id


def version(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT value FROM anywhere_meta WHERE key = 'version'").fetchone()
        return str(found[0])


def test_the_version_is_the_number_of_migrations(file: Path, old: str) -> None:
    assert version(file) == str(len(MIGRATIONS))


def test_an_older_ledger_is_copied_and_brought_up_to_date(file: Path, url: str, old: str) -> None:
    clock = HandClock()
    clock.tick(86400)
    with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
        (found,) = ledger.active()
        assert found.id == old
        assert (ledger.born, ledger.fresh) == (BEGIN, False)
        assert ledger.move(found, Cause.LAUNCH).version == 1
    assert version(file) == "2"
    (copy,) = copies(file)
    assert copy.file.name == "ledger.sqlite.v1-20300103T030405678901Z"
    assert (copy.version, copy.at) == (1, BEGIN + timedelta(days=1))
    assert version(copy.file) == "1"
    assert stat.S_IMODE(copy.file.stat().st_mode) == 0o600
    # The next start has nothing to do.
    Ledger.open(url, HUB, clock, steps=TWO).close()
    assert copies(file) == [copy]


def test_a_new_ledger_runs_through_all_and_needs_no_copy(file: Path, url: str) -> None:
    Ledger.open(url, HUB, HandClock(), steps=TWO).close()
    assert version(file) == "2"
    assert copies(file) == []


@pytest.mark.parametrize("point", ["before copy", "after copy", "in the middle"])
def test_killed_at_any_point_the_next_start_goes_on(
    file: Path, url: str, old: str, point: str
) -> None:
    command = [sys.executable, "-c", KILLED, url, point]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == -9
    assert version(file) == "1"
    assert len(copies(file)) == (point != "before copy")
    clock = HandClock()
    clock.tick(60)
    with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
        assert [each.id for each in ledger.active()] == [old]
    assert version(file) == "2"
    assert {version(copy.file) for copy in copies(file)} == {"1"}


def test_tables_can_be_made_anew_without_losing_what_refers_to_them(
    file: Path, url: str, old: str
) -> None:
    with closing(Ledger.open(url, HUB, HandClock(), steps=(*TWO, rebuild_leases))) as ledger:
        assert len(ledger.events(old)) == 1
        with ledger._database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert version(file) == "3"


def test_a_migration_that_would_lose_rows_changes_nothing(file: Path, url: str, old: str) -> None:
    with pytest.raises(LedgerError, match="rows would be lost"):
        Ledger.open(url, HUB, HandClock(), steps=(*MIGRATIONS, lose_leases))
    assert version(file) == "1"
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        assert ledger.get(old) is not None


def test_a_newer_ledger_is_refused_with_the_cure(file: Path, url: str, old: str) -> None:
    clock = HandClock()
    Ledger.open(url, HUB, clock, steps=TWO).close()
    before = file.read_bytes()
    for make in (True, False):
        with pytest.raises(LedgerError, match=r"newer version .*schema 2, known up to 1") as found:
            Ledger.open(url, HUB, clock, make=make)
        assert "Install the newer version again" in found.value.hint
        assert "anywhere ledger restore" in found.value.hint
    assert file.read_bytes() == before
    # What the hint says.
    aside = put_back(file, copies(file)[0].file, clock.tick())
    assert aside is not None
    assert version(aside) == "2"
    with closing(Ledger.open(url, HUB, clock)) as ledger:
        assert ledger.get(old) is not None


def test_without_making_an_older_ledger_is_left_to_the_hub(file: Path, url: str, old: str) -> None:
    with pytest.raises(LedgerError, match="older version") as found:
        Ledger.open(url, HUB, HandClock(), make=False, steps=TWO)
    assert "anywhere up" in found.value.hint
    assert version(file) == "1"


def test_no_copy_no_migration(
    file: Path, url: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="no space left on device"):
        Ledger.open(url, HUB, HandClock(), steps=TWO)
    assert version(file) == "1"
    assert copies(file) == []
    left = {path.name for path in file.parent.iterdir()} - {"ledger.sqlite"}
    assert left <= {"ledger.sqlite-wal", "ledger.sqlite-shm"}


@pytest.mark.root
def test_what_root_copies_is_the_hubs(file: Path, old: str) -> None:
    os.chown(file.parent, 65534, 65534)
    copy = make_copy(file, 1, BEGIN)
    put_back(file, copy, BEGIN)
    assert {path.stat().st_uid for path in (copy, file)} == {65534}


# --- copies --------------------------------------------------------------------------------------


def test_a_copy_of_a_ledger_in_use_is_whole(file: Path, url: str) -> None:
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        added = ledger.add(lease())
        assert file.with_name("ledger.sqlite-wal").stat().st_size
        copy = make_copy(file, 1, BEGIN)
    with closing(Ledger.open(f"sqlite:///{copy}", HUB, HandClock(), make=False)) as copied:
        assert copied.active() == [added]


def test_copies_are_listed_newest_first_and_nothing_else(file: Path, old: str) -> None:
    first = make_copy(file, 1, BEGIN)
    # What one that was killed left is taken away by the next.
    file.with_name(".ledger-copy-abc").touch()
    second = make_copy(file, 1, BEGIN + timedelta(seconds=1))
    for name in ("ledger.sqlite.v1-soon", "ledger.sqlite-wal", "other.sqlite.v1-20300102T030405Z"):
        file.with_name(name).touch()
    assert [copy.file for copy in copies(file)] == [second, first]
    assert not list(file.parent.glob(".*"))
    assert copies(file.parent / "nowhere" / "ledger.sqlite") == []


def test_a_copy_takes_the_place_of_a_damaged_ledger(file: Path, url: str, old: str) -> None:
    copy = make_copy(file, 1, BEGIN)
    file.write_bytes(b"nonsense " * 1000)
    # What a killed hub left: it belongs to the file of before, and to no other.
    file.with_name("ledger.sqlite-wal").write_bytes(b"rest")
    aside = put_back(file, copy, BEGIN)
    assert aside is not None
    assert aside.read_bytes().startswith(b"nonsense")
    assert Path(f"{aside}-wal").read_bytes() == b"rest"
    assert copy.exists()
    with closing(Ledger.open(url, HUB, HandClock(), make=False)) as ledger:
        assert ledger.get(old) is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_copy_takes_the_place_of_none(file: Path, url: str, old: str) -> None:
    copy = make_copy(file, 1, BEGIN)
    file.unlink()
    assert put_back(file, copy, BEGIN) is None
    assert version(file) == "1"


@pytest.mark.parametrize("content", [b"", b"nonsense " * 1000])
def test_what_is_no_copy_replaces_nothing(file: Path, old: str, content: bytes) -> None:
    other = file.with_name("other")
    other.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(LedgerError, match="damaged"):
        put_back(file, other, BEGIN)
    with pytest.raises(LedgerError, match="cannot be opened"):
        put_back(file, file.with_name("nowhere"), BEGIN)
    assert file.read_bytes() == before
