"""A real engine behind a proxy that breaks what it is told to break; ours, and the bare spawner.

``ANYWHERE_KILLS=all`` makes every fault for the bare spawner as well, in place of a few.
``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_subject import DockerSubject
from tests.engines.faults.lanes import Lane, Lanes
from tests.hub.kill_hubs import KNOWN_FAILURES

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.engine import FAULTS, Breaks, Fault, named
from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import FLOWS, Doing, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines.docker.engine import DockerEngine

ALL: Final = os.environ.get("ANYWHERE_KILLS") == "all"
RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
LANES: Final = 3
# A stop that failed twice is tried again after 15 seconds.
SECONDS: Final = 30.0
# What the stock hub is known to lose, and the promise that it breaks by it.
KNOWN: Final = {
    (Doing.STOP, "the engine answers 500 once"): "leaked",
    (Doing.RESTART, "the engine answers 500"): "lost",
}
# Each cycle's users are named apart, also where a test is tried once more.
_NUMBERS: Final = itertools.count(1)

pytestmark = pytest.mark.timeout(3600 if ALL else 900)


@pytest.fixture(scope="module")
def ours(engine: DockerEngine, engine_room: Path, stub_image: str) -> Iterator[Lanes]:
    with Lanes(
        engine,
        engine_room / "o",
        lambda control, warm: DockerSubject(engine, stub_image, control, zygote=warm),
        LANES,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def stock(engine: DockerEngine, engine_room: Path, stub_image: str) -> Iterator[Lanes]:
    with Lanes(
        engine,
        engine_room / "s",
        lambda control, warm: DockerSubject(engine, stub_image, control, stock=True, zygote=warm),
        LANES if ALL else len(KNOWN),
    ) as made:
        yield made


def cycle(side: str, doing: Doing, fault: Fault) -> Callable[[Lane], Outcome]:
    """One fault of one hub."""

    def done(lane: Lane) -> Outcome:
        breaks = Breaks(
            lane.subject, lane.control, seconds=SECONDS, name=f"{doing}{next(_NUMBERS)}x"
        )
        outcome = breaks.cycle(doing, fault)
        if RECORD:
            keep(Path(RECORD), Record(side, "docker", fault.name, outcome))
        return outcome

    return done


@pytest.mark.parametrize("doing", FLOWS)
def test_nothing_is_lost_and_nothing_leaks(ours: Lanes, doing: Doing) -> None:
    outcomes = ours.run([cycle(OURS, doing, fault) for fault in FAULTS])

    assert [each.fault for each in outcomes if not each.reached] == []
    assert known.unexpected("docker", outcomes, known.load(KNOWN_FAILURES)) == []


def test_the_harness_bites(stock: Lanes) -> None:
    """What is known of the stock hub: it forgets at a restart, and leaks what it cannot stop."""
    cases = (
        [(doing, fault) for doing in FLOWS for fault in FAULTS]
        if ALL
        else [(doing, named(name)) for doing, name in KNOWN]
    )
    outcomes = stock.run([cycle(STOCK, doing, fault) for doing, fault in cases])

    found = {(each.doing, each.fault): each for each in outcomes}
    for case, promise in KNOWN.items():
        assert promise in found[case].failures, found[case]
