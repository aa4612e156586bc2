"""Servers in containers that end, stand still or do not answer; ours, and the bare spawner.

``ANYWHERE_KILLS=all`` makes every harm for the bare spawner as well, in place of those that it is
known not to survive. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_servers import HarmedSubject
from tests.engines.faults.lanes import Lane, Lanes
from tests.engines.faults.test_docker_faults import ALL, LANES, RECORD
from tests.hub.kill_hubs import KNOWN_FAILURES

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import Doing, Outcome
from jupyterhub_anywhere.testing.faults.servers import Harm, Harms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines.docker.engine import DockerEngine

CASES: Final = [(doing, harm) for doing in (Doing.RESTART, Doing.RUN) for harm in Harm]
# What the stock hub is known to lose, and the promise that it breaks by it.
KNOWN: Final = {(Doing.RESTART, Harm.DEAF): "lost"}
# What a user reads whose server has ended so, while the hub runs.
SAID: Final = {
    Harm.KILLED: "Your server",
    Harm.STARVED: "It used more than its memory limit",
}
SLOW: Final = 20.0
_NUMBERS: Final = itertools.count(1)

pytestmark = pytest.mark.timeout(3600 if ALL else 900)


@pytest.fixture
def ours(engine: DockerEngine, engine_room: Path, stub_image: str) -> Iterator[Lanes]:
    with Lanes(
        engine,
        engine_room / "h",
        lambda control, warm: HarmedSubject(engine, stub_image, control, zygote=warm),
        LANES,
    ) as made:
        yield made


@pytest.fixture
def stock(engine: DockerEngine, engine_room: Path, stub_image: str) -> Iterator[Lanes]:
    with Lanes(
        engine,
        engine_room / "i",
        lambda control, warm: HarmedSubject(engine, stub_image, control, stock=True, zygote=warm),
        LANES if ALL else len(KNOWN),
    ) as made:
        yield made


def cycle(side: str, doing: Doing, harm: Harm) -> Callable[[Lane], Outcome]:
    """One harm to a server of one hub."""

    def done(lane: Lane) -> Outcome:
        subject, name = lane.subject, f"harmed{next(_NUMBERS)}x"
        assert isinstance(subject, HarmedSubject)
        outcome = Harms(subject, name=name, slow=SLOW).cycle(doing, harm)
        if RECORD:
            keep(Path(RECORD), Record(side, "docker", str(harm), outcome))
        if side == OURS and harm in SAID:
            assert SAID[harm] in subject.reads(f"{name}1"), f"{harm}: the user is not told so"
        return outcome

    return done


def test_servers_that_end_or_do_not_answer(ours: Lanes) -> None:
    outcomes = ours.run([cycle(OURS, doing, harm) for doing, harm in CASES])

    assert known.unexpected("docker", outcomes, known.load(KNOWN_FAILURES)) == []


def test_the_harness_bites(stock: Lanes) -> None:
    """The stock hub destroys what is slow when it comes back."""
    outcomes = stock.run([cycle(STOCK, doing, harm) for doing, harm in (CASES if ALL else KNOWN)])

    found = {(each.doing, each.fault): each for each in outcomes}
    for case, promise in KNOWN.items():
        assert promise in found[case].failures, found[case]
