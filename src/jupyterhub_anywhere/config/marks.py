"""Where a value stands in the files, and how its place is written for people."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_anywhere.core.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_BARE: Final = re.compile(r"[^\s.\[\]\"]+")
_PART: Final = re.compile(r'\.?(?:("(?:[^"\\]|\\.)*")|\[(\d+)\]|([^\s.\[\]"]+))')


class Mark(NamedTuple):
    """A place in a file.

    Attributes:
        file: The file as the administrator named it; ``environment NAME`` for a variable; empty
            for the built-in default.
        line: 1-based; 0 where there are no lines.
        column: 1-based, in characters; 0 where there are no lines.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE: Final = Mark("", 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one value.

    Attributes:
        key: Where its key stands; for an item of a list, where the item stands.
        value: Where the value itself stands.
        raw: The text of the file for a value without quotes; None for anything else.
    """

    key: Mark
    value: Mark
    raw: str | None = None


@dataclass(frozen=True)
class Marks:
    """The places of all values of a configuration.

    Attributes:
        root: The place that counts for what stands nowhere: the start of the file.
        entries: KeyPath to place, for every value that was written somewhere.
    """

    root: Mark = NOWHERE
    entries: Mapping[KeyPath, Entry] = field(default_factory=dict)

    def at(self, path: KeyPath) -> Mark:
        """The place of a value, or of its nearest ancestor that stands in a file."""
        for length in range(len(path), 0, -1):
            entry = self.entries.get(path[:length])
            if entry is not None:
                return entry.value if length == len(path) else entry.key
        return self.root

    def key(self, path: KeyPath) -> Mark:
        """The place of the key of a value; else as `at`."""
        entry = self.entries.get(path)
        return self.at(path) if entry is None else entry.key

    def raw(self, path: KeyPath) -> str | None:
        """The text of the file for a value without quotes, as ``1.10``; else None."""
        entry = self.entries.get(path)
        return None if entry is None else entry.raw

    def written(self, path: KeyPath) -> bool:
        """Whether the value stands in a file or comes from the environment."""
        return path in self.entries

    def problem(self, path: KeyPath, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem with the value at a path, or with its key."""
        mark = self.key(path) if key else self.at(path)
        return Problem(*mark, path=dotted(path), message=message, hint=hint)


def dotted(path: KeyPath) -> str:
    """Write a path as ``profiles.python.options.memory`` or ``users.admins[0]``.

    A part with a dot, a bracket, a blank or a quote is quoted as in JSON: ``choices."3.11"``.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = _BARE.fullmatch(part) and part.isprintable()
        shown = part if bare else json.dumps(part, ensure_ascii=not part.isprintable())
        text += f".{shown}" if text else shown
    return text


def split_key(text: str) -> KeyPath:
    """Read what `dotted` writes; ``users.admins.0`` is taken as well.

    Raises:
        ValueError: The text is no such path.
    """
    wrong = f"{text!r} is no key; write it as profiles.python.title"
    parts: list[str | int] = []
    end = 0
    while end < len(text):
        match = _PART.match(text, end)
        # A dot stands between names, never in front; an index needs none.
        if match is None or (match[2] is None and match[0].startswith(".") is (end == 0)):
            raise ValueError(wrong)
        try:
            parts.append(_part(match))
        except ValueError:  # no JSON between the quotes
            raise ValueError(wrong) from None
        end = match.end()
    if not parts:
        raise ValueError(wrong)
    return tuple(parts)


def _part(match: re.Match[str]) -> str | int:
    quoted, index, bare = match.groups()
    if index is not None:
        return int(index)
    return str(json.loads(quoted)) if quoted is not None else str(bare)
