"""What an old configuration holds, as plain JSON: the values, and what is no value.

A configuration file of JupyterHub is Python. What it sets may be a function, a class or an object
of a package that is not installed here. Such things are written as a mapping with one key that no
configuration has, and say where they come from.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASS: Final = "$class"
OBJECT: Final = "$object"


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that YAML cannot hold.

    Attributes:
        what: For people, as ``the function before_start (line 12)``.
    """

    what: str


def plain(value: Any) -> Any:
    """A value as plain JSON; what JSON does not have becomes a mapping that says what it was."""
    result: Any = _object(_describe(value))
    finite = isinstance(value, float) and math.isfinite(value)
    if value is None or finite or isinstance(value, bool | int | str):
        result = value
    elif isinstance(value, type):
        result = {CLASS: f"{value.__module__}.{value.__qualname__}"}
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        result = {key: plain(inner) for key, inner in value.items()}
    elif isinstance(value, set | frozenset):
        result = [plain(inner) for inner in sorted(value, key=str)]
    elif isinstance(value, list | tuple):
        result = [plain(inner) for inner in value]
    return result


def _object(what: str) -> dict[str, str]:
    return {OBJECT: what}


def _describe(value: Any) -> str:
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a mapping whose keys are not all texts"
    code = getattr(value, "__code__", None)
    if code is not None:
        name = getattr(value, "__name__", "")
        kind = "a lambda" if name == "<lambda>" else f"the function {name}"
        return f"{kind} (line {code.co_firstlineno})"
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"


def foreign_in(value: Any) -> Foreign | None:
    """The first thing in a value that YAML cannot hold."""
    if isinstance(value, dict):
        if set(value) == {OBJECT}:
            return Foreign(str(value[OBJECT]))
        if set(value) == {CLASS}:
            return Foreign(f"the class {value[CLASS]}")
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, map(foreign_in, value)), None)
    return None


def class_name(value: Any) -> str | None:
    """The dotted name of a class that was given as a class or as text; None when it is neither."""
    if isinstance(value, dict) and set(value) == {CLASS}:
        value = value[CLASS]
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value):
        return value
    return None


def text(value: Mapping[str, Any], key: str) -> str:
    """A text of a mapping, empty where it is none."""
    found = value.get(key)
    return found if isinstance(found, str) else ""
