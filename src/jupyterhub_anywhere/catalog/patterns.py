r"""Regular expressions of text options, for JSON Schema and for browsers.

The server's own test is ``re.fullmatch`` with Python's rules. JSON Schema searches instead of
matching, and a browser compiles ``pattern`` by ECMAScript's ``v`` flag, where ``[a-z_-]`` is an
error and ``\w`` knows ASCII only. A browser must never refuse what the server would take.
"""

from __future__ import annotations

import re
from typing import Final

_GLOBAL_FLAGS: Final = re.compile(r"\(\?([aiLmsux]+)\)")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??(?![+*?])")
_GROUP: Final = re.compile(r"\((?!\?)|\(\?:|\)|\|")
_LITERAL: Final = re.compile(r"[A-Za-z0-9 _,:;@=~!#%&'\"<>`/-]")
_ESCAPED: Final = re.compile(r"\\([^A-Za-z0-9\s])")
_CLASS: Final = re.compile(r"\[(\^?)((?:\\[^A-Za-z0-9\s]|[^\\\[\]])+)\]")
_CLASS_ITEM: Final = re.compile(
    r"(\\[^A-Za-z0-9\s]|[^\\])(?:-(\\[^A-Za-z0-9\s]|[^\\]))?", re.DOTALL
)
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")
_CLASS_SYNTAX: Final = _SYNTAX | frozenset("-&!#%,:;<=>@`~")


def anchored(pattern: str) -> str:
    """The same pattern for a validator that searches: it has to match the whole text."""
    flags = _GLOBAL_FLAGS.match(pattern)
    if flags is None:
        return f"^(?:{pattern})$"
    # Python takes global flags in front only; within a group they are scoped to it. A verbose
    # pattern may end in a comment, which would swallow the bracket.
    end = "\n" if "x" in flags[1] else ""
    scoped = flags[1].replace("u", "") or ""
    return f"^(?{scoped}:{pattern[flags.end() :]}{end})$"


def for_browsers(pattern: str) -> str | None:
    """The same pattern as ECMAScript with the ``v`` flag, or None where that is not certain."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == ".":
            out.append(".")
            at += 1
        elif match := _QUANTIFIER.match(pattern, at) or _GROUP.match(pattern, at):
            out.append(match[0])
            at = match.end()
        elif match := _LITERAL.match(pattern, at):
            out.append(_escape(match[0], _SYNTAX))
            at = match.end()
        elif match := _ESCAPED.match(pattern, at):
            out.append(_escape(match[1], _SYNTAX))
            at = match.end()
        elif (match := _CLASS.match(pattern, at)) and (inner := _class(match[2])) is not None:
            out.append(f"[{match[1]}{inner}]")
            at = match.end()
        else:
            return None
    return "".join(out)


def _class(body: str) -> str | None:
    """The inside of a character class; None where Python and ECMAScript may differ."""
    out: list[str] = []
    for item in _CLASS_ITEM.finditer(body):
        first, last = (part.removeprefix("\\") if part else "" for part in item.groups())
        # Ranges that do not begin and end with a letter or digit are rare, and hard to read.
        if last and not (first.isascii() and first.isalnum() and last.isalnum()):
            return None
        if not (first + last).isprintable():
            return None
        out.append(_escape(first, _CLASS_SYNTAX) + (f"-{last}" if last else ""))
    return "".join(out)


def _escape(char: str, syntax: frozenset[str]) -> str:
    return f"\\{char}" if char in syntax else char
