"""The hub is killed while process and Docker servers run; kernels and websockets do not notice."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import Hub
from tests.hub.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.docker.engine import DockerEngine


CONFIG = """
c.DockerSpawner.remove = True
c.DockerSpawner.prefix = "restart"
c.Spawner.http_timeout = 120
"""


@pytest.fixture
def hub(engine: DockerEngine, image: str) -> Iterator[Hub]:
    made = Hub(
        arguments=["--keep-servers"],
        site={
            "targets": {
                "here": {"kind": "process"},
                "lab": {"kind": "docker", "url": engine.url, "spawner": {"image": image}},
            },
            "profiles": {
                "process": {"targets": ["here"]},
                "docker": {"targets": ["lab"]},
            },
        },
        config=CONFIG,
    )
    yield made

    made.close()
    with contextlib.closing(engine.client()) as client:
        for container in client.containers.list(all=True, filters={"name": "restart-"}):
            container.remove(force=True, v=True)


@pytest.mark.timeout(400)
def test_process_and_docker_servers_outlive_the_hub(hub: Hub, engine: DockerEngine) -> None:
    hub.start()
    hub.start_server("ann", options={"profile": "process"}, seconds=180)
    hub.start_server("ben", options={"profile": "docker"}, seconds=180)
    users = ("ann", "ben")
    with ExitStack() as stack:
        kernels = {user: stack.enter_context(Kernel(hub, user)) for user in users}
        code = "import os, socket; x = 41; print(os.getpid(), socket.gethostname())"
        identities = {user: kernels[user].execute(code) for user in users}

        hub.kill()
        for user in users:
            assert kernels[user].execute("x += 1; print(x)") == "42", "while the hub is away"
        hub.start()

        for user in users:
            model = hub.server(user)
            assert model is not None
            assert model["ready"]
            again = "import os, socket; print(os.getpid(), socket.gethostname())"
            assert kernels[user].execute(again) == identities[user]
            # A login that is in no cache is asked of the hub that came back.
            with Kernel(hub, user) as another:
                assert another.execute("print(6 * 7)") == "42"
    for user in users:
        hub.stop_server(user)
    with contextlib.closing(engine.client()) as client:
        left = client.containers.list(
            all=True, filters={"label": f"org.jupyterhub.anywhere.hub={hub.id}"}
        )
        assert left == []
