"""What commands wait for: that they need no more is what makes them quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.served_hub import served
from tests.unit.cli.test_leaks import lease

import jupyterhub_anywhere
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.hub.uprecord import UpRecord, write_up

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths

SOURCES = Path(jupyterhub_anywhere.__file__).parents[1]
# Prints what the command prints, and then which modules of a few it has imported.
PROGRAM = """
import sys
from jupyterhub_anywhere.cli.main import main
code = main(sys.argv[2:])
print("imported:", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
sys.exit(code)
"""
SPAWNERS = ("jupyterhub", "traitlets", "dockerspawner")
DATABASE = ("sqlalchemy", "alembic")
CONFIGURATION = ("pydantic", "ruamel.yaml")


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    made = open_state(tmp_path / "state")
    made.hub_id.write_text("hub-abc\n")
    return made


def imported(paths: StatePaths, *arguments: str, among: tuple[str, ...]) -> tuple[set[str], str]:
    """Which modules a command imports, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(among), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCES),
            "ANYWHERE_STATE": str(paths.root),
        },
        cwd=paths.root,
        capture_output=True,
        text=True,
        check=False,
    )
    out, found, names = done.stdout.rpartition("imported:")
    assert found, done.stderr
    return set(names.split()), out


@pytest.mark.parametrize("command", ["status", "leaks"])
def test_without_a_hub_neither_spawners_nor_databases(paths: StatePaths, command: str) -> None:
    lease(paths)
    needed, out = imported(paths, command, among=(*SPAWNERS, *DATABASE))
    assert "here does not list it" in out
    assert needed == set()


def test_without_a_hub_only_the_kinds_of_the_file(paths: StatePaths, tmp_path: Path) -> None:
    lease(paths)
    file = tmp_path / "anywhere.yaml"
    file.write_text("targets: {here: {kind: process}}")
    write_up(paths, UpRecord(None, "http://x/", file, "hub-abc"))
    among = tuple(f"jupyterhub_anywhere.targets.{kind}" for kind in ("docker", "custom", "process"))
    needed, out = imported(paths, "status", among=(*SPAWNERS, *among))
    assert str(file) in out
    assert needed == {"jupyterhub_anywhere.targets.process"}


def test_a_ledger_that_is_not_in_order_is_looked_at_by_all_means(paths: StatePaths) -> None:
    lease(paths)
    paths.ledger.write_bytes(b"garbage" * 1000)
    needed, out = imported(paths, "status", among=(*SPAWNERS, *DATABASE))
    assert "damaged" in out
    assert needed == {"sqlalchemy"}


@pytest.mark.parametrize("command", ["status", "leaks"])
def test_beside_a_hub_nothing_that_the_hub_knows_itself(paths: StatePaths, command: str) -> None:
    with served(paths) as hub:
        hub.tell({"user": "ann", "state": "running"})
        among = (*SPAWNERS, *DATABASE, *CONFIGURATION, "asyncio")
        needed, out = imported(paths, command, among=among)
    assert "ann" in out
    assert needed == set()


def test_a_verb_waits_for_no_other_verb(paths: StatePaths) -> None:
    names = ("up", "doctor", "ledger", "status")
    among = tuple(f"jupyterhub_anywhere.cli.{name}" for name in names)
    needed, _ = imported(paths, "status", among=among)
    assert needed == {"jupyterhub_anywhere.cli.status"}
