"""Hubs that die at chosen places of a server's life, with servers that are local processes.

Every place is a test of its own: tests/engines/faults/test_process_kills.py. ``ANYWHERE_KILLS=all``
takes every place of a stock hub. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for
the documentation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.hub.kill_hubs import KilledHub
from tests.hub.kill_lanes import ALL, RECORD, Sample, die_in_stock, killing, zygote

from jupyterhub_anywhere.testing.faults.records import KILLED, OURS, Record, keep
from jupyterhub_anywhere.testing.faults.run import Doing, Kills, Outcome, Trouble, pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyterhub_anywhere.testing.faults.zygote import Zygote

# Where it is worst: what exists is not written down yet, or what is written down is not done yet.
SAMPLE: Final[Sample] = {
    (Doing.START, Trouble.NONE): ("after commit .*new_api_token", "after Popen", "after go"),
    (Doing.STOP, Trouble.NONE): (r"after kill\(SIGTERM\)", "before proxy DELETE"),
    (Doing.RESTART, Trouble.NONE): ("returns in .*check_spawner",),
    (Doing.RECONCILE, Trouble.STRAY): (r"after commit .*store\.py:add",),
}
# What JupyterHub itself is known to lose: a server that runs before its state is saved.
KNOWN: Final[Sample] = {
    (Doing.START, Trouble.NONE): ("after Popen", "waits in .*user.py:spawn"),
}

pytestmark = pytest.mark.timeout(3600 if ALL else 300)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote")) as made:
        yield made


@pytest.fixture(scope="module")
def ours(warm: Zygote) -> Iterator[KilledHub]:
    made = KilledHub.ours(zygote=warm)
    try:
        made.boot()
        yield made
    finally:
        made.close()


def cycles(kills: Kills, doing: Doing, trouble: Trouble, places: Sequence[str]) -> list[Outcome]:
    """Die at each place."""
    outcomes = []
    for place in places:
        outcome = kills.cycle(doing, place, trouble)
        outcomes.append(outcome)
        if RECORD:
            keep(Path(RECORD), Record(OURS, "process", KILLED, outcome))
    return outcomes


@pytest.mark.parametrize(("doing", "trouble"), SAMPLE)
def test_nothing_is_lost_and_nothing_leaks(ours: KilledHub, doing: Doing, trouble: Trouble) -> None:
    kills = killing(ours, f"{doing}{trouble}")
    found = pick(kills.places(doing, trouble), *SAMPLE[doing, trouble])
    outcomes = cycles(kills, doing, trouble, found)

    assert sum(each.reached for each in outcomes) >= len(outcomes) // 2, outcomes
    assert [each for each in outcomes if each.failures] == []


def test_the_harness_bites(warm: Zygote) -> None:
    """The stock hub leaks what it started and had not written down; else nothing was proved."""
    broken = die_in_stock("process", lambda: KilledHub.stock(zygote=warm), KNOWN)
    assert {"leaked", "tokens"} <= broken
