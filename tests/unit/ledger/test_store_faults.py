"""A ledger that is damaged, full, read-only or gone says so; it never says "no leases"."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.unit.ledger.ledger_samples import BEGIN, HUB, HandClock, lease

from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[3]
CLOCK: Final = HandClock()

# Every question there is.
READS: Final[dict[str, Callable[[Ledger], Any]]] = {
    "get": lambda ledger: ledger.get("x"),
    "active": lambda ledger: ledger.active(),
    "of_server": lambda ledger: ledger.of_server("ann", ""),
    "last_attempt": lambda ledger: ledger.last_attempt("ann", ""),
    "history": lambda ledger: ledger.history(),
    "durations": lambda ledger: ledger.durations(profile="p", target="here"),
    "counts": lambda ledger: ledger.counts(),
    "events": lambda ledger: ledger.events("x"),
    "recall": lambda ledger: ledger.recall("x"),
}
WRITES: Final[dict[str, Callable[[Ledger], Any]]] = {
    "add": lambda ledger: ledger.add(lease()),
    "rename": lambda ledger: ledger.rename("ann", "", "new"),
    "prune": lambda ledger: ledger.prune(BEGIN),
    "remember": lambda ledger: ledger.remember("x", "y"),
}
CALLS: Final = {**READS, **WRITES}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(f"sqlite:///{file}", HUB, CLOCK)) as found:
        yield found


def filled(file: Path, count: int = 200) -> None:
    """A ledger with leases, at rest."""
    with closing(Ledger.open(f"sqlite:///{file}", HUB, CLOCK)) as ledger:
        for number in range(count):
            ledger.add(lease(f"user{number}", child={"text": "x" * 200}))


# --- vanished ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_vanished_is_not_made_anew(ledger: Ledger, file: Path, call: str) -> None:
    added = ledger.add(lease())
    for path in file.parent.iterdir():
        path.unlink()
    with pytest.raises(LedgerError, match="has vanished while it was in use"):
        CALLS[call](ledger)
    with pytest.raises(LedgerError, match="has vanished"):
        ledger.move(added, Cause.LAUNCH)
    assert not file.exists()


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_was_replaced_is_not_believed(ledger: Ledger, file: Path, call: str) -> None:
    ledger.add(lease())
    other = file.with_name("other.sqlite")
    Ledger.open(f"sqlite:///{other}", HUB, CLOCK).close()
    other.rename(file)
    with pytest.raises(LedgerError, match="was replaced while it was in use"):
        CALLS[call](ledger)


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_was_emptied_is_not_believed(ledger: Ledger, file: Path, call: str) -> None:
    ledger.add(lease())
    os.truncate(file, 0)
    with pytest.raises(LedgerError, match="is empty, and it was not"):
        CALLS[call](ledger)


@pytest.mark.parametrize("call", CALLS)
def test_tables_that_were_dropped_are_no_empty_tables(
    ledger: Ledger, file: Path, call: str
) -> None:
    ledger.add(lease())
    with closing(sqlite3.connect(file)) as database:
        for name in ("remarks", "events", "leases", "hubs"):
            database.execute(f"DROP TABLE anywhere_{name}")
    with pytest.raises(LedgerError, match=r"it is damaged \(no such table") as found:
        CALLS[call](ledger)
    assert "anywhere ledger restore" in found.value.hint


# --- damaged -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [True, False])
def test_what_is_no_database_is_refused(file: Path, *, make: bool) -> None:
    file.write_bytes(b"These are not the bytes of a database. " * 200)
    with pytest.raises(LedgerError, match="damaged") as found:
        Ledger.open(f"sqlite:///{file}", HUB, CLOCK, make=make)
    assert "anywhere ledger copies" in found.value.hint
    assert found.value.exit_code == 3


@pytest.mark.parametrize("make", [True, False])
def test_a_database_of_somebody_else_is_refused(file: Path, *, make: bool) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE users (name TEXT)")
    with pytest.raises(LedgerError, match="is no ledger, or is damaged"):
        Ledger.open(f"sqlite:///{file}", HUB, CLOCK, make=make)


@pytest.mark.parametrize("page", range(1, 12))
def test_any_page_that_is_overwritten_is_noticed_at_the_next_start(file: Path, page: int) -> None:
    filled(file)
    with file.open("r+b") as stream:
        stream.seek(page * 4096)
        stream.write(os.urandom(4096))
    with pytest.raises(LedgerError, match=r"is damaged|cannot be used"):
        Ledger.open(f"sqlite:///{file}", HUB, CLOCK)


def test_damage_under_a_running_hub_raises(file: Path) -> None:
    filled(file)
    with closing(Ledger.open(f"sqlite:///{file}", HUB, CLOCK)) as ledger:
        size = file.stat().st_size
        with file.open("r+b") as stream:
            stream.seek(4096)
            stream.write(b"\xff" * (size - 4096))
        # No connection of before, whose cache may still hold what is right.
        ledger.close()
        for name in ("active", "counts", "history", "last_attempt"):
            with pytest.raises(LedgerError, match="damaged"):
                READS[name](ledger)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "flying"),
        ("steps", "[]"),
        ("steps", '{"wanted": "yesterday"}'),
        ("choice", "3"),
        ("choice", "{"),
        ("child", '"x"'),
        ("seen_phase", "dreaming"),
        ("seen_phase", "running"),
        ("due", "soon"),
    ],
)
def test_a_row_that_makes_no_sense_raises(
    ledger: Ledger, file: Path, column: str, value: str
) -> None:
    added = ledger.add(lease())
    ledger.add(lease())
    with closing(sqlite3.connect(file)) as database, database:
        change = f"UPDATE anywhere_leases SET {column} = ? WHERE id = ?"
        database.execute(change, (value, added.id))
    for ask in (ledger.active, lambda: ledger.get(added.id), lambda: ledger.of_server("ann", "")):
        with pytest.raises(LedgerError, match="damaged"):
            ask()


def test_counts_and_events_that_make_no_sense_raise(ledger: Ledger, file: Path) -> None:
    added = ledger.add(lease())
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE anywhere_leases SET state = 'flying'")
        database.execute("UPDATE anywhere_events SET after = 'flying'")
    with pytest.raises(LedgerError, match="'flying'"):
        ledger.counts()
    with pytest.raises(LedgerError, match="an event of lease"):
        ledger.events(added.id)


def test_a_version_that_makes_no_sense_is_damage(file: Path) -> None:
    filled(file, 1)
    for change, text in (
        ("SET value = 'new'", "names no version"),
        ("SET key = 'x'", "no version"),
    ):
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(f"UPDATE anywhere_meta {change}")
        with pytest.raises(LedgerError, match=text):
            Ledger.open(f"sqlite:///{file}", HUB, CLOCK)


# --- full ----------------------------------------------------------------------------------------


def test_a_full_database_refuses_the_write_and_reads_on(ledger: Ledger) -> None:
    first = ledger.add(lease())
    with ledger._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="the disk is full") as found:
        ledger.add(lease(child={"text": "x" * 200_000}))
    assert "nothing is stopped" in found.value.hint
    assert ledger.get(first.id) == first
    with ledger._database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    count = len(ledger.active())
    ledger.add(lease(child={"text": "x" * 2000}))
    assert len(ledger.active()) == count + 1, "there is space again, and it goes on"


LIMITED: Final = """
import resource, sys
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.store import Ledger
from tests.unit.ledger.ledger_samples import HUB, HandClock, lease

ledger = Ledger.open(sys.argv[1], HUB, HandClock())
first = ledger.add(lease())
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for _ in range(500):
        ledger.add(lease(child={"text": "x" * 2000}))
except LedgerError as error:
    print(error)
assert ledger.get(first.id) == first
ledger.close()
"""


def test_a_limit_of_the_system_refuses_the_write(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, f"sqlite:///{file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be used: the disk" in done.stdout
    with closing(Ledger.open(f"sqlite:///{file}", HUB, CLOCK)) as ledger:
        assert ledger.active()


# --- read-only, locked, out of reach -------------------------------------------------------------


def test_what_can_only_be_read_is_read_and_refuses_writes(file: Path) -> None:
    filled(file, 3)
    url = f"sqlite:///{file}?mode=ro"
    with closing(Ledger.open(url, HUB, CLOCK, make=False)) as ledger:
        found = ledger.active()
        assert len(found) == 3
        for name in ("add", "remember", "rename"):
            with pytest.raises(LedgerError, match="it can only be read") as failure:
                WRITES[name](ledger)
            assert "disk is read-only" in failure.value.hint
        with pytest.raises(LedgerError, match="it can only be read"):
            ledger.move(found[0], Cause.LAUNCH)
        assert ledger.active() == found
    with pytest.raises(LedgerError, match="it can only be read"):
        Ledger.open(url, HUB, CLOCK)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nowhere' / 'ledger.sqlite'}"
    with pytest.raises(LedgerError, match="no such file or directory"):
        Ledger.open(url, HUB, CLOCK)
    with pytest.raises(LedgerError, match="There is no ledger at"):
        Ledger.open(url, HUB, CLOCK, make=False)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger.open(f"sqlite:///{tmp_path}", HUB, CLOCK)


def test_who_holds_it_for_long_is_not_waited_for_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyterhub_anywhere.ledger import database as module

    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.01)
    with (
        closing(Ledger.open(f"sqlite:///{file}", HUB, CLOCK)) as ledger,
        closing(sqlite3.connect(file, isolation_level=None)) as holder,
    ):
        added = ledger.add(lease())
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="another program holds it"):
            ledger.move(added, Cause.LAUNCH)
        assert ledger.active() == [added], "readers do not wait"
        holder.execute("ROLLBACK")
        ledger.move(added, Cause.LAUNCH)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("no url", "is no URL"),
        ("mysql://ann:s3cret@host/db", "names mysql, which cannot hold a ledger"),
        ("postgresql+psycopg2://ann:s3cret@host/db", "psycopg2, which cannot hold"),
        ("postgresql://ann:s3cret@host:port/db", "is no URL"),
        ("postgresql://ann:s3cret@127.0.0.1:1/db", "the database server does not answer"),
    ],
)
def test_urls_that_lead_nowhere(url: str, text: str) -> None:
    with pytest.raises(LedgerError, match=text) as found:
        Ledger.open(url, HUB, CLOCK)
    assert "s3cret" not in str(found.value)
    assert found.value.hint


def test_what_is_missing_for_postgresql_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match="the package psycopg is missing") as found:
        Ledger.open("postgresql://ann@host/db", HUB, CLOCK)
    assert "jupyterhub-anywhere[postgresql]" in found.value.hint
