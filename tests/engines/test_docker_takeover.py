"""A hub with DockerSpawner becomes ours by two lines while its containers run, and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engines.docker_hub import OURS, STOCK, DockerHub, docker_hub
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.docker.engine import DockerEngine

SERVERS = [("ann", ""), ("ann", "second")]


@pytest.fixture
def site(engine: DockerEngine, stub_image: str) -> Iterator[DockerHub]:
    with docker_hub(engine, stub_image) as made:
        yield made


def restarted(site: DockerHub, *parts: str) -> None:
    """End the hub, its servers go on; start it with another configuration."""
    site.hub.stop()
    site.configure(*parts)
    site.hub.start()


def serves(site: DockerHub, identities: dict[tuple[str, str], str]) -> None:
    """Each server is ready, is the same container, has its route, and its token counts."""
    for user, server in SERVERS:
        found = site.container(user, server)
        assert found is not None
        assert found["Id"] == identities[user, server]
        assert found["State"]["Running"]

        def ready(user: str = user, server: str = server) -> bool:
            model = site.hub.server(user, server)
            return bool(model and model["ready"])

        wait_for(ready, what=f"{user}/{server}")
        assert site.ask(user, "stub/about", server).status_code == 200
        answer = site.who_am_i(site.token(user, server))
        assert answer.status_code == 200
        assert answer.json()["name"] == user


@pytest.mark.timeout(300)
def test_there_and_back_while_containers_run(site: DockerHub) -> None:
    site.configure(STOCK)
    site.hub.start()
    identities = {}
    for user, server in SERVERS:
        site.hub.start_server(user, server)
        found = site.container(user, server)
        assert found is not None
        identities[user, server] = str(found["Id"])
    assert site.ask("ann", "stub/files/kept", method="PUT", content=b"mine").status_code == 201
    serves(site, identities)

    restarted(site, OURS)
    serves(site, identities)
    model = site.hub.server("ann")
    assert model is not None
    assert model["state"]["target"] == "lab"

    # It is ours: stopped and started, it is the same container with its file and its token.
    site.hub.stop_server("ann")
    found = site.container("ann")
    assert found is not None
    assert not found["State"]["Running"]
    site.hub.start_server("ann")
    serves(site, identities)
    assert site.ask("ann", "stub/files/kept").content == b"mine"

    restarted(site, STOCK)
    serves(site, identities)
    assert site.ask("ann", "stub/files/kept").content == b"mine"
    site.hub.stop_server("ann", "second")
    found = site.container("ann", "second")
    assert found is not None
    assert not found["State"]["Running"]


@pytest.mark.timeout(300)
def test_what_users_had_chosen_of_the_old_spawner_breaks_nothing(
    site: DockerHub, stub_image: str
) -> None:
    allowed = f"c.DockerSpawner.allowed_images = {{'stub': {stub_image!r}, 'none': 'no/such:1'}}\n"
    site.configure(STOCK, extra=allowed)
    site.hub.start()
    site.hub.start_server("ann", options={"image": "stub"})
    before = site.container("ann")
    site.hub.stop()
    site.configure(OURS, extra=allowed)
    site.hub.start()

    def ready() -> bool:
        model = site.hub.server("ann")
        return bool(model and model["ready"])

    wait_for(ready, what="ann's server")
    site.hub.stop_server("ann")
    site.hub.start_server("ann")
    after = site.container("ann")
    assert before is not None
    assert after is not None
    assert after["Id"] == before["Id"]
