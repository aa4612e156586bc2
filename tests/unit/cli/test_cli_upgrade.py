"""``anywhere upgrade``, as a person would type it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.old_hubs import recipe

from jupyterhub_anywhere.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


HOLDS = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1])
held.execute("SELECT 1 FROM users")
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    text = (recipe.HERE / "jupyterhub-4.1.6.sql").read_text(encoding="utf-8")
    return recipe.load(text, tmp_path / "jupyterhub.sqlite")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_it(*words: object) -> tuple[int, str, str]:
        code = main(["upgrade", *map(str, words)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run_it


def test_a_plan_says_all_and_does_nothing(run: Run, file: Path) -> None:
    whole = file.read_bytes()
    code, out, _ = run(file, "--plan")
    assert code == 0
    for said in (
        "written by: JupyterHub 4.x",
        "admins:     bob, erin",
        "states: 1 of LibcloudSpawner 1.x, 3 of LibcloudSpawner 2.x",
        "1. Run JupyterHub",
        "allow_all = True",
        "carol/Big_One",
    ):
        assert said in out
    assert file.read_bytes() == whole
    assert list(file.parent.iterdir()) == [file]


def test_it_is_done_when_told_so(run: Run, file: Path) -> None:
    code, out, _ = run(file, "--yes")
    assert code == 0
    assert f"{file} is upgraded.\nWhat it was is in {file}.before-upgrade-" in out
    code, out, _ = run(file, "--yes")
    assert (code, "there is nothing to do" in out) == (0, True)
    assert len(list(file.parent.iterdir())) == 2


def test_nobody_there_to_be_asked_means_no(run: Run, file: Path) -> None:
    whole = file.read_bytes()
    code, _, err = run(file)
    assert code == 2
    assert "add --yes" in err
    assert file.read_bytes() == whole


def test_into_a_state_folder(run: Run, file: Path, tmp_path: Path) -> None:
    code, out, err = run(file, "--into", tmp_path / "state", "-y")
    assert code == 0, err
    assert "o'hara cannot log in" in out
    assert f"anywhere up --state {tmp_path / 'state'}" in err
    assert (tmp_path / "state" / "hub" / "jupyterhub.sqlite").exists()


def test_a_secret_alone_makes_no_sense(run: Run, file: Path) -> None:
    code, _, err = run(file, "--cookie-secret", "x")
    assert code == 2
    assert "belongs to --into" in err


def test_what_is_refused_ends_with_its_code_and_the_way_round(run: Run, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '3ec6993fe20c'")
    code, out, err = run(file, "--plan")
    assert (code, out) == (3, "")
    assert "written by JupyterHub 0.8" in err
    assert "upgrade-db" in err


def test_a_hub_that_runs_is_told_in_the_plan_and_refused_after_it(run: Run, file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        code, out, _ = run(file, "--plan")
        assert code == 0
        assert f"In use by {process.pid} (" in out
        code, _, err = run(file, "--yes")
        assert code == 3
        assert f"is in use by {process.pid} (" in err
    finally:
        process.communicate(timeout=30)


def test_a_name_cannot_move_the_cursor(run: Run, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE users SET name = 'evil\x1b[2J', admin = 1 WHERE name = 'alice'")
    _, out, _ = run(file, "--plan", "--into", file.parent / "state")
    assert "\x1b" not in out
    assert "evil\\x1b" in out
