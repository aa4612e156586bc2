"""Every place of a world, in several hubs at once."""

from __future__ import annotations

import os
import re
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from tests.hub import kill_troubles
from tests.hub.harness import SOURCES
from tests.hub.kill_hubs import TWO_SWEEPS

from jupyterhub_anywhere.testing.faults.lanes import Case, drain
from jupyterhub_anywhere.testing.faults.records import (
    KILLED,
    KILLED_AGAIN,
    OURS,
    STOCK,
    Record,
    keep,
)
from jupyterhub_anywhere.testing.faults.run import (
    FLOWS,
    Doing,
    Kills,
    Outcome,
    Subject,
    Trouble,
    pick,
)
from jupyterhub_anywhere.testing.faults.zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.hub.harness import Hub

# More than cores: most of a cycle is waiting.
LANES: Final = 4
# How many of all places have to be reached; the rest are of a moment that did not come.
REACHED: Final = 0.9
# Seconds that a hub may take to put things right: a deletion that failed is tried again after five.
PATIENCE: Final = 20.0
STOCK_PATIENCE: Final = 5.0
ONLY: Final = os.environ.get("ANYWHERE_KILL_AT", "")
ALL: Final = os.environ.get("ANYWHERE_KILLS") == "all"
RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
# What a stock hub does as well: it has no sweeps.
STOCK_FLOWS: Final = tuple((doing, Trouble.NONE) for doing in FLOWS)
FLOWS_AND_TROUBLES: Final = (
    *STOCK_FLOWS,
    *((Doing.RECONCILE, trouble) for trouble in Trouble if trouble),
)


# Regular expressions by what a hub does, and what it has to set right.
Sample: TypeAlias = "Mapping[tuple[Doing, Trouble], Sequence[str]]"


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
def lanes(
    make: Callable[[], KilledSubject],
    number: int = LANES,
    kills: Callable[[KilledSubject], Kills] | None = None,
) -> Iterator[list[Kills]]:
    """Hubs that run.

    Args:
        make: Makes one, which does not run yet.
        number: How many.
        kills: What kills them and judges; default: `killing`.
    """
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
        yield [(kills or killing)(each) for each in subjects]


def killing(subject: KilledSubject, name: str = "user", *, again: bool = False) -> Kills:
    """What kills a hub of ours, and judges it by its own report as well.

    Args:
        subject: The hub.
        name: What users' names begin with.
        again: Whether a start is the second one of its server.
    """
    return Kills(
        subject,
        seconds=PATIENCE,
        settle=TWO_SWEEPS,
        name=name,
        again=again,
        amiss=partial(kill_troubles.amiss, subject.hub),
    )


def stock_killing(subject: KilledSubject, *, again: bool = False) -> Kills:
    """What kills a stock hub, which sets nothing right later."""
    return Kills(subject, seconds=STOCK_PATIENCE, again=again)


def cases(
    kills: Kills,
    only: str = ONLY,
    flows: Sequence[tuple[Doing, Trouble]] = FLOWS_AND_TROUBLES,
) -> list[Case]:
    """Each place once for what the hub does, with the first trouble that leads there.

    Args:
        kills: A hub that runs.
        only: A regular expression that is found in what is wanted.
        flows: What hubs do.
    """
    found: dict[tuple[Doing, str], Case] = {}
    for doing, trouble in flows:
        for place in kills.places(doing, trouble):
            found.setdefault((doing, place), Case(doing, place, trouble))
    return [each for each in found.values() if re.search(only, str(each))]


def chosen(kills: Kills, sample: Sample) -> list[Case]:
    """The first place that each pattern of a sample is found in.

    Raises:
        LookupError: A pattern is found in none.
    """
    return [
        Case(doing, place, trouble)
        for (doing, trouble), patterns in sample.items()
        for place in pick(kills.places(doing, trouble), *patterns)
    ]


def die_everywhere(
    world: str, kills: Sequence[Kills], wanted: Sequence[Case] = (), row: str = KILLED
) -> None:
    """Die at every place, and tell what came of it.

    Args:
        world: As in the table of faults.
        kills: Hubs of ours that run.
        wanted: Some places in place of all.
        row: Of the table.

    Raises:
        AssertionError: A promise was broken, or too few places were reached.
    """
    every = wanted or cases(kills[0])
    assert every, f"no place has {ONLY!r}"
    outcomes = die(OURS, world, kills, every, row)
    broken = [each for each in outcomes if each.failures]
    assert not broken, tell(broken)
    missed = [each.fault for each in outcomes if not each.reached]
    # One of a few is of a moment that did not come; one in ten of many.
    assert len(missed) <= max(1, (1 - REACHED) * len(outcomes)), missed


def die(
    side: str, world: str, kills: Sequence[Kills], wanted: Sequence[Case], row: str = KILLED
) -> list[Outcome]:
    """Die at some places, and keep what came of it.

    Args:
        side: Whose hubs.
        world: As in the table of faults.
        kills: The hubs, which run.
        wanted: The places.
        row: Of the table.
    """

    def done(outcome: Outcome) -> None:
        if RECORD:
            keep(Path(RECORD), Record(side, world, row, outcome))

    outcomes = drain(wanted, kills, done)
    missed = [f"{each.doing}: {each.fault}" for each in outcomes if not each.reached]
    lines = [f"{len(outcomes) - len(missed)} of {len(outcomes)} places of {world} were reached."]
    print("\n  not reached: ".join([*lines, *missed]))
    return outcomes


def die_in_stock(
    world: str,
    make: Callable[[], KilledSubject],
    sample: Sample,
    *,
    again: bool = False,
    flows: Sequence[tuple[Doing, Trouble]] = STOCK_FLOWS,
) -> set[str]:
    """Die at a few places of a stock hub, or at all, and say which promises it breaks.

    Args:
        world: As in the table of faults.
        make: Makes a stock hub.
        sample: The few places.
        again: Whether a start is the second one of its server.
        flows: What hubs do, where they die at all places.
    """
    every = ALL or bool(ONLY)
    with lanes(make, LANES if every else 1, partial(stock_killing, again=again)) as hubs:
        wanted = cases(hubs[0], flows=flows) if every else chosen(hubs[0], sample)
        outcomes = die(STOCK, world, hubs, wanted, KILLED_AGAIN if again else KILLED)
    return {name for each in outcomes for name in each.failures}


def tell(broken: Sequence[Outcome]) -> str:
    """What was broken, one line a place."""
    lines = [f"{each.doing} {', '.join(each.failures)}: {each.fault}" for each in broken]
    return "\n".join([f"{len(broken)} places break a promise:", *lines])
