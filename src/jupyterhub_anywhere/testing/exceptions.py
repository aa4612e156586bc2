"""The list of what may differ: ``exceptions.yaml``, each entry with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML

from jupyterhub_anywhere.testing.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.testing.compare import Difference

FILE: Final = Path(__file__).with_name("exceptions.yaml")
_NEEDED: Final = frozenset({"subjects", "rows", "where", "reason"})
_ALLOWED: Final = _NEEDED | {"scenario", "step"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """One thing that may differ.

    Attributes:
        subjects: Names of subjects; ``*`` for all.
        rows: The rows of the table that it counts for.
        where: Pattern of the difference's path, with ``*`` for anything.
        reason: For people: what differs, and why that is right.
        scenario: Pattern of the scenario's name.
        step: Pattern of the step's label.
    """

    subjects: tuple[str, ...]
    rows: tuple[str, ...]
    where: str
    reason: str
    scenario: str = "*"
    step: str = "*"

    def allows(self, scenario: str, difference: Difference) -> bool:
        """Whether this is what may differ."""
        return (
            fnmatchcase(scenario, self.scenario)
            and fnmatchcase(difference.step, self.step)
            and fnmatchcase(difference.path, self.where)
        )


def read(text: str) -> tuple[Allowance, ...]:
    """Read a list of exceptions.

    Raises:
        ValueError: An entry is not as it has to be; says which, and what.
    """
    entries = YAML(typ="safe").load(text) or []
    return tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: dict[str, Any]) -> Allowance:
    wrong = sorted((_NEEDED - entry.keys()) | (entry.keys() - _ALLOWED))
    if wrong:
        raise ValueError(f"exception {number}: missing or unknown keys: {', '.join(wrong)}")
    unknown = [row for row in entry["rows"] if row not in ROWS]
    if unknown or not str(entry["reason"]).strip():
        raise ValueError(f"exception {number}: unknown rows {unknown}, or no reason")
    return Allowance(
        **{**entry, "subjects": tuple(entry["subjects"]), "rows": tuple(entry["rows"])}
    )


@cache
def listed() -> tuple[Allowance, ...]:
    """The list of this project."""
    return read(FILE.read_text("utf-8"))


def of(subject: str, entries: Sequence[Allowance] | None = None) -> tuple[Allowance, ...]:
    """Those for one subject."""
    found = listed() if entries is None else entries
    return tuple(each for each in found if {subject, "*"} & set(each.subjects))
