"""Worlds in which anything happens: how many steps a run makes, and that it makes them all.

Where a run decides something (`CI` is set), 100,000 steps; else some thousand. With
`ANYWHERE_MODEL_STEPS` as many as it says, and with `ANYWHERE_MODEL_SEED` others than the usual.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from jupyterhub_anywhere.testing.model.machine import WorldMachine
from jupyterhub_anywhere.testing.model.simulation import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: Final = int(
    os.environ.get("ANYWHERE_MODEL_STEPS") or (100_000 if os.environ.get("CI") else 4_000)
)
SEED: Final = int(os.environ.get("ANYWHERE_MODEL_SEED") or 0)
# A world is long: at its end all has to agree, which takes as long as a hundred steps.
LENGTH: Final = 200
# Parts of a run, in files of their own, so that processes share them.
FILES, IN_A_FILE = 4, 5
PARTS: Final = FILES * IN_A_FILE
# Between the seeds of two runs of one part.
_APART: Final = 1000


def parts(file: int) -> list[int]:
    """The parts of one of the files, which are numbered from 0."""
    return [*range(file, PARTS, FILES)]


def live(part: int, note: Callable[[str, object], None]) -> int:
    """Make one part of the steps.

    Args:
        part: Which; each has other worlds.
        note: Told how many there were, for the run's summary.

    Returns:
        How many there were.
    """

    class World(WorldMachine):
        pass

    wanted, number = STEPS // PARTS, part + PARTS * SEED
    # The library makes some worlds shorter than it may: it begins anew until there are enough.
    while World.made < wanted:
        _run(seed(number)(World), wanted - World.made)
        number += _APART
    note("model steps", World.made)
    return World.made


def _run(machine: type[WorldMachine], wanted: int) -> None:
    length = min(LENGTH, max(wanted, 50))
    config = settings(
        max_examples=max(wanted // length, 1),
        stateful_step_count=length,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with quiet():
        run_state_machine_as_test(machine, settings=config)


def enough(made: int) -> None:
    """Where a run decides something, it makes all its steps."""
    if os.environ.get("CI"):
        assert made >= STEPS / PARTS, f"{made} steps of {STEPS / PARTS:.0f} were made"
