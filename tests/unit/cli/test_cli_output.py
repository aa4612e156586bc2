"""How the command speaks."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = [["ann", "[red]x", "\u4e2d"], ["b\x1b[2J", "", "2"]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, rows: Sequence[Sequence[str]]) -> str:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    output.table(["user", "server", "n"], rows)
    return stream.getvalue()


def test_a_table_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["user", "server", "n"], ROWS)
    assert capsys.readouterr().out == "ann\t[red]x\t\u4e2d\nb\\x1b[2J\t\t2\n"


def test_a_table_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = drawn(monkeypatch, ROWS)
    lines = text.splitlines()
    assert lines[0].split() == ["user", "server", "n"]
    assert "[red]x" in lines[1], "names are no markup"
    assert "\\x1b[2J" in lines[2]
    assert "\x1b[2J" not in text, "no name moves the cursor"


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, coloured: bool
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output.shows_colour(Terminal()) is coloured
    assert output.shows_colour(io.StringIO()) is False


def test_facts(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts({"a": "1", "long": "x\ny"})
    assert capsys.readouterr().out == "a:    1\nlong: x\\ny\n"


def test_visible_text_stays() -> None:
    assert output.visible("J\u00fcrgen \u4e2d 1") == "J\u00fcrgen \u4e2d 1"
    assert output.visible("a\u202eb\udcff") == "a\\u202eb\\udcff"
