"""The errors of the project, and nothing else.

::

    AnywhereError              a message for people: what, why, and what to do next
    ├── ConfigError            anywhere.yaml is wrong; carries every problem found
    ├── ChoiceError            a user's choice is refused; carries one text per field
    ├── StateError             the state folder cannot be used
    ├── SurroundingsError      the machine lacks something: a port, a program, a right
    └── TargetError            a target cannot do what was asked of it

``message`` may be shown to anybody. What only an administrator may read belongs in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AnywhereError(Exception):
    """A failure that a person can act on.

    Args:
        message: Names the object and the cause; safe to show to any user.
        hint: The next step, as one sentence. Empty when the message already says it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a configuration file.

    Attributes:
        file: The file's path as the administrator wrote it; empty for defaults.
        line: 1-based line, 0 when unknown.
        column: 1-based column, 0 when unknown.
        path: Dotted path of the value, as in ``profiles.python.options.memory.max``.
        message: What is wrong with it.
        hint: The nearest valid name, or what is allowed. May be empty.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}:{self.column}"
        head = f"{where}: " if where else ""
        path = f"{self.path}: " if self.path else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{head}{path}{self.message}{hint}"


class ConfigError(AnywhereError):
    """A configuration that cannot be used, with all its problems at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{head} in the configuration:", *map(str, self.problems)]))


class ChoiceError(AnywhereError):
    """A choice that is refused before anything is made.

    Args:
        errors: Field name (``profile``, ``target``, ``options.NAME``, or ``""`` for the whole)
            to the text shown beside that field.
        status: HTTP status of the refusal, 400 to 499.
    """

    def __init__(self, errors: Mapping[str, str], *, status: int = 422) -> None:
        self.errors = dict(errors)
        self.status = status
        super().__init__(" ".join(self.errors.values()))


class StateError(AnywhereError):
    """The state folder cannot be used: not writable, of a newer version, or in use."""

    exit_code = 3


class SurroundingsError(AnywhereError):
    """The machine lacks what is needed: a free port, a program, disk space, a right."""

    exit_code = 4


class TargetError(AnywhereError):
    """A target cannot do what was asked of it."""

    exit_code = 5
