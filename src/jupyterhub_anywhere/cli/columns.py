"""Tables of thousands of rows, and of long texts: drawn here, since rich takes seconds for them.

A table is never wider than the terminal, nor than 100 columns; what does not fit is wrapped inside
its column.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from operator import le
from typing import TYPE_CHECKING, Final

import click

from jupyterhub_anywhere.cli.output import answer, is_terminal, shows_colour, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDEST: Final = 100
_GAP: Final = "  "
# The narrowest that a wrapped column becomes.
_NARROWEST: Final = 8


def columns(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Mapping[str, str] | None = None,
) -> None:
    """Write rows to standard output: a table on a terminal, else lines with tabs.

    Args:
        headings: One a column.
        rows: As many cells each; control characters in them are shown as escapes.
        colours: Cells to the colour that they have on a terminal; nothing depends on it.
    """
    # Of thousands of rows hardly one has anything to be made visible: each is looked at as a whole.
    cells = [row if "".join(row).isprintable() else list(map(visible, row)) for row in rows]
    if not is_terminal(sys.stdout):
        answer("\n".join("\t".join(row) for row in cells))
        return
    room = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    answer("\n".join(drawn(headings, cells, room, colours if shows_colour(sys.stdout) else None)))


def drawn(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int,
    colours: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The lines of a table.

    Args:
        headings: One a column.
        rows: As many cells each, without control characters.
        room: The widest that a line may be; narrower than the columns' least widths is not kept.
        colours: Cells to their colours; None for no colour and no weight at all.
    """
    widths = _widths([headings, *rows], room)
    for number, row in enumerate([headings, *rows]):
        if number and _fits(row, widths):
            yield _GAP.join(_cells(row, widths, colours)).rstrip()
            continue
        pieces = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in range(max(map(len, pieces))):
            parts = []
            for cell, lines, width in zip(row, pieces, widths, strict=True):
                text = lines[line] if line < len(lines) else ""
                padding = " " * (width - _width(text))
                parts.append(_styled(text, cell, colours, heading=number == 0) + padding)
            yield _GAP.join(parts).rstrip()


def _fits(row: Sequence[str], widths: Sequence[int]) -> bool:
    """Whether it is one line of letters that are all as wide: most of thousands are."""
    return "".join(row).isascii() and all(map(le, map(len, row), widths))


def _cells(
    row: Sequence[str], widths: Sequence[int], colours: Mapping[str, str] | None
) -> Iterator[str]:
    """The cells of a row that fits, each as wide as its column."""
    if colours is None:
        return map(str.ljust, row, widths)
    return (
        f"{_styled(cell, cell, colours, heading=False)}{' ' * (width - len(cell))}"
        if cell in colours
        else cell.ljust(width)
        for cell, width in zip(row, widths, strict=True)
    )


def _styled(text: str, cell: str, colours: Mapping[str, str] | None, *, heading: bool) -> str:
    """A line of a cell in the cell's colour."""
    if colours is None or not text:
        return text
    if heading:
        return click.style(text, bold=True)
    return click.style(text, fg=colours[cell]) if cell in colours else text


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    widths = [_widest(column) for column in zip(*rows, strict=True)]
    too_much = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while too_much > 0 and max(widths) > _NARROWEST:
        # The widest gives way first, one at a time: short columns stay whole.
        widths[widths.index(max(widths))] -= 1
        too_much -= 1
    return widths


def _widest(column: Sequence[str]) -> int:
    return max(map(len if "".join(column).isascii() else _width, column))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_character(each) for each in text)


def _character(each: str) -> int:
    if unicodedata.combining(each):
        return 0
    return 2 if unicodedata.east_asian_width(each) in "WF" else 1


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most a width; between words where that can be."""
    if _width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(joined) <= width:
            lines[-1] = joined
            continue
        pieces = _broken(word, width)
        lines += pieces if lines[-1] else []
        if not lines[0]:
            lines = pieces
    return lines


def _broken(word: str, width: int) -> list[str]:
    """A word in pieces of at most a width."""
    pieces, used = [""], 0
    for each in word:
        size = _character(each)
        if used + size > width and pieces[-1]:
            pieces.append("")
            used = 0
        pieces[-1] += each
        used += size
    return pieces
