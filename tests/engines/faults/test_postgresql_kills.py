"""Hubs that die with their ledger in a real PostgreSQL; servers are local processes.

A few places; ``ANYWHERE_KILLS=all`` or ``ANYWHERE_KILL_AT`` takes them all, or those that have a
regular expression. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest
from tests.conftest import lacking
from tests.hub.kill_hubs import KilledHub
from tests.hub.kill_lanes import ALL, ONLY, Sample, chosen, die_everywhere, lanes, zygote

from engines.postgresql import server as postgresql
from engines.postgresql.server import PostgresServer
from jupyterhub_anywhere.testing.faults.records import LEDGER_ELSEWHERE
from jupyterhub_anywhere.testing.faults.run import Doing, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Around what is written to the database server, and what is not written there yet.
SAMPLE: Final[Sample] = {
    (Doing.START, Trouble.NONE): (
        r"before commit .*store\.py:add",
        r"after commit .*store\.py:add",
        "after Popen",
    ),
    (Doing.STOP, Trouble.NONE): (r"after commit .*store\.py:", r"after kill\(SIGTERM\)"),
    (Doing.RECONCILE, Trouble.WISH): (r"after kill\(SIGTERM\)",),
    (Doing.RECONCILE, Trouble.UNHELD): (r"after commit .*store\.py:add",),
}

pytestmark = pytest.mark.timeout(2400 if ALL else 600)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    if reason := lacking("engine") or postgresql.lacking():
        pytest.skip(reason)
    with PostgresServer() as made:
        yield made


def test_nothing_is_lost_and_nothing_leaks(server: PostgresServer, tmp_path: Path) -> None:
    number = itertools.count()
    with zygote(tmp_path) as warm:

        def make() -> KilledHub:
            url = server.database(f"kills{next(number)}")
            return KilledHub.ours(zygote=warm, ledger=url)

        every = ALL or bool(ONLY)
        with lanes(make, 4 if every else 2) as hubs:
            die_everywhere(LEDGER_ELSEWHERE, hubs, () if every else chosen(hubs[0], SAMPLE))
