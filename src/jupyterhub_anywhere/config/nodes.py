"""YAML text → nodes with their places, within bounds.

Only ruamel's event stream is used. What a scalar means is decided in `plain`, and an alias is
never expanded here: an anchor that explodes is refused by its counted size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from jupyterhub_anywhere.config.marks import Mark
from jupyterhub_anywhere.config.source import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the text.

    Attributes:
        mark: Where it starts.
        tag: The tag written before it, empty for none.
    """

    mark: Mark
    tag: str = ""

    @property
    def size(self) -> int:
        """The number of nodes, with all aliases followed."""
        return 1

    @property
    def height(self) -> int:
        """The number of levels below this one."""
        return 0


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A scalar; ``quoted`` says that it cannot be anything but text."""

    text: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Collection(Node):
    """A list or a mapping; keys are None in a list."""

    mapping: bool = False
    items: tuple[tuple[Node | None, Node], ...] = ()
    nodes: int = 1
    levels: int = 1

    @property
    def size(self) -> int:
        """The number of nodes, with all aliases followed."""
        return self.nodes

    @property
    def height(self) -> int:
        """The number of levels below this one."""
        return self.levels


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    mark: Mark
    tag: str
    anchor: str | None
    mapping: bool
    items: list[tuple[Node | None, Node]] = field(default_factory=list)
    key: Node | None = None
    nodes: int = 1
    levels: int = 1

    def add(self, node: Node) -> None:
        self.nodes += node.size
        self.levels = max(self.levels, node.height + 1)
        if self.mapping and self.key is None:
            self.key = node
        else:
            self.items.append((self.key, node))
            self.key = None

    def close(self) -> Collection:
        return Collection(
            self.mark, self.tag, self.mapping, tuple(self.items), self.nodes, self.levels
        )


class _Composer:
    """Builds nodes from events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.documents = 0

    def feed(self, event: Any) -> None:
        mark = _mark(self.file, event.start_mark)
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise FaultError(
                        mark, "a second document starts here.", "One file has one document."
                    )
            case AliasEvent():
                self.add(self.resolve(event.anchor, mark), None)
            case ScalarEvent():
                quoted = event.style is not None
                text = _joined(event.value, mark)
                self.add(Text(mark, event.tag or "", text, quoted), event.anchor)
            case SequenceStartEvent() | MappingStartEvent():
                self.open(
                    _Open(mark, event.tag or "", event.anchor, isinstance(event, MappingStartEvent))
                )
            case SequenceEndEvent() | MappingEndEvent():
                done = self.stack.pop()
                self.add(done.close(), done.anchor)
            case _:
                pass

    def resolve(self, anchor: str, mark: Mark) -> Node:
        # An anchor is known once its value has ended, so no value can contain itself.
        if anchor not in self.anchors:
            raise FaultError(mark, f"no value before this has the anchor &{anchor}.")
        return replace(self.anchors[anchor], mark=mark)

    def open(self, opened: _Open) -> None:
        self.stack.append(opened)
        self.bound(opened.mark, 0)

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        self.stack[-1].add(node)
        self.bound(node.mark, node.height)

    def bound(self, mark: Mark, height: int) -> None:
        if len(self.stack) + height > MAX_DEPTH:
            raise FaultError(mark, f"this is nested more than {MAX_DEPTH} levels deep.")
        # Summing over the open levels counts each finished value once.
        if sum(level.nodes for level in self.stack) > MAX_NODES:
            raise FaultError(
                mark,
                f"this file has more than {MAX_NODES:,} values, anchors followed.",
                "Write out what the anchors repeat, or split the file.",
            )


def _joined(text: str, mark: Mark) -> str:
    """Text with surrogate pairs, as JSON escapes them, made one character each."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise FaultError(mark, "this text has half a character in it.") from None


def compose(text: str, file: str) -> Node | None:
    """The one document of a text, None where there is none.

    Args:
        text: YAML 1.2.
        file: The file's name, for the marks.

    Raises:
        FaultError: The text is no YAML, has several documents, or is out of bounds.
    """
    composer = _Composer(file)
    for event in _events(text, file):
        composer.feed(event)
    return composer.root


def _events(text: str, file: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except FaultError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FaultError(_mark(file, mark), *_explain(error, text)) from None
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise FaultError(
            Mark(file, before.count("\n") + 1, column),
            f"the character U+{ord(text[error.position]):04X} may not stand in YAML.",
        ) from None
    except Exception as error:  # noqa: BLE001 - the parser's own faults must not become ours
        raise FaultError(
            Mark(file, 1, 1), f"this is no YAML: {type(error).__name__}: {error}."
        ) from None


def _mark(file: str, mark: Any) -> Mark:
    return Mark(file, 1, 1) if mark is None else Mark(file, mark.line + 1, mark.column + 1)


def _explain(error: MarkedYAMLError, text: str) -> tuple[str, str]:
    """A syntax error and its cure in plain words."""
    problem = str(error.problem or error.context or "it cannot be read")
    lines = text.split("\n")
    line = ""
    if error.problem_mark is not None and error.problem_mark.line < len(lines):
        line = lines[error.problem_mark.line]
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or "'\\t'" in problem:
        return "a tab stands here.", "YAML is indented with spaces only."
    if "mapping values are not allowed" in problem:
        return (
            "a colon with a blank after it stands inside a text, or the indentation is wrong.",
            "Put the text in quotes, or mend the indentation.",
        )
    if "cannot start any token" in problem:
        return f"this is no YAML: {problem}.", "Put the text in quotes."
    if "block end" in problem or "':'" in problem:
        return f"this is no YAML: {problem}.", "Look at the indentation and the line before."
    if "expected ',' or" in problem or "end of stream" in problem:
        return f"this is no YAML: {problem}.", "Look for a missing comma, bracket or quote."
    return f"this is no YAML: {problem}.", ""
