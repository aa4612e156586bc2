"""Servers that end or do not answer, with their hub there or away; ours, and the stock hub's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.hub.kill_hubs import KNOWN_FAILURES, HastyHub

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import Doing, Outcome
from jupyterhub_anywhere.testing.faults.servers import Harm, Harms

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
MORE: Final = (
    (Doing.RESTART, Harm.FROZEN),
    (Doing.RUN, Harm.FROZEN),
    (Doing.RUN, Harm.DEAF),
)
CASES: Final = (
    (Doing.RUN, Harm.KILLED),
    (Doing.RESTART, Harm.KILLED),
    (Doing.RESTART, Harm.DEAF),
    *(MORE if os.environ.get("ANYWHERE_KILLS") == "all" else ()),
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=[OURS, STOCK])
def hub(request: pytest.FixtureRequest) -> Iterator[tuple[str, HastyHub]]:
    """A side, and a hub of that side."""
    made = HastyHub.ours() if request.param == OURS else HastyHub.stock()
    try:
        made.boot()
        yield request.param, made
    finally:
        made.close()


def test_servers_that_end_or_do_not_answer(hub: tuple[str, HastyHub]) -> None:
    side, subject = hub
    harms = Harms(subject)
    outcomes: dict[tuple[Doing, Harm], Outcome] = {}
    for doing, harm in CASES:
        outcomes[doing, harm] = outcome = harms.cycle(doing, harm)
        if _RECORD:
            keep(Path(_RECORD), Record(side, "process", str(harm), outcome))
    if side == OURS:
        found = known.unexpected("process", outcomes.values(), known.load(KNOWN_FAILURES))
        assert found == []
    else:
        lost = outcomes[Doing.RESTART, Harm.DEAF]
        assert "lost" in lost.failures, "the harness does not bite"
