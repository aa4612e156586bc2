"""Hubs that die at chosen places of a server's life, with servers that are local processes.

``ANYWHERE_KILLS=all`` takes every place that a hub comes by in place of a few, which takes about a
quarter of an hour. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.hub.kill_hubs import KNOWN_FAILURES, KilledHub

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.records import KILLED, OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import FLOWS, Doing, Kills, Outcome, pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL: Final = os.environ.get("ANYWHERE_KILLS") == "all"
_RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
# Where it is worst: what exists is not written down yet, or what is written down is not done yet.
SAMPLE: Final = {
    Doing.START: ("after commit .*new_api_token", "after Popen", "after go"),
    Doing.STOP: (r"after kill\(SIGTERM\)", "before proxy DELETE"),
    Doing.RESTART: ("returns in .*check_spawner",),
}
# What JupyterHub itself is known to lose: a server that runs before its state is saved.
KNOWN: Final = ("after Popen", "waits in .*user.py:spawn")

pytestmark = pytest.mark.timeout(3600 if ALL else 300)


@pytest.fixture(scope="module")
def ours() -> Iterator[KilledHub]:
    made = KilledHub.ours()
    try:
        made.boot()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def stock() -> Iterator[KilledHub]:
    made = KilledHub.stock()
    try:
        made.boot()
        yield made
    finally:
        made.close()


def cycles(hub: KilledHub, side: str, doing: Doing, patterns: Sequence[str]) -> list[Outcome]:
    """Die at each place, all or some."""
    kills = Kills(hub, name=f"{doing}")
    found = kills.places(doing)
    assert len(found) > 4, found
    outcomes = []
    for place in found if ALL else pick(found, *patterns):
        outcome = kills.cycle(doing, place)
        outcomes.append(outcome)
        if _RECORD:
            keep(Path(_RECORD), Record(side, "process", KILLED, outcome))
    return outcomes


@pytest.mark.parametrize("doing", FLOWS)
def test_nothing_is_lost_and_nothing_leaks(ours: KilledHub, doing: Doing) -> None:
    outcomes = cycles(ours, OURS, doing, SAMPLE[doing])

    assert sum(each.reached for each in outcomes) >= len(outcomes) // 2, outcomes
    assert known.unexpected("process", outcomes, known.load(KNOWN_FAILURES)) == []


def test_the_harness_bites(stock: KilledHub) -> None:
    """The stock hub leaks what it started and had not written down; else nothing was proved."""
    outcomes = cycles(stock, STOCK, Doing.START, KNOWN)

    broken = {name for each in outcomes for name in each.failures}
    assert {"leaked", "tokens"} <= broken, outcomes
