"""Hubs that die at chosen places of a server's life, with containers of a real engine.

``ANYWHERE_KILLS=all`` takes every place in place of a few.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.docker_subject import DockerSubject
from tests.engines.faults.test_docker_faults import ALL, RECORD
from tests.hub.kill_hubs import KNOWN_FAILURES

from jupyterhub_anywhere.testing.faults import known
from jupyterhub_anywhere.testing.faults.control import fault_proxy
from jupyterhub_anywhere.testing.faults.records import KILLED, OURS, STOCK, Record, keep
from jupyterhub_anywhere.testing.faults.run import Doing, Kills, Outcome, pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engines.docker.engine import DockerEngine

SAMPLE: Final = {
    Doing.START: (r"after engine POST /containers/create", r"after engine POST .*/start"),
    Doing.STOP: (r"after engine POST .*/stop",),
}
KNOWN: Final = (r"after engine POST .*/start",)

pytestmark = pytest.mark.timeout(3600 if ALL else 400)


@pytest.fixture(params=[OURS, STOCK])
def hub(
    request: pytest.FixtureRequest, engine: DockerEngine, engine_room: Path, stub_image: str
) -> Iterator[tuple[str, DockerSubject]]:
    """A side, and a hub of that side."""
    folder = engine_room / "kills"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        control = stack.enter_context(fault_proxy(engine.socket, folder))
        made = DockerSubject(engine, stub_image, control, stock=request.param == STOCK)
        stack.callback(made.close)
        made.boot()
        yield request.param, made


def cycles(hub: DockerSubject, side: str, doing: Doing, patterns: Sequence[str]) -> list[Outcome]:
    kills = Kills(hub, name=f"{doing}")
    found = kills.places(doing)
    outcomes = [kills.cycle(doing, place) for place in (found if ALL else pick(found, *patterns))]
    for outcome in outcomes if RECORD else ():
        keep(Path(RECORD), Record(side, "docker", KILLED, outcome))
    assert any(each.reached for each in outcomes), outcomes
    return outcomes


def test_hubs_that_die(hub: tuple[str, DockerSubject]) -> None:
    side, subject = hub
    if side == OURS:
        outcomes = [
            outcome
            for doing, patterns in SAMPLE.items()
            for outcome in cycles(subject, side, doing, patterns)
        ]
        found = known.unexpected("docker", outcomes, known.load(KNOWN_FAILURES))
        assert found == [], outcomes
    else:
        outcomes = cycles(subject, side, Doing.START, KNOWN)
        broken = {name for each in outcomes for name in each.failures}
        # Not leaked: the bare spawner finds a container again by its name.
        assert "tokens" in broken, "the harness does not bite"
