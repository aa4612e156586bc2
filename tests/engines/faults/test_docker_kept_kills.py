"""Hubs that die while containers stay for the next start, with their users' files in them.

A few places; ``ANYWHERE_KILLS=all`` or ``ANYWHERE_KILL_AT`` takes them all, or those that have a
regular expression. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.engines.faults.docker_kept import KeptSubject
from tests.hub.harness import wait_for
from tests.hub.kill_lanes import (
    ALL,
    FLOWS_AND_TROUBLES,
    LANES,
    ONLY,
    STOCK_FLOWS,
    Sample,
    cases,
    chosen,
    die_everywhere,
    die_in_stock,
    killing,
    lanes,
    zygote,
)

from jupyterhub_anywhere.testing.faults.kills import Plan
from jupyterhub_anywhere.testing.faults.records import KEPT, KILLED, KILLED_AGAIN
from jupyterhub_anywhere.testing.faults.run import Doing, Trouble, pick, settled

if TYPE_CHECKING:
    from pathlib import Path

    from engines.docker.engine import DockerEngine

# Where a container is on its way from kept to running, or back.
SAMPLE: Final[Sample] = {
    (Doing.START, Trouble.NONE): (
        "before engine POST .*/start",
        "after engine POST .*/start",
    ),
    (Doing.STOP, Trouble.NONE): ("before engine POST .*/stop", "after engine POST .*/stop"),
    (Doing.RESTART, Trouble.NONE): ("returns in .*check_spawner",),
    (Doing.RECONCILE, Trouble.WISH): ("after engine POST .*/stop",),
    (Doing.RECONCILE, Trouble.STRAY): (r"after commit .*store\.py:add",),
}
STOCK_SAMPLE: Final[Sample] = {(Doing.START, Trouble.NONE): ("after engine POST .*/start",)}
FIRST: Final = [(Doing.START, Trouble.NONE)]
EVERY: Final = ALL or bool(ONLY)

pytestmark = pytest.mark.timeout(3600 if ALL else 600)


@pytest.mark.parametrize("again", [True, False] if EVERY else [True])
def test_no_place_costs_a_container_that_is_kept(
    engine: DockerEngine, stub_image: str, tmp_path: Path, *, again: bool
) -> None:
    """Starts are of containers that were kept; with every place, first starts come as well."""
    with zygote(tmp_path) as warm:

        def make() -> KeptSubject:
            return KeptSubject(engine, stub_image, None, zygote=warm)

        with lanes(make, LANES if EVERY else 2, partial(killing, again=again)) as hubs:
            flows = FLOWS_AND_TROUBLES if again else FIRST
            wanted = cases(hubs[0], flows=flows) if EVERY else chosen(hubs[0], SAMPLE)
            die_everywhere(KEPT, hubs, wanted, KILLED_AGAIN if again else KILLED)


def test_who_had_a_container_kept_can_log_in_to_it_though_the_hub_died_as_it_started(
    engine: DockerEngine, stub_image: str, tmp_path: Path
) -> None:
    """A start makes a token and a secret that the container, which has others, never gets."""
    with zygote(tmp_path) as warm, ExitStack() as stack:
        subject = KeptSubject(engine, stub_image, None, zygote=warm)
        stack.callback(subject.close)
        subject.boot()
        kills = killing(subject, again=True)
        found = kills.places(Doing.START)
        # The address is written down, and the token is not set right yet.
        (made,) = pick(found, "after engine POST .*/start")
        (place,) = pick(found[found.index(made) :], r"after commit in \S+ > \S*user\.py:spawn:\d+$")
        before = settled(subject, "ann")
        token = subject.made.token("ann")
        assert subject.has_secret("ann", token)
        subject.ask_stop("ann")
        wait_for(lambda: "ann" not in subject.running(), what="the end of ann's server")

        Plan("die", place).write(subject.folder)
        subject.ask_start("ann")
        wait_for(subject.ended, what="a hub that dies")
        Plan().write(subject.folder)
        assert not subject.has_secret("ann", token), "nothing was broken"
        subject.boot()

        wait_for(lambda: subject.told("ann").tokens == 1, what="the end of the other token")
        assert subject.told("ann").ready
        assert subject.made.who_am_i(token).status_code == httpx.codes.OK
        assert subject.has_secret("ann", token)
        assert settled(subject, "ann") == before
        assert subject.has_secret("ann", token)


@pytest.mark.parametrize("again", [True, False] if EVERY else [True])
def test_the_harness_bites(
    engine: DockerEngine, stub_image: str, tmp_path: Path, *, again: bool
) -> None:
    """The stock hub never takes back the token of a start that did not come to its end."""
    with zygote(tmp_path) as warm:

        def make() -> KeptSubject:
            return KeptSubject(engine, stub_image, None, stock=True, zygote=warm)

        flows = STOCK_FLOWS if again else FIRST
        broken = die_in_stock(KEPT, make, STOCK_SAMPLE, again=again, flows=flows)
    assert "tokens" in broken
