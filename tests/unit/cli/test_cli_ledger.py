"""``anywhere ledger``, as a person would type it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.ledger.ledger_samples import HandClock, lease

from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.statefolder import StateLock, open_state
from jupyterhub_anywhere.hub.uprecord import UpRecord, write_up
from jupyterhub_anywhere.ledger.copies import copies, make_copy
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.ledger.lease import Lease

    Run = Callable[..., tuple[int, str, str]]

HUB = "hub-abc"


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYWHERE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("ANYWHERE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    made = open_state(tmp_path / "state")
    made.hub_id.write_text(f"{HUB}\n")
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_it(*words: str) -> tuple[int, str, str]:
        code = main(["ledger", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run_it


@pytest.fixture
def gone(paths: StatePaths) -> list[Lease]:
    """Two servers that are gone, and one that runs."""
    clock, ended = HandClock(), []
    with closing(Ledger.open(f"sqlite:///{paths.ledger}", HUB, clock)) as ledger:
        for user in ("ann", "bob"):
            added = ledger.add(lease(user, hub=HUB, choice={"profile": "small"}))
            started = ledger.move(added, Cause.LAUNCH)
            clock.tick()
            ended.append(ledger.move(started, Cause.PROVE_GONE, error="no image"))
        ledger.move(ledger.add(lease("cid", hub=HUB)), Cause.LAUNCH)
    return ended


def active(paths: StatePaths) -> list[str]:
    with closing(Ledger.open(f"sqlite:///{paths.ledger}", HUB, HandClock(), make=False)) as ledger:
        return [each.user for each in ledger.active()]


def test_info(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    code, out, _ = run("info")
    assert code == 0
    assert str(paths.ledger) in out
    assert "1 starting, 2 gone" in out
    told = json.loads(run("info", "--json")[1])
    assert told["states"] == {"starting": 1, "gone": 2}
    assert (told["hub"], told["schema"], told["fresh"]) == (HUB, 1, False)


def test_before_the_first_start(run: Run, tmp_path: Path) -> None:
    code, _, err = run("info")
    assert code == 3
    assert "no state of a hub" in err
    paths = open_state(tmp_path / "state")
    paths.hub_id.write_text(f"{HUB}\n")
    for words in (["info"], ["history"], ["prune"]):
        code, out, err = run(*words)
        assert (code, out) == (3, "")
        assert "There is no ledger at" in err
        assert "anywhere up" in err
    assert not paths.ledger.exists(), "whoever only looks makes nothing"


def test_a_damaged_ledger_is_no_empty_one(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    paths.ledger.write_bytes(b"nonsense " * 1000)
    for words in (["info"], ["history"], ["history", "--json"], ["prune"]):
        code, out, err = run(*words)
        assert (code, out) == (3, "")
        assert "damaged" in err
        assert "anywhere ledger restore" in err


def test_history(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    code, out, _ = run("history")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [(row[0], row[1], row[2], row[5]) for row in rows] == [
        ("bob", "here", "small", "no image"),
        ("ann", "here", "small", "no image"),
    ]
    assert len(run("history", "--limit", "1")[1].splitlines()) == 1
    (only,) = json.loads(run("history", "--user", "ann", "--json")[1])
    assert (only["id"], only["profile"], only["error"]) == (gone[0].id, "small", "no image")
    assert set(only["steps"]) == {"wanted", "starting", "gone"}
    assert "No server" in run("history", "--user", "dan")[2]


def test_prune(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    # The clock of these is in the future.
    assert run("prune")[1] == "Forgotten: 0 servers, gone for more than 90d.\n"
    with closing(sqlite3.connect(paths.ledger)) as database, database:
        old = (datetime.now(UTC) - timedelta(days=2)).replace(tzinfo=None).isoformat(" ")
        database.execute("UPDATE anywhere_leases SET ended = ? WHERE user_name = 'ann'", (old,))
    assert run("prune", "--older-than", "3d")[1].startswith("Forgotten: 0 servers")
    assert run("prune", "--older-than", "1d")[1].startswith("Forgotten: 1 server, gone for more")
    assert [each["user"] for each in json.loads(run("history", "--json")[1])] == ["bob"]
    assert active(paths) == ["cid"]
    code, _, err = run("prune", "--older-than", "soon")
    assert code == 2
    assert "is no duration" in err


def test_copies(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    assert "There are no copies" in run("copies")[2]
    assert json.loads(run("copies", "--json")[1]) == []
    copy = make_copy(paths.ledger, 1, datetime.now(UTC))
    (row,) = run("copies")[1].splitlines()
    assert row.split("\t")[0] == copy.name
    assert "schema 1" in row
    (told,) = json.loads(run("copies", "--json")[1])
    assert (told["file"], told["schema"]) == (str(copy), 1)


def test_restore(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    copy = make_copy(paths.ledger, 1, datetime.now(UTC))
    paths.ledger.write_bytes(b"nonsense " * 1000)
    code, out, err = run("restore", copy.name)
    assert (code, out) == (2, "")
    assert "add --yes" in err
    assert paths.ledger.read_bytes().startswith(b"nonsense")
    code, out, err = run("restore", copy.name, "--yes")
    assert code == 0
    assert "is restored" in out
    assert active(paths) == ["cid"]
    aside = [each for each in copies(paths.ledger) if each.version == 0]
    assert len(aside) == 1
    assert str(aside[0].file) in err
    assert "set aside by a restore" in run("copies")[1]
    # A whole path does as well.
    assert run("restore", str(copy), "-y")[0] == 0


def test_what_cannot_be_restored(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    for name, text in (
        ("nowhere", "There is no copy nowhere"),
        (str(paths.ledger), "is the ledger itself"),
    ):
        code, _, err = run("restore", name, "--yes")
        assert code == 2
        assert text in err
    code, _, err = run("restore", str(paths.hub_id), "--yes")
    assert code == 3
    assert "damaged" in err
    assert active(paths) == ["cid"]


def test_no_restore_while_a_hub_runs(run: Run, paths: StatePaths, gone: list[Lease]) -> None:
    copy = make_copy(paths.ledger, 1, datetime.now(UTC))
    before = paths.ledger.read_bytes()
    with StateLock(paths):
        code, _, err = run("restore", copy.name, "--yes")
        assert code == 3
        assert "Another hub uses the state folder" in err
        # The others may look.
        assert run("info")[0] == run("history")[0] == run("copies")[0] == 0
    assert paths.ledger.read_bytes() == before


def test_the_configuration_says_where_it_is(
    run: Run, paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(folder: str) -> Path:
        file = tmp_path / folder / "anywhere.yaml"
        file.parent.mkdir()
        file.write_text("hub: {ledger: {url: 'sqlite:///own.sqlite', history: 30d}}\n")
        url = f"sqlite:///{file.with_name('own.sqlite')}"
        Ledger.open(url, HUB, HandClock()).close()
        return file

    named, of_the_hub = write("named"), write("hub")
    place = json.loads(run("info", "-f", str(named), "--json")[1])["place"]
    assert place == str(named.with_name("own.sqlite"))
    assert "gone for more than 30d" in run("prune", "-f", str(named))[1]
    # Nobody needs to name the file of the hub that runs.
    write_up(paths, UpRecord(process=ProcessId.of(os.getpid()), file=of_the_hub, hub_id=HUB))
    assert json.loads(run("info", "--json")[1])["place"] == str(of_the_hub.with_name("own.sqlite"))


def test_a_ledger_elsewhere_has_no_copies(run: Run, paths: StatePaths, tmp_path: Path) -> None:
    file = tmp_path / "anywhere.yaml"
    file.write_text("hub: {ledger: {url: 'postgresql://ann:s3cret@127.0.0.1:1/db'}}\n")
    for words in (["copies"], ["restore", "x", "--yes"]):
        code, _, err = run(*words)
        assert code == 3
        assert "PostgreSQL's own tools" in err
    code, out, err = run("info")
    assert (code, out) == (3, "")
    assert "s3cret" not in err
