"""How the command speaks: answers on standard output, everything else on standard error.

Nothing needs colour to be understood. Colour is used on a terminal only, and never with
``NO_COLOR``. Away from a terminal a table is plain lines with tabs, which other programs read.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STANDARD_STREAMS: Final = (0, 1, 2)


class OutputClosedError(Exception):
    """Whoever read standard output has gone; there is nobody to tell."""


def prepare_streams() -> None:
    """Make the standard streams safe to use, whatever they were started with.

    A closed one is opened on the null device, lest the next file that is opened takes its
    place. What the locale cannot show is written as an escape instead of failing.
    """
    for number in _STANDARD_STREAMS:
        try:
            os.fstat(number)
        except OSError:
            _open_null(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as the process
        elif mode == "w" and hasattr(stream, "reconfigure"):
            with suppress(ValueError):
                stream.reconfigure(errors="backslashreplace")


def abandon(stream: TextIO) -> None:
    """Send what a stream could not write to nowhere, so that no later flush fails on it."""
    with suppress(OSError, ValueError):
        # Its own descriptor: a hub has moved its streams away from 1 and 2.
        _open_null(stream.fileno())
        stream.flush()


def _open_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def answer(text: str) -> None:
    """Write a line of the answer to standard output."""
    try:
        click.echo(text)
    except BrokenPipeError as error:
        raise OutputClosedError from error


def answer_json(data: Any) -> None:
    """Write the answer as JSON, readable by people too."""
    answer(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def tell(text: str) -> None:
    """Write a line for the person at the terminal to standard error, if anybody reads there."""
    try:
        click.echo(text, err=True)
    except OSError:
        abandon(sys.stderr)


def styled(text: str, *, stream: TextIO | None = None, **style: Any) -> str:
    """Give a text colour or weight, where the stream shows it."""
    return click.style(text, **style) if shows_colour(stream or sys.stderr) else text


def shows_colour(stream: TextIO) -> bool:
    """Whether colour may be written to a stream."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and not _dumb()


def is_terminal(stream: TextIO) -> bool:
    """Whether a person reads the stream."""
    try:
        return stream.isatty()
    except ValueError:  # It is closed.
        return False


def _dumb() -> bool:
    return os.environ.get("TERM", "") in {"", "dumb"}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows to standard output: a table on a terminal, else lines with tabs.

    Args:
        columns: The headings.
        rows: As many cells each; control characters in them are shown as escapes.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stdout):
        for row in cells:
            answer("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    style = "bold" if shows_colour(sys.stdout) else ""
    drawn = Table(box=None, pad_edge=False, show_edge=False, header_style=style)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in cells:
        # Text, not markup: a name may hold brackets.
        drawn.add_row(*map(Text, row))
    console = Console(no_color=not style, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(drawn)
    answer(captured.get().rstrip("\n"))


def facts(pairs: Mapping[str, str]) -> None:
    """Write named values to standard output, one a line, names aligned."""
    width = max(map(len, pairs), default=0) + 1
    for name, value in pairs.items():
        answer(f"{name + ':':<{width}} {visible(value)}")


def visible(text: str) -> str:
    """Make control characters visible: a name must not move the cursor of an admin's terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
