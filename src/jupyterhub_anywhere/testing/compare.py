"""What two conversations differ in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyterhub_anywhere.testing.talk import Heard
    from jupyterhub_anywhere.testing.world import Call

NOTHING: Final = "(nothing)"
CONTAINS: Final = "~"
"""A fact of such a name is compared by containment: ours may say more around it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        step: The label of the step.
        path: Where: names joined by slashes, as ``calls/create_container/body/Labels/x``.
        bare: What the bare class had; `NOTHING` where it had none.
        ours: What the class behind us had.
    """

    step: str
    path: str
    bare: Any
    ours: Any

    def __str__(self) -> str:
        found = f"    bare: {_short(self.bare)}\n    ours: {_short(self.ours)}"
        return f"{self.step}: {self.path}\n{found}"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 600 else f"{text[:600]}…"  # noqa: PLR2004 - a screen's worth


def differences(bare: Sequence[Heard], ours: Sequence[Heard]) -> Iterator[Difference]:
    """Compare step by step."""
    labels = [[heard.step for heard in side] for side in (bare, ours)]
    if labels[0] != labels[1]:
        yield Difference("the whole", "steps", *labels)
        return
    for one, other in zip(bare, ours, strict=True):
        for path, left, right in _calls(one.calls, other.calls):
            yield Difference(one.step, path, left, right)
        for path, left, right in _values("", one.facts, other.facts):
            yield Difference(one.step, path, left, right)


Found = tuple[str, Any, Any]


def _values(path: str, bare: Any, ours: Any) -> Iterator[Found]:
    if isinstance(bare, Mapping) and isinstance(ours, Mapping):
        for name in sorted({*bare, *ours}):
            below = f"{path}/{name}" if path else name
            yield from _values(below, bare.get(name, NOTHING), ours.get(name, NOTHING))
    elif path.rpartition("/")[2].startswith(CONTAINS):
        if bare not in ours:
            yield path, bare, ours
    elif _is_table(bare) and _is_table(ours) and len(bare) == len(ours):
        for number, (one, other) in enumerate(zip(bare, ours, strict=True)):
            yield from _values(f"{path}/{number}", one, other)
    elif bare != ours:
        yield path, bare, ours


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _calls(bare: Sequence[Call], ours: Sequence[Call]) -> Iterator[Found]:
    """Calls in their order, aligned by their names.

    The same call several times in a row counts once (see `_once`): how often somebody looks who
    waits depends on how busy the machine is.
    """
    left, right = _once(bare), _once(ours)
    names = [[call.name for call in side] for side in (left, right)]
    matcher = SequenceMatcher(None, names[0], names[1], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            for one, other in zip(left[a:b], right[c:d], strict=True):
                yield from _values(f"calls/{one.name}", one.facts, other.facts)
            continue
        for call in left[a:b]:
            yield f"calls/{call.name}", call.facts, NOTHING
        for call in right[c:d]:
            yield f"calls/{call.name}", NOTHING, call.facts


def _once(calls: Sequence[Call]) -> list[Call]:
    """Every call once of those with one name that follow each other, in a fixed order.

    A hub that starts asks for all its servers at the same time: which comes first is chance.
    """
    found: list[Call] = []
    for _, run in groupby(calls, lambda call: call.name):
        by_facts = {json.dumps(call.facts, sort_keys=True, default=str): call for call in run}
        found += [call for _, call in sorted(by_facts.items(), key=lambda item: item[0])]
    return found
