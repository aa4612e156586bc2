"""Collects problems with their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_anywhere.config.marks import KeyPath, Marks
    from jupyterhub_anywhere.core.errors import Problem


@dataclass(frozen=True)
class Report:
    """Problems found so far; the same one is kept once.

    Attributes:
        marks: Where values stand.
        problems: What was found, in the order of finding.
    """

    marks: Marks
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: KeyPath, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note a problem with the value at a path, or with its key."""
        problem = self.marks.problem(path, message, hint, key=key)
        if problem not in self.problems:
            self.problems.append(problem)
