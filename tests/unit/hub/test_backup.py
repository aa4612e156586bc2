"""Backups: what is in them, while the hub writes and users do what they like."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.backup import MANIFEST, create

SOURCES = Path(__file__).parents[3] / "src"


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    """A state folder with something of everything."""
    paths = StatePaths(tmp_path / "state")
    paths.logs.mkdir(parents=True)
    paths.version.write_text("1\n")
    paths.hub_id.write_text("hub-abc\n")
    paths.cookie_secret.write_text("c0ffee")
    paths.cookie_secret.chmod(0o600)
    paths.lock.touch()
    paths.up.write_text("{}")
    (paths.logs / "hub.log").write_text("a line\n")
    with closing(sqlite3.connect(paths.database)) as database, database:
        database.execute("CREATE TABLE users (name TEXT)")
        database.execute("INSERT INTO users VALUES ('ann')")
    home = paths.homes / "ann"
    home.mkdir(parents=True)
    (home / "work.ipynb").write_text("{}")
    (home / "data").symlink_to("/srv/data")
    return paths


def read(file: Path) -> tuple[dict[str, tarfile.TarInfo], dict[str, bytes], Any]:
    """Members, contents and manifest of an archive."""
    with tarfile.open(file) as archive:
        members = {member.name: member for member in archive}
        contents = {}
        for name, member in members.items():
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                contents[name] = stream.read()
    return members, contents, json.loads(contents[MANIFEST])


def test_what_is_in_it(state: StatePaths, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    report = create(state, file)
    members, contents, manifest = read(file)
    assert set(members) == {
        "VERSION",
        "hub",
        "hub/cookie_secret",
        "hub/hub.id",
        "hub/jupyterhub.sqlite",
        MANIFEST,
    }
    assert list(members)[-1] == MANIFEST, "what was cut off must be noticed"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (report.files, report.homes_left_out, report.database) == (4, 1, True)
    assert report.size == file.stat().st_size
    assert manifest["hub_id"] == "hub-abc"
    for name, entry in manifest["files"].items():
        assert entry["sha256"] == hashlib.sha256(contents[name]).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar.gz", "state"]


def test_homes_on_demand(state: StatePaths, tmp_path: Path) -> None:
    home = state.homes / "ann"
    os.mkfifo(home / "pipe")
    (home / "linked-folder").symlink_to("/etc")
    (home / os.fsdecode(b"n\xff")).write_text("x")
    report = create(state, tmp_path / "b.tar.gz", homes=True)
    members, contents, _ = read(tmp_path / "b.tar.gz")
    assert contents["homes/ann/work.ipynb"] == b"{}"
    assert members["homes/ann/data"].linkname == "/srv/data"
    assert members["homes/ann/linked-folder"].issym()
    assert not any(name.startswith("homes/ann/linked-folder/") for name in members)
    assert contents[os.fsdecode(b"homes/ann/n\xff")] == b"x"
    assert report.skipped == ["homes/ann/pipe"]
    assert report.homes_left_out == 0


def test_a_database_in_use_is_copied_whole(state: StatePaths, tmp_path: Path) -> None:
    """Two rows always change together; a copy of the bare file would tear them apart."""
    with closing(sqlite3.connect(state.database)) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pair (side TEXT PRIMARY KEY, value INTEGER)")
        database.executemany("INSERT INTO pair VALUES (?, 0)", [("left",), ("right",)])
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(state.database, timeout=30)) as database:
            while not stop.is_set():
                with database:
                    database.execute("UPDATE pair SET value = value + 1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        create(state, tmp_path / "b.tar.gz")
    finally:
        stop.set()
        writer.join()
    _, contents, _ = read(tmp_path / "b.tar.gz")
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(contents["hub/jupyterhub.sqlite"])
    with closing(sqlite3.connect(copy)) as database:
        (left,), (right,) = database.execute("SELECT value FROM pair ORDER BY side").fetchall()
        assert left == right
        assert database.execute("SELECT name FROM users").fetchall() == [("ann",)]
    assert not [name for name in contents if name.endswith(("-wal", "-shm"))]


def test_a_damaged_database_is_told(state: StatePaths, tmp_path: Path) -> None:
    state.accounts.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(StateError, match=r"accounts\.sqlite is damaged"):
        create(state, tmp_path / "b.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["state"], "nothing half-made stays"


def test_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="There is no state of a hub"):
        create(StatePaths(tmp_path), tmp_path / "b.tar.gz")


def test_an_archive_is_replaced_on_demand_only(state: StatePaths, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_text("an older one")
    with pytest.raises(StateError, match="is there already"):
        create(state, file)
    assert file.read_text() == "an older one"
    create(state, file, force=True)
    assert read(file)[2]["hub_id"] == "hub-abc"


def test_not_into_what_it_saves(state: StatePaths) -> None:
    with pytest.raises(StateError, match="lies inside the state folder"):
        create(state, state.homes / "b.tar.gz")


def test_a_failure_leaves_the_older_one(state: StatePaths, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_text("an older one")
    state.accounts.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(StateError):
        create(state, file, force=True)
    assert file.read_text() == "an older one"


def as_anybody(state: StatePaths, file: Path) -> subprocess.CompletedProcess[str]:
    """Make a backup in a process that may read only what its owner may."""
    code = (
        "import sys; from pathlib import Path\n"
        "from jupyterhub_anywhere.core.state import StatePaths\n"
        "from jupyterhub_anywhere.hub.backup import create\n"
        "state, file = map(Path, sys.argv[1:])\n"
        "print(create(StatePaths(state), file, homes=True).skipped)"
    )
    # Root reads everything, unless its capabilities are taken away.
    bare = ["setpriv", "--bounding-set", "-all"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*bare, sys.executable, "-c", code, state.root, file],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_cannot_be_read_is_named(state: StatePaths, tmp_path: Path) -> None:
    (state.homes / "ann" / "private").write_text("x")
    (state.homes / "ann" / "private").chmod(0)
    done = as_anybody(state, tmp_path / "b.tar.gz")
    assert done.stdout == "['homes/ann/private']\n", done.stderr


@pytest.mark.parametrize("part", ["hub", "hub/more", "hub/cookie_secret"])
def test_half_a_hub_is_no_backup(state: StatePaths, tmp_path: Path, part: str) -> None:
    (state.hub / "more").mkdir()
    (state.root / part).chmod(0)
    done = as_anybody(state, tmp_path / "b.tar.gz")
    (state.root / part).chmod(0o700)
    assert done.returncode != 0
    assert "another account's" in done.stderr or "PermissionError" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
