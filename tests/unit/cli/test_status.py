"""``anywhere status``: servers by the ledger, with and without the hub."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import pytest
from tests.unit.cli.served_hub import Served, served
from tests.unit.cli.test_leaks import Run, Terminal, lease

from jupyterhub_anywhere.cli.columns import drawn
from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.cli.moments import lasting, moment
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.hub.status import status
from jupyterhub_anywhere.hub.uprecord import UpRecord, write_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYWHERE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    made = open_state(tmp_path / "state")
    made.hub_id.write_text("hub-abc\n")
    return made


@pytest.fixture
def hub(paths: StatePaths) -> Iterator[Served]:
    with served(paths) as running:
        yield running


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Run:
        code = main(arguments)
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return call


def rows(out: str) -> list[list[str]]:
    return [line.split("\t") for line in out.splitlines() if "\t" in line]


def test_the_hub_tells_of_its_leases(run: Any, hub: Served) -> None:
    hub.tell({"user": "bob", "state": "unknown"}, {"user": "ann", "state": "kept"})
    done = run("status")
    assert done.code == 0, done.err
    assert "servers: 2 (1 kept, 1 unknown)\n" in done.out
    ann, bob = rows(done.out)
    assert ann[:6] == ["ann", "", "here", "", "kept", "28 min"]
    assert bob[:5] == ["bob", "", "here", "", "unknown"]
    assert re.match(r"cannot be reached since 2026-05-04 \d\d:02: .*; it is kept", bob[6])


def test_what_the_hub_adds_is_told_as_well(run: Any, hub: Served) -> None:
    hub.tell({"user": "ann", "state": "running"})
    own = {"target": "here", "profile": "", "state": "ready", "server": ""}
    hub.servers = [
        {**own, "user": "ann", "detail": "it has JupyterHub 4.1.6"},
        {**own, "user": "zoe", "target": ""},
    ]
    ann, zoe = sorted(rows(run("status").out))
    assert ann[4] == "running"
    assert "4.1.6" in ann[6]
    assert zoe[:5] == ["zoe", "", "", "", "ready"], "a server of another spawner"


def test_for_programs(run: Any, hub: Served) -> None:
    hub.tell({"user": "ann", "state": "unknown"}, hold="the ledger is new")
    told = json.loads(run("status", "--json").out)
    assert told["servers"][0]["state"] == "unknown"
    assert told["servers"][0]["unknown_since"] == "2026-05-04T14:02:00+00:00"
    assert told["targets"][0]["target"] == "here"
    assert told["hold"] == "the ledger is new"
    assert "Nothing is removed by itself: the ledger is new" in run("status").out


def test_a_hub_that_cannot_read_its_ledger(run: Any, hub: Served) -> None:
    hub.tell(broken=True)
    hub.servers = [{"user": "ann", "server": "", "target": "here", "profile": "", "state": "ready"}]
    done = run("status")
    assert done.code == 0
    assert "ledger:  The ledger is damaged. Put a copy back.\n" in done.out
    assert "servers: 1 that can be seen without the ledger\n" in done.out


def test_a_hub_without_a_ledger(run: Any, hub: Served) -> None:
    hub.keeps = False
    hub.servers = [{"user": "ann", "server": "", "target": "here", "profile": "", "state": "ready"}]
    done = run("status")
    assert "ledger:" not in done.out
    assert rows(done.out)[0][:5] == ["ann", "", "here", "", "ready"]


def test_without_a_hub(run: Any, paths: StatePaths) -> None:
    lease(paths)
    done = run("status")
    assert done.code == 1
    (ann,) = rows(done.out)
    assert ann[:5] == ["ann", "", "here", "", "running"]
    assert ann[6] == "here does not list it"
    assert not status(paths).busy, "what no target lists does not stand in the way of a restore"


def test_a_damaged_ledger_is_never_no_servers(run: Any, paths: StatePaths) -> None:
    lease(paths)
    paths.ledger.write_bytes(b"garbage" * 1000)
    done = run("status")
    assert done.code == 1
    assert "damaged" in done.out
    assert "anywhere ledger" in done.out
    assert "servers: 0 that can be seen without the ledger\n" in done.out
    assert json.loads(run("status", "--json").out)["ledger"]


def test_a_file_that_has_become_wrong(run: Any, paths: StatePaths, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("hub: {ledger: {url: 'sqlite:////elsewhere'}, ur: x}")
    write_up(paths, UpRecord(None, "http://x/", file, "hub-abc"))
    done = run("status")
    assert done.code == 1
    assert "Where the ledger is cannot be told" in done.out
    assert "Traceback" not in done.err
    assert run("leaks").code == 3


def test_a_ledger_that_is_not_there_yet(run: Any, paths: StatePaths) -> None:
    done = run("status")
    assert done.code == 1
    assert "servers: 0\n" in done.out
    assert not paths.ledger.exists(), "looking makes nothing"


def test_thousands_are_drawn_within_a_terminal(
    hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.tell(*({"user": f"user{number}", "state": "running"} for number in range(3000)))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["status"]) == 0
    lines = stream.getvalue().splitlines()
    assert len(lines) > 3000
    table = lines[lines.index("") :]
    assert max(map(len, table)) <= 80


# --- tables and times ----------------------------------------------------------------------------


def test_long_cells_are_wrapped_in_their_column() -> None:
    rows = [["a", "one two three four five six", "z" * 25]]
    lines = list(drawn(["n", "words", "long"], rows, 40))
    assert max(map(len, lines)) <= 40
    text = " ".join(lines)
    assert "".join(text.split()).count("z") == 25
    assert all(word in text for word in ("one", "two", "three", "four", "five", "six"))


def test_wide_characters_count_twice() -> None:
    (_, first, second) = drawn(["n", "m"], [["中文字", "x"], ["é", "y"]], 40)
    assert first == "中文字  x"
    assert second == "é       y"


def test_rows_that_fit_look_like_all_others() -> None:
    headings, short, long = ["name", "state"], ["ann", "running"], ["eve", "one two three"]
    for colours in (None, {"running": "green"}):
        for other in (long, ["\N{SNOWMAN}\N{SNOWMAN}", "unknown"]):
            _, *lines = drawn(headings, [short, other], 14, colours)
            _, alone = drawn(headings, [short], 14, colours)
            # Apart from the width of the columns, which the other row may change.
            assert lines[0].split() == alone.split()
    green = click.style("running", fg="green")
    assert list(drawn(headings, [short, ["bob", "left"]], 40, {"running": "green"}))[1:] == [
        f"ann   {green}",
        "bob   left",
    ]
    last = ["", "x"]
    assert list(drawn(headings, [short, last], 40, {"running": "green"}))[2] == "      x"


@pytest.mark.parametrize("room", [1, 10, 20])
def test_a_terminal_that_is_too_narrow_still_shows_everything(room: int) -> None:
    lines = list(drawn(["name", "text"], [["abcdefghijklmnop", "one two"]], room))
    flat = "".join("".join(lines).split())
    assert all(letter in flat for letter in "abcdefghijklmnop")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200000, "2 d")],
)
def test_how_long(seconds: float | None, text: str) -> None:
    assert lasting(seconds) == text


def test_when() -> None:
    now = datetime.now(UTC).astimezone()
    assert moment(None) == moment("") == ""
    assert moment(now.isoformat(), now) == now.strftime("%H:%M:%S")
    assert moment("2020-01-02T12:00:00+00:00").startswith("2020-01-0")
