"""``anywhere leaks`` and ``adopt``, as a person would type them."""

from __future__ import annotations

import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.served_hub import Served, served

from jupyterhub_anywhere.cli.columns import WIDEST
from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

STRAY = {"name": "r-eve", "user": "eve", "server": ""}
STUCK = {"name": "r-stuck", "user": "eve", "server": "s"}
FILES = {"name": "r-files", "user": "eve", "server": "x", "keep": True, "alive": False}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Run:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYWHERE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("ANYWHERE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A state folder as a first start makes it."""
    made = open_state(tmp_path / "state")
    made.hub_id.write_text("hub-abc\n")
    return made


@pytest.fixture
def hub(paths: StatePaths) -> Iterator[Served]:
    with served(paths) as running:
        yield running


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process."""

    def call(*arguments: str) -> Run:
        code = main(arguments)
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return call


# --- looking -------------------------------------------------------------------------------------


def test_nothing_disagrees(run: Any, hub: Served) -> None:
    hub.tell()
    done = run("leaks")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Ledger, hub and targets agree: 0 servers, nothing else.\n"
    assert json.loads(run("leaks", "--json").out)["clean"] is True


def test_what_disagrees_is_told_with_its_cause(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, FILES])
    done = run("leaks")
    assert done.code == 1
    first, second = (line.split("\t") for line in done.out.splitlines())
    assert first[:2] == ["here/r-eve", "resource-without-lease"]
    assert "removed after a time of grace" in first[4]
    assert "until a person decides" in second[4]
    told = run("leaks", "--json")
    assert told.code == 1
    assert len(json.loads(told.out)["disagreements"]) == 2


def test_a_hold_is_told_first(run: Any, hub: Served) -> None:
    hub.tell(hold="the hub's database is new", resources=[STRAY])
    done = run("leaks")
    assert done.code == 1
    assert done.err.startswith("Nothing is removed by itself: the hub's database is new.\n")
    hub.tell(hold="the hub's database is new")
    assert run("leaks").code == 1, "a hold is for a person to see"


def test_a_terminal_gets_a_table_that_fits(
    run: Any, hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.tell(resources=[STRAY, FILES, {**STUCK, "name": "a-very-long-name-" * 6}])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["leaks"]) == 1
    coloured = stream.getvalue()
    assert "\x1b[" in coloured
    text = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert max(map(len, text.splitlines())) <= WIDEST
    assert text.splitlines()[0].split()[0] == "what"
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    main(["leaks"])
    assert stream.getvalue() == text


def test_a_ledger_that_cannot_be_read_is_no_empty_one(run: Any, hub: Served) -> None:
    hub.tell(broken=True)
    done = run("leaks")
    assert (done.code, done.out) == (3, "")
    assert "The ledger is damaged." in done.err
    assert "Put a copy back." in done.err


def test_a_hub_without_a_ledger(run: Any, hub: Served) -> None:
    hub.keeps = False
    done = run("leaks")
    assert (done.code, done.out) == (1, "")
    assert "keeps no ledger" in done.err


# --- without a hub -------------------------------------------------------------------------------


def lease(paths: StatePaths, state: Cause = Cause.STARTED) -> None:
    ledger = Ledger.open(f"sqlite:///{paths.ledger}", "hub-abc", SystemClock())
    made = ledger.add(
        Lease(id="a1", hub="hub-abc", user="ann", server="", target="here", name="r-ann")
    )
    ledger.move(ledger.move(made, Cause.LAUNCH), state)
    ledger.close()


def test_no_hub_ever_ran(run: Any, tmp_path: Path) -> None:
    done = run("leaks")
    assert done.code == 0, done.err
    assert "No hub runs here" in done.err
    assert not (tmp_path / "state").exists(), "looking makes nothing"


def test_without_a_hub_ledger_and_targets_are_compared(run: Any, paths: StatePaths) -> None:
    lease(paths)
    done = run("leaks")
    assert done.code == 1
    assert done.out.split("\t")[:2] == ["here/r-ann", "lease-without-resource"]
    assert "what the hub itself knows was not looked at" in done.err


def test_a_damaged_ledger_is_told_and_nothing_else(run: Any, paths: StatePaths) -> None:
    lease(paths)
    paths.ledger.write_bytes(b"garbage" * 1000)
    done = run("leaks")
    assert (done.code, done.out) == (3, "")
    assert "damaged" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [["leaks", "--clean"], ["leaks", "--clean", "--dry-run"], ["leaks", "--lift"], ["adopt"]],
)
def test_nothing_is_done_without_a_hub(run: Any, paths: StatePaths, words: list[str]) -> None:
    done = run(*words)
    assert (done.code, done.out) == (4, "")
    assert "No hub runs on" in done.err
    assert "anywhere up" in done.err


# --- removing ------------------------------------------------------------------------------------


def test_options_that_need_clean(run: Any) -> None:
    for words in (["--yes"], ["--dry-run"], ["--with-files"], ["--clean", "--lift"]):
        assert run("leaks", *words).code == 2


def test_what_would_be_removed(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, FILES])
    done = run("leaks", "--clean", "--dry-run")
    assert done.code == 1
    assert done.out == "Would be removed: r-eve at here, made for eve\n"
    assert "Stays: r-files at here, made for eve:x: its user's files" in done.err
    whole = run("leaks", "--clean", "--dry-run", "--with-files", "--json")
    assert len(json.loads(whole.out)["done"]) == 2
    assert hub.wishes == []


def test_nobody_is_asked_where_nobody_is(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY])
    done = run("leaks", "--clean")
    assert done.code == 2
    assert "add --yes" in done.err
    assert hub.wishes == []


@pytest.mark.parametrize(("word", "code"), [("n\n", 130), ("y\n", 1)])
def test_a_person_is_asked(
    run: Any, hub: Served, monkeypatch: pytest.MonkeyPatch, word: str, code: int
) -> None:
    hub.tell(resources=[STRAY])
    monkeypatch.setattr(sys, "stdin", Terminal(word))
    done = run("leaks", "--clean")
    assert done.code == code
    assert "To be removed: r-eve at here" in done.out
    assert bool(hub.wishes) == (word == "y\n")


def test_what_is_stuck_is_told_with_what_remains(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, STUCK])
    done = run("leaks", "--clean", "--yes")
    assert done.code == 1
    assert "Removed: r-eve at here, made for eve\n" in done.out
    assert "Not yet: r-stuck at here, made for eve:s: it is busy" in done.err
    # This world never changes, so everything is there still.
    assert "What remains:\nhere/r-eve\t" in done.out
    assert hub.wishes == [["clean", ["here", "r-eve"], ["here", "r-stuck"]]]


def test_there_is_nothing_to_remove(run: Any, hub: Served) -> None:
    hub.tell()
    done = run("leaks", "--clean")
    assert (done.code, done.out) == (0, "There is nothing to remove.\n")


def test_a_hold_is_lifted(run: Any, hub: Served) -> None:
    hub.tell(hold="the ledger is new")
    done = run("leaks", "--lift", "--yes")
    assert hub.wishes == [["lift"]]
    assert "What nobody wants is removed again" in done.out
    hub.tell()
    assert run("leaks", "--lift").out == "Nothing was held back.\n"


# --- adopting ------------------------------------------------------------------------------------


def test_what_is_named_is_adopted(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, FILES])
    done = run("adopt", "r-files")
    assert (done.code, done.out) == (0, "Adopted: r-files at here, made for eve:x\n")
    assert hub.wishes == [["adopt", ["here", "r-files"]]]


def test_what_cannot_be_adopted(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, FILES, {**FILES, "name": "r-stuck"}])
    done = run("adopt", "here/nothing")
    assert (done.code, done.out) == (1, "")
    assert "Allowed: here/r-files" in done.err
    done = run("adopt", "here/r-stuck")
    assert done.code == 1
    assert "Not yet: r-stuck" in done.err


def test_everything_is_adopted_after_a_question(run: Any, hub: Served) -> None:
    hub.tell(resources=[STRAY, FILES])
    assert run("adopt").code == 2
    assert hub.wishes == []
    assert run("adopt", "--yes").code == 0
    assert hub.wishes == [["adopt", ["here", "r-files"]]]
    hub.tell()
    assert run("adopt").out == "There is nothing to adopt.\n"
    assert json.loads(run("adopt", "--json").out) == {"done": []}
