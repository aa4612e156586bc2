"""Hubs that die at every place of a server's life, with containers of a real engine.

One place alone, by a regular expression that is found in what a run says of it::

    ANYWHERE_KILL_AT='start.*after engine POST' make test-engines \\
        ARGS="-s tests/engines/faults/test_docker_kills.py"

``ANYWHERE_KILLS=all`` takes every place of the bare spawner as well, in place of one.
``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_subject import DockerSubject
from tests.hub.kill_lanes import ALL, Sample, die_everywhere, die_in_stock, lanes, zygote

from jupyterhub_anywhere.testing.faults.run import Doing, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from engines.docker.engine import DockerEngine

# Where the bare spawner is known to lose something.
KNOWN: Final[Sample] = {(Doing.START, Trouble.NONE): (r"after engine POST .*/start",)}


@pytest.mark.timeout(2400)
def test_nothing_is_lost_and_nothing_leaks_at_any_place(
    engine: DockerEngine, stub_image: str, tmp_path: Path
) -> None:
    with zygote(tmp_path) as warm:

        def make() -> DockerSubject:
            return DockerSubject(engine, stub_image, None, zygote=warm)

        with lanes(make) as hubs:
            die_everywhere("docker", hubs)


@pytest.mark.timeout(3600 if ALL else 400)
def test_the_harness_bites(engine: DockerEngine, stub_image: str, tmp_path: Path) -> None:
    with zygote(tmp_path) as warm:

        def make() -> DockerSubject:
            return DockerSubject(engine, stub_image, None, stock=True, zygote=warm)

        broken = die_in_stock("docker", make, KNOWN)
    # Not leaked: the bare spawner finds a container again by its name.
    assert "tokens" in broken
