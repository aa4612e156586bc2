"""Nodes → plain data, with a problem for everything that YAML reads otherwise than people do.

Scalars follow the core schema of YAML 1.2: ``yes``, ``no`` and ``1:30`` are text. Dates, not
finite numbers, merge keys and tags are refused rather than guessed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.marks import Entry, KeyPath, Mark, Marks
from jupyterhub_anywhere.config.nodes import Collection, Node, Text

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.errors import Problem

NULL: Final = {"", "~", "null", "Null", "NULL"}
_BOOL: Final = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?", re.DOTALL)
# Far beyond any quantity; Python refuses to read numbers of several thousand digits.
_LONGEST_NUMBER: Final = 40
_TEXT_TAGS: Final = {"tag:yaml.org,2002:str", "!"}


class ScalarError(ValueError):
    """A scalar that is refused; the text says why, `hint` what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_scalar(text: str) -> Any:
    """What a scalar without quotes means.

    Raises:
        ScalarError: It is a date or no finite number.
    """
    if text in NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _DATE.fullmatch(text):
        raise ScalarError("YAML reads this as a date.", f'Write it in quotes: "{text}".')
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError("this is no finite number.", "Leave a limit out to have none.")
    whole = _INTEGER.fullmatch(text) or _BASED.fullmatch(text)
    if not whole and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ScalarError("this number is too long.", "Write it in quotes where text is meant.")
    if whole:
        return int(text, 0) if _BASED.fullmatch(text) else int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ScalarError("this number is too large.")
    return number


def _noun(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    return "a number"


@dataclass
class Reading:
    """The plain data of one file.

    Attributes:
        data: Mappings, lists, text, numbers, booleans and None.
        entries: The places of all values.
        problems: What was refused.
        broken: The paths where something was refused; what stands there in `data` is a filler.
    """

    data: Any = None
    entries: dict[KeyPath, Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)


def read(root: Node) -> Reading:
    """Make plain data of a document, and note every problem on the way."""
    reading = Reading()
    reader = _Reader(reading)
    reading.data = reader.value(root, (), root.mark)
    return reading


class _Reader:
    """Walks the nodes; the depth was bounded when they were made."""

    def __init__(self, reading: Reading) -> None:
        self.to = reading

    def refuse(self, mark: Mark, path: KeyPath, message: str, hint: str = "") -> None:
        self.to.problems.append(Marks(mark).problem(path, message, hint))
        self.to.broken.add(path)

    def value(self, node: Node, path: KeyPath, key: Mark) -> Any:
        raw = node.text if isinstance(node, Text) and not node.quoted else None
        self.to.entries[path] = Entry(key, node.mark, raw)
        if node.tag and node.tag not in _TEXT_TAGS:
            self.refuse(node.mark, path, "tags (! and !!) are not read.", "Write the plain value.")
            return None
        if isinstance(node, Text):
            return self.scalar(node, path)
        assert isinstance(node, Collection)  # noqa: S101 - there is no third kind of node
        if node.mapping:
            return self.mapping(node, path)
        return [
            self.value(item, (*path, index), item.mark)
            for index, (_, item) in enumerate(node.items)
        ]

    def scalar(self, node: Text, path: KeyPath) -> Any:
        if node.quoted or node.tag:
            return node.text
        try:
            return read_scalar(node.text)
        except ScalarError as error:
            self.refuse(node.mark, path, str(error), error.hint)
            return None

    def mapping(self, node: Collection, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, item in node.items:
            assert key_node is not None  # noqa: S101 - keys are None in lists only
            key = self.key(key_node, path)
            if key is None:
                continue
            inner = (*path, key)
            if key in data:
                first = self.to.entries[inner].key
                self.to.problems.append(
                    Marks(key_node.mark).problem(
                        inner, f"this key is there already, at line {first.line}."
                    )
                )
                continue
            data[key] = self.value(item, inner, key_node.mark)
        return data

    def key(self, node: Node, path: KeyPath) -> str | None:
        """The text of a key, None where it has to be left out."""
        if not isinstance(node, Text) or (node.tag and node.tag not in _TEXT_TAGS):
            self.refuse(node.mark, path, "a key has to be text.")
            return None
        if node.quoted or node.tag:
            return node.text
        if node.text == "<<":
            self.refuse(
                node.mark, path, "merge keys (<<) are not read.", "Write the keys out here."
            )
            return None
        try:
            value = read_scalar(node.text)
        except ScalarError as error:
            self.refuse(node.mark, (*path, node.text), str(error), error.hint)
            return node.text
        if not isinstance(value, str):
            self.refuse(
                node.mark,
                (*path, node.text),
                f"YAML reads this key as {_noun(value)}.",
                f'Write it in quotes: "{node.text}".',
            )
        return node.text
