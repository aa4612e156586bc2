"""A file: its backup, who uses it, and that it is whole wherever an upgrade is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.old_hubs.recipe import HERE, dump, load

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade import sqlite
from jupyterhub_anywhere.hub.upgrade.inuse import users_of
from jupyterhub_anywhere.hub.upgrade.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import URL

    Old = Callable[..., Path]

LOSSES: frozenset[str] = frozenset({"oauth_codes"})
_HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1])
held.execute(sys.argv[2]).fetchall()
held.execute("SELECT 1 FROM users").fetchall()
print("here", flush=True)
sys.stdin.read()
"""


def revision(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def entries(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def holder(old: Old) -> Iterator[Callable[[str], Path]]:
    """Another process that has the database open."""
    running: list[subprocess.Popen[str]] = []

    def hold(statement: str) -> Path:
        file = old()
        words = [sys.executable, "-c", _HOLDER, str(file), statement]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        return file

    yield hold
    for process in running:
        process.communicate(timeout=30)


def test_the_backup_is_what_was_there_and_private(old: Old) -> None:
    file = old()
    file.chmod(0o640)
    before = dump(file)
    backup = sqlite.upgrade_file(file, LOSSES)
    assert dump(backup) == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert backup.name.startswith("jupyterhub.sqlite.before-upgrade-")
    assert entries(file.parent) == [file.name, backup.name]
    assert revision(file) != revision(backup) == "0eee8c825d24"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(old: Old) -> None:
    file = old()
    os.chown(file, 4711, 4712)
    sqlite.upgrade_file(file, LOSSES)
    assert (file.stat().st_uid, file.stat().st_gid) == (4711, 4712)


def test_two_backups_of_one_second_have_two_names(
    old: Old, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = old()
    monkeypatch.setattr(sqlite, "migrate", lossy(finished, "SELECT 1"))
    monkeypatch.setattr("time.strftime", lambda *_: "20260101-000000")
    first, second = sqlite.upgrade_file(file, LOSSES), sqlite.upgrade_file(file, LOSSES)
    assert second.name == f"{first.name}-2"


@pytest.mark.parametrize("statement", ["SELECT 1 FROM users", "BEGIN IMMEDIATE"])
def test_a_hub_that_has_it_open_is_named(holder: Callable[[str], Path], statement: str) -> None:
    file = holder(statement)
    (user,) = users_of(file)
    with pytest.raises(StateError, match=r"is in use by [0-9]+ ") as refused:
        sqlite.upgrade_file(file, LOSSES)
    assert user in str(refused.value)
    assert "Stop the hub" in refused.value.hint
    assert entries(file.parent)[0] == file.name


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "PRAGMA journal_mode = WAL"])
def test_locks_count_where_processes_cannot_be_seen(
    holder: Callable[[str], Path], statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of another machine, or of another account."""
    file = holder(statement)
    monkeypatch.setattr(sqlite, "users_of", lambda _: [])
    with pytest.raises(StateError, match="is in use"):
        sqlite.upgrade_file(file, LOSSES)


def test_what_a_killed_hub_left_in_its_log_comes_along(old: Old) -> None:
    file = old()
    killed = (
        "import os, signal, sqlite3, sys\n"
        "held = sqlite3.connect(sys.argv[1])\n"
        "held.execute('PRAGMA journal_mode = WAL')\n"
        "held.execute(\"UPDATE users SET name = 'late' WHERE name = 'erin'\")\n"
        "held.commit()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(file)], check=False)
    assert file.with_name("jupyterhub.sqlite-wal").stat().st_size
    backup = sqlite.upgrade_file(file, LOSSES)
    assert entries(file.parent) == [file.name, backup.name]
    for each in (file, backup):
        with closing(sqlite3.connect(each)) as database:
            assert database.execute("SELECT 1 FROM users WHERE name = 'late'").fetchall()


def test_a_damaged_one_is_refused(old: Old) -> None:
    file = old()
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    file.write_bytes(data)
    with pytest.raises(StateError, match="is damaged"):
        sqlite.upgrade_file(file, LOSSES)
    assert file.read_bytes() == bytes(data)
    assert entries(file.parent) == [file.name]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterHub's migrations make of the database."""
    text = (HERE / "jupyterhub-4.1.6.sql").read_text(encoding="utf-8")
    made = load(text, tmp_path_factory.mktemp("finished") / "finished.sqlite")
    migrate(sqlite.url_of(made), "it")
    return made


def lossy(finished: Path, statement: str) -> Callable[[URL, str], dict[str, int]]:
    """Migrations that lose something."""

    def run(url: URL, _place: str) -> dict[str, int]:
        shutil.copy(finished, str(url.database))
        with closing(sqlite3.connect(str(url.database))) as database, database:
            database.execute(statement)
        return {}

    return run


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM user_group_map WHERE user_id = 3", "user_group_map has 2 rows and had 3"),
        ("UPDATE spawners SET state = NULL WHERE name = 'gpu'", "a row of table spawners has"),
        ("UPDATE users SET admin = 0 WHERE name = 'bob'", "a row of table users has changed"),
        ("DROP TABLE roles", "table roles, or a column of it, is gone"),
    ],
)
def test_what_loses_anything_takes_no_place(
    old: Old, finished: Path, monkeypatch: pytest.MonkeyPatch, statement: str, said: str
) -> None:
    file = old()
    before = file.read_bytes()
    monkeypatch.setattr(sqlite, "migrate", lossy(finished, statement))
    with pytest.raises(StateError, match="was not upgraded") as refused:
        sqlite.upgrade_file(file, LOSSES)
    assert said in str(refused.value)
    assert file.read_bytes() == before
    assert entries(file.parent) == [file.name]


def _places(work: Callable[[], object], kill: int | None = None) -> list[tuple[str, int]]:
    """The places in the module that work comes by; at one of them this process may be killed."""
    seen: list[tuple[str, int]] = []

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != sqlite.__file__:
            return None
        place = (frame.f_code.co_name, frame.f_lineno)
        # A line that is passed often is as good as one that is passed twice.
        if event == "line" and seen.count(place) < 2:
            if len(seen) == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            seen.append(place)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return seen


def _killed_at(place: int, work: Callable[[], object]) -> None:
    """Run work in a child that is killed at the n-th place."""
    child = os.fork()
    if child == 0:
        try:
            _places(work, place)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), place
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_killed_at_any_line_the_database_is_the_old_or_the_new_one(
    old: Old, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = old()
    original = file.read_bytes()
    before, after = dump(file), dump(finished)
    # The migrations run on the copy alone, in a process of their own: see the other tests.
    monkeypatch.setattr(sqlite, "migrate", lossy(finished, "SELECT 1"))
    monkeypatch.setattr(sqlite, "users_of", lambda _: [])

    def work() -> Path:
        return sqlite.upgrade_file(file, LOSSES)

    places = _places(work)
    seen = {"old": 0, "new": 0}
    for place in range(len(places)):
        for each in file.parent.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        file.write_bytes(original)
        _killed_at(place, work)
        now = dump(file)
        assert now in {before, after}, places[place]
        seen["new" if now == after else "old"] += 1
        if place % 8 == 0 or now == after:
            # Whatever was left, the next upgrade is as good as the first.
            assert dump(work()) == now
            assert dump(file) == after
            left = [name for name in entries(file.parent) if "before-upgrade" not in name]
            assert left == [file.name]
    assert seen["old"] > 80, seen
    assert seen["new"] >= 5, seen
