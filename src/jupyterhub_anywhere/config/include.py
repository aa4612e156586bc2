"""One configuration out of several files."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.marks import Entry, KeyPath, Mark, Marks
from jupyterhub_anywhere.config.nodes import MAX_NODES, Text, compose
from jupyterhub_anywhere.config.plain import NULL, Reading, read
from jupyterhub_anywhere.config.source import FaultError, read_text
from jupyterhub_anywhere.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES: Final = 200
# Mappings whose keys may come from several files; anything else belongs to one file as a whole.
_MERGED: Final = {("hub",), ("users",), ("users", "groups"), ("targets",), ("profiles",)}
_DEEPEST: Final = 1 + max(map(len, _MERGED))


@dataclass
class Gathered:
    """The plain data of a file and of all that it includes.

    Attributes:
        data: Merged plain data; the main file's own ``include`` stays in it.
        entries: The places of all values.
        problems: What was refused.
        broken: Paths that hold a filler in place of what was refused.
        seen: The files, each with the place that named it.
        size: The number of values of all files.
    """

    data: dict[str, Any] = field(default_factory=dict)
    entries: dict[KeyPath, Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)
    seen: dict[Path, Mark] = field(default_factory=dict)
    size: int = 0

    def refuse(self, mark: Mark, path: KeyPath, message: str, hint: str = "") -> None:
        """Note a problem at a place, once."""
        problem = Marks(mark).problem(path, message, hint)
        if problem not in self.problems:
            self.problems.append(problem)


def gather(text: str, name: str, path: Path | None) -> Gathered:
    """Read a text and what it includes.

    Args:
        text: The main file's text.
        name: How the administrator wrote the main file.
        path: The main file; None for a text that is in no file and includes relative to the
            working directory.

    Raises:
        ConfigError: The main file cannot be read as YAML at all.
    """
    to = Gathered()
    if path is not None:
        to.seen[path.resolve()] = Mark(name, 1, 1)
    try:
        reading = _read(text, name, to)
    except FaultError as fault:
        raise ConfigError([fault.problem]) from None
    to.data, to.entries, to.broken = reading.data, dict(reading.entries), set(reading.broken)
    to.problems += reading.problems
    _include(to, reading, path.parent if path else Path(), Path(name).parent)
    return to


def _read(text: str, name: str, to: Gathered) -> Reading:
    """The data of one file, which is a mapping.

    Raises:
        FaultError: It cannot be read as YAML, is empty, or is no mapping.
    """
    start = Mark(name, 1, 1)
    root = compose(text, name)
    if root is None or (isinstance(root, Text) and not root.quoted and root.text in NULL):
        raise FaultError(
            start, "this file is empty.", "Write {} to have the default of everything."
        )
    to.size += root.size
    if to.size > MAX_NODES:
        raise FaultError(start, f"with this file there are more than {MAX_NODES:,} values.")
    reading = read(root)
    if not isinstance(reading.data, dict):
        raise FaultError(
            root.mark,
            "the file has to be a mapping.",
            "Its keys: include, hub, users, targets, profiles.",
        )
    return reading


def _include(to: Gathered, reading: Reading, folder: Path, shown: Path) -> None:
    listed = reading.data.get("include")
    if not isinstance(listed, list):
        return  # left to validation
    for index, wanted in enumerate(listed):
        mark = reading.entries["include", index].value
        if not isinstance(wanted, str):
            continue
        try:
            found = _matches(folder, wanted, mark)
        except FaultError as fault:
            to.problems.append(fault.problem)
            continue
        for path in found:
            name = (
                str(shown / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
            )
            _add(to, path, name, mark)


def _matches(folder: Path, wanted: str, mark: Mark) -> list[Path]:
    if any(char in wanted for char in "*?["):
        names = glob.glob(wanted, root_dir=folder)  # noqa: PTH207 - Path.glob refuses absolute ones
        return [folder / name for name in sorted(names)]
    path = folder / wanted
    try:
        path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FaultError(
            mark, f"the included file {str(path)!r} cannot be read: {reason}."
        ) from None
    return [path]


def _add(to: Gathered, path: Path, name: str, mark: Mark) -> None:
    real = path.resolve()
    if real in to.seen:
        first = to.seen[real]
        to.refuse(mark, ("include",), f"{name} is included already, at {first}.")
        return
    if len(to.seen) >= MAX_FILES:
        to.refuse(mark, ("include",), f"more than {MAX_FILES} files are included.")
        return
    to.seen[real] = mark
    try:
        reading = _read(read_text(path, name), name, to)
    except FaultError as fault:
        if fault.problem.line:
            to.problems.append(fault.problem)
        else:  # the file as a whole is at fault, and the place that names it helps more
            to.refuse(mark, ("include",), f"{name!r}: {fault.problem.message}", fault.problem.hint)
        return
    to.problems += reading.problems
    to.broken |= {where for where in reading.broken if where}
    moved = set(_merge(to, reading, (), to.data, reading.data))
    for where, entry in reading.entries.items():
        if any(where[:depth] in moved for depth in range(1, _DEEPEST + 1)):
            to.entries[where] = entry
    _include(to, reading, path.parent, Path(name).parent)


def _merge(
    to: Gathered,
    reading: Reading,
    path: KeyPath,
    target: dict[str, Any],
    source: dict[str, Any],
) -> Iterator[KeyPath]:
    """Move keys of another file in, refuse those that are there already; yields what moved."""
    for key, value in source.items():
        inner = (*path, key)
        if inner == ("include",):
            continue
        both = isinstance(value, dict) and isinstance(target.get(key), dict)
        if key not in target:
            target[key] = value
            yield inner
        elif both and inner in _MERGED:
            yield from _merge(to, reading, inner, target[key], value)
        else:
            first = to.entries[inner].key
            to.refuse(
                reading.entries[inner].key,
                inner,
                f"this is declared already, at {first}.",
                "Keep one of the two.",
            )
