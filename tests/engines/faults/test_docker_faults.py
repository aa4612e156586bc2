"""A real engine behind a proxy that breaks what it is told to break; ours, and the bare spawner.

``ANYWHERE_KILLS=all`` makes every fault in place of a few. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps
the outcomes for the documentation.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_subject import DockerSubject
from tests.hub.kill_hubs import KNOWN_FAILURES

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.control import Control, fault_proxy
from jupyterhub_anywhere.testing.faults.engine import FAULTS, READ_ONLY, Breaks, Fault, named
from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import FLOWS, Doing, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engines.docker.engine import DockerEngine

ALL: Final = os.environ.get("ANYWHERE_KILLS") == "all"
RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
SAMPLE: Final = {
    Doing.START: ("one answer is lost", "the connection is cut after one call"),
    Doing.STOP: ("the engine answers 500 once", READ_ONLY),
    Doing.RESTART: ("the engine answers 500", "each answer is half of its JSON"),
}
# What the stock hub is known to lose.
KNOWN: Final = {
    Doing.STOP: ("the engine answers 500 once",),
    Doing.RESTART: ("the engine answers 500",),
}

pytestmark = pytest.mark.timeout(3600 if ALL else 400)


@pytest.fixture(scope="module")
def broken(engine: DockerEngine, engine_room: Path) -> Iterator[Control]:
    folder = engine_room / "faults"
    folder.mkdir(exist_ok=True)
    with fault_proxy(engine.socket, folder) as control:
        yield control


@pytest.fixture(scope="module")
def ours(engine: DockerEngine, stub_image: str, broken: Control) -> Iterator[DockerSubject]:
    with ExitStack() as stack:
        made = DockerSubject(engine, stub_image, broken)
        stack.callback(made.close)
        stack.callback(broken.rules)
        made.boot()
        yield made


@pytest.fixture(scope="module")
def stock(engine: DockerEngine, stub_image: str, broken: Control) -> Iterator[DockerSubject]:
    with ExitStack() as stack:
        made = DockerSubject(engine, stub_image, broken, stock=True)
        stack.callback(made.close)
        stack.callback(broken.rules)
        made.boot()
        yield made


def cycles(
    subject: DockerSubject, control: Control, side: str, doing: Doing, faults: Sequence[Fault]
) -> list[Outcome]:
    """One cycle a fault."""
    breaks = Breaks(subject, control, name=str(doing))
    outcomes = []
    for fault in faults:
        outcome = breaks.cycle(doing, fault)
        outcomes.append(outcome)
        if RECORD:
            keep(Path(RECORD), Record(side, "docker", fault.name, outcome))
    return outcomes


def chosen(names: Sequence[str]) -> Sequence[Fault]:
    return FAULTS if ALL else [named(name) for name in names]


@pytest.mark.parametrize("doing", FLOWS)
def test_nothing_is_lost_and_nothing_leaks(
    ours: DockerSubject, broken: Control, doing: Doing
) -> None:
    outcomes = cycles(ours, broken, OURS, doing, chosen(SAMPLE[doing]))

    assert known.unexpected("docker", outcomes, known.load(KNOWN_FAILURES)) == []


def test_the_harness_bites(stock: DockerSubject, broken: Control) -> None:
    """What is known of the stock hub: it forgets at a restart, and leaks what it cannot stop."""
    found = {
        doing: cycles(stock, broken, STOCK, doing, chosen(names)) for doing, names in KNOWN.items()
    }
    if ALL:
        cycles(stock, broken, STOCK, Doing.START, FAULTS)

    for doing, promise in ((Doing.STOP, "leaked"), (Doing.RESTART, "lost")):
        broken_there = {name for each in found[doing] for name in each.failures}
        assert promise in broken_there, found[doing]
