"""An engine is killed under its hub and comes back, with servers that outlive it or do not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engines.faults.docker_servers import home
from tests.engines.faults.docker_subject import DockerSubject
from tests.engines.faults.test_docker_faults import RECORD
from tests.hub.kill_hubs import KNOWN_FAILURES

from engines.docker import images
from engines.docker.engine import DockerEngine
from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.control import fault_proxy
from jupyterhub_anywhere.testing.faults.engine import engine_dies
from jupyterhub_anywhere.testing.faults.records import OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import BYSTANDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(params=[True, False], ids=["outlived", "ended"])
def mortal(
    request: pytest.FixtureRequest, engine_room: Path, stub_image: str
) -> Iterator[DockerEngine]:
    """An engine of the test's own."""
    folder = engine_room / "mortal"
    with DockerEngine(folder, name="mortal", live_restore=request.param) as engine:
        engine.load(images.tar_of(stub_image))
        yield engine


def test_an_engine_that_is_killed_and_comes_back(
    mortal: DockerEngine, engine_room: Path, stub_image: str
) -> None:
    folder = engine_room / "dies"
    folder.mkdir(exist_ok=True)
    outcomes, logs = {}, {}
    for side in (OURS, STOCK):
        with ExitStack() as stack:
            control = stack.enter_context(fault_proxy(mortal.socket, folder))
            # An engine that comes back removes what is to go with its server, alive or not.
            keeps = mortal.live_restore
            subject = DockerSubject(mortal, stub_image, control, stock=side == STOCK, keeps=keeps)
            stack.callback(subject.close)
            subject.boot()
            outcome = engine_dies(subject, mortal.kill, mortal.start, live=mortal.live_restore)
            logs[side] = subject.hub.logs(80)
            if side == OURS and not mortal.live_restore:
                assert "Your server is gone" in home(subject, BYSTANDER), logs[side]
        outcomes[side] = outcome
        if RECORD:
            keep(Path(RECORD), Record(side, "docker", outcome.fault, outcome))

    found = known.unexpected("docker", [outcomes[OURS]], known.load(KNOWN_FAILURES))
    assert found == [], (outcomes, logs[OURS])
