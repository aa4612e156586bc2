"""Promises that are known to be broken, until they are kept: what a run may find."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.testing.faults.run import Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """One sort of failure that is known.

    Attributes:
        world: ``process`` or ``docker``.
        doing: What the hub does; empty for whatever it does.
        fault: A regular expression that is found in the fault.
        failures: The promises that may be broken.
        why: What is missing.
    """

    world: str
    doing: str
    fault: str
    failures: tuple[str, ...]
    why: str

    def allows(self, world: str, outcome: Outcome) -> bool:
        """Whether it speaks of this outcome."""
        return (
            self.world == world
            and self.doing in {"", str(outcome.doing)}
            and re.search(self.fault, outcome.fault) is not None
        )


def load(path: Path) -> list[Known]:
    """The list of a file; empty where there is none.

    Raises:
        ValueError: The file is not a list of such entries.
    """
    if not path.exists():
        return []
    given: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    try:
        return [Known(**{**each, "failures": tuple(each["failures"])}) for each in given]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: an entry is not one of a known failure: {error}") from error


def unexpected(
    world: str, outcomes: Iterable[Outcome], known: Sequence[Known]
) -> list[tuple[str, str, tuple[str, ...]]]:
    """What no entry allows: what was done, the fault, and the promises that it broke."""
    found = []
    for outcome in outcomes:
        allowed = {name for each in known if each.allows(world, outcome) for name in each.failures}
        broken = tuple(name for name in outcome.failures if name not in allowed)
        if broken:
            found.append((str(outcome.doing), outcome.fault, broken))
    return found
