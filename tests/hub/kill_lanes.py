"""Every place of a world, in several hubs at once."""

from __future__ import annotations

import os
import re
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tests.hub import kill_troubles
from tests.hub.harness import SOURCES
from tests.hub.kill_hubs import TWO_SWEEPS

from jupyterhub_anywhere.testing.faults.lanes import Case, drain
from jupyterhub_anywhere.testing.faults.records import KILLED, OURS, Record, keep
from jupyterhub_anywhere.testing.faults.run import FLOWS, Doing, Kills, Outcome, Subject, Trouble
from jupyterhub_anywhere.testing.faults.zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.hub.harness import Hub

# More than cores: most of a cycle is waiting.
LANES: Final = 4
# How many of all places have to be reached; the rest are of a moment that did not come.
REACHED: Final = 0.9
# Seconds that a hub may take to put things right: a deletion that failed is tried again after five.
PATIENCE: Final = 20.0
ONLY: Final = os.environ.get("ANYWHERE_KILL_AT", "")
RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
FLOWS_AND_TROUBLES: Final = (
    *((doing, Trouble.NONE) for doing in FLOWS),
    *((Doing.RECONCILE, trouble) for trouble in Trouble if trouble),
)


class KilledSubject(Subject, Protocol):
    """A hub of ours that ends with everything that it has."""

    @property
    def hub(self) -> Hub:
        """Its process."""

    def close(self) -> None:
        """End everything."""


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    """What forks hubs."""
    with Zygote(folder, {**os.environ, "PYTHONPATH": str(SOURCES)}) as made:
        yield made


@contextmanager
def lanes(make: Callable[[], KilledSubject], number: int = LANES) -> Iterator[list[Kills]]:
    """Hubs that run."""
    with ExitStack() as stack:
        subjects = []
        for _ in range(number):
            subjects.append(make())
            stack.callback(subjects[-1].close)
        errors = []

        def boot(subject: KilledSubject) -> None:
            try:
                subject.boot()
            except AssertionError as error:
                errors.append(error)

        threads = [threading.Thread(target=boot, args=(each,)) for each in subjects]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        yield [killing(each) for each in subjects]


def killing(subject: KilledSubject, name: str = "user") -> Kills:
    """What kills a hub of ours, and judges it by its own report as well."""
    return Kills(
        subject,
        seconds=PATIENCE,
        settle=TWO_SWEEPS,
        name=name,
        amiss=partial(kill_troubles.amiss, subject.hub),
    )


def cases(kills: Kills, only: str = ONLY) -> list[Case]:
    """Each place once for what the hub does, with the first trouble that leads there.

    Args:
        kills: A hub that runs.
        only: A regular expression that is found in what is wanted.
    """
    found: dict[tuple[Doing, str], Case] = {}
    for doing, trouble in FLOWS_AND_TROUBLES:
        for place in kills.places(doing, trouble):
            found.setdefault((doing, place), Case(doing, place, trouble))
    return [each for each in found.values() if re.search(only, str(each))]


def die_everywhere(world: str, kills: Sequence[Kills]) -> None:
    """Die at every place, and tell what came of it.

    Raises:
        AssertionError: A promise was broken, or too few places were reached.
    """

    def done(outcome: Outcome) -> None:
        if RECORD:
            keep(Path(RECORD), Record(OURS, world, KILLED, outcome))

    wanted = cases(kills[0])
    assert wanted, f"no place has {ONLY!r}"
    outcomes = drain(wanted, kills, done)
    missed = [f"{each.doing}: {each.fault}" for each in outcomes if not each.reached]
    lines = [f"{len(outcomes) - len(missed)} of {len(outcomes)} places of {world} were reached."]
    print("\n  not reached: ".join([*lines, *missed]))
    broken = [each for each in outcomes if each.failures]
    assert not broken, tell(broken)
    assert len(missed) <= (1 - REACHED) * len(outcomes), missed


def tell(broken: Sequence[Outcome]) -> str:
    """What was broken, one line a place."""
    lines = [f"{each.doing} {', '.join(each.failures)}: {each.fault}" for each in broken]
    return "\n".join([f"{len(broken)} places break a promise:", *lines])
