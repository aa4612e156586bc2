"""The table of the documentation: rows of the comparison by subjects, from what was heard."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.testing import exceptions, subjects
from jupyterhub_anywhere.testing.rows import ROWS
from jupyterhub_anywhere.testing.scenarios import scenarios

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jupyterhub_anywhere.testing.exceptions import Allowance
    from jupyterhub_anywhere.testing.world import Subject

_HEAD: Final = """\
% Written by `python -m jupyterhub_anywhere.testing --write FILE`; do not edit.

# Conformance

What came of [the conformance suite](../conformance.md): the same conversation of a JupyterHub with
a Spawner class alone and with the class behind `AnywhereSpawner`. Each row is one way in which a
spawner behind another one may come to behave differently.

- **=** the same requests to the back end, environment, state, URLs, answers
- **=** with a number: the same but for what the note says
- **n/a** does not apply; the note says why
"""


def everybody() -> dict[str, Subject]:
    """All subjects of this project, by their names."""
    found = {}
    for module in pkgutil.iter_modules(subjects.__path__):
        subject = importlib.import_module(f"{subjects.__name__}.{module.name}").SUBJECT
        found[subject.name] = subject
    return found


def absent(subject: Subject) -> dict[str, str]:
    """Row to the reason why a subject has nothing to say about it."""
    spoken = {row for scenario in scenarios(subject) for row in scenario.rows}
    reasons = {
        "R3": "one server a user",
        "R9": "has no form of its own",
        "R14": "moves no certificates",
    }
    silent = {row: reasons.get(row, "not held") for row in ROWS if row not in spoken}
    return {**silent, **subject.not_applicable}


def table(used: Mapping[str, Collection[Allowance]]) -> str:
    """The page as Markdown.

    Args:
        used: Subject to the exceptions that it needed.
    """
    found = everybody()
    names = [name for name in found if name in used]
    notes: dict[str, int] = {}
    lines = [
        _HEAD,
        _line(["", *(f"`{name}`" for name in names)]),
        _line(["---", *(":-:" for _ in names)]),
    ]
    silent = {name: absent(found[name]) for name in names}
    for row, title in ROWS.items():
        cells = [_cell(row, silent[name], used[name], notes) for name in names]
        lines.append(_line([f"{row[1:]}. {title}", *cells]))
    lines += ["", "## Notes", ""]
    lines += [f"{number}. {text}" for text, number in notes.items()]
    lines += ["", "## Subjects", ""]
    lines += [_described(found[name]) for name in names]
    return "\n".join(lines) + "\n"


def declared() -> dict[str, tuple[Allowance, ...]]:
    """What the list allows each subject: what the suite must have needed to pass."""
    return {name: exceptions.of(name) for name in everybody()}


def _cell(
    row: str, silent: Mapping[str, str], used: Collection[Allowance], notes: dict[str, int]
) -> str:
    if row in silent:
        return f"n/a {_note(silent[row], notes)}"
    reasons = [each.reason for each in exceptions.listed() if each in used and row in each.rows]
    return " ".join(["=", *(_note(" ".join(reason.split()), notes) for reason in reasons)])


def _note(text: str, notes: dict[str, int]) -> str:
    return f"<sup>{notes.setdefault(text, len(notes) + 1)}</sup>"


def _described(subject: Subject) -> str:
    words = {
        "full": "every fault at every step",
        "pairwise": "every pair of fault, step and server once",
    }
    return (
        f"- `{subject.name}`: `{subject.spawner_class}` as kind `{subject.target_kind}`,"
        f" {len(list(scenarios(subject)))} conversations, {words[subject.coverage]}"
    )


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
