"""Hubs that die at every place of a server's life, with containers of a real engine.

One place alone, by a regular expression that is found in what a run says of it::

    ANYWHERE_KILL_AT='start.*after engine POST' make test-engines \\
        ARGS="-s tests/engines/faults/test_docker_kills.py"

``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_subject import DockerSubject
from tests.hub.kill_lanes import RECORD, die_everywhere, lanes, zygote

from jupyterhub_anywhere.testing.faults.records import KILLED, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import Doing, Kills, pick

if TYPE_CHECKING:
    from engines.docker.engine import DockerEngine

# Where the bare spawner is known to lose something.
KNOWN: Final = (r"after engine POST .*/start",)


@pytest.mark.timeout(2400)
def test_nothing_is_lost_and_nothing_leaks_at_any_place(
    engine: DockerEngine, stub_image: str, tmp_path: Path
) -> None:
    with zygote(tmp_path) as warm:

        def make() -> DockerSubject:
            return DockerSubject(engine, stub_image, None, zygote=warm)

        with lanes(make) as hubs:
            die_everywhere("docker", hubs)


@pytest.mark.timeout(400)
def test_the_harness_bites(engine: DockerEngine, stub_image: str) -> None:
    with ExitStack() as stack:
        subject = DockerSubject(engine, stub_image, None, stock=True)
        stack.callback(subject.close)
        subject.boot()
        kills = Kills(subject)
        places = pick(kills.places(Doing.START), *KNOWN)
        outcomes = [kills.cycle(Doing.START, place) for place in places]
        for outcome in outcomes if RECORD else ():
            keep(Path(RECORD), Record(STOCK, "docker", KILLED, outcome))
        broken = {name for each in outcomes for name in each.failures}
        # Not leaked: the bare spawner finds a container again by its name.
        assert "tokens" in broken, outcomes
