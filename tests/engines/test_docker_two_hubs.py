"""Two hubs at one engine do not touch each other's containers; an engine that goes is no end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.docker_hub import OURS, DockerHub, docker_hub
from tests.hub.harness import wait_for

from engines.docker import images
from engines.docker.engine import DockerEngine
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from engines.docker.engine import DockerEngine as Engine
    from jupyterhub_anywhere.targets.base import Inventory, Resource


@pytest.fixture
def hubs(engine: Engine, stub_image: str) -> Iterator[tuple[DockerHub, DockerHub]]:
    with docker_hub(engine, stub_image) as first, docker_hub(engine, stub_image) as second:
        yield first, second


def owned(site: DockerHub) -> list[str]:
    """What the hub's target says that there is of this hub's."""
    target = load_site(site.hub.file, state_root=site.hub.state.root).targets["lab"]
    inventory = target.inventory()
    assert inventory is not None
    return [each.name for each in asyncio.run(_owned(inventory))]


async def _owned(inventory: Inventory) -> Sequence[Resource]:
    return await inventory.owned()


def ready(site: DockerHub, user: str) -> bool:
    model = site.hub.server(user)
    return bool(model and model["ready"])


@pytest.mark.timeout(300)
def test_two_hubs_at_one_engine(hubs: tuple[DockerHub, DockerHub]) -> None:
    first, second = hubs
    for site in hubs:
        site.configure(OURS)
        site.hub.start()
        site.hub.start_server("ann")
    theirs = second.container("ann")
    assert theirs is not None
    for site in hubs:
        assert owned(site) == [f"{site.prefix}-ann"]

    # The user is deleted here, with what the hub keeps of her; the other hub's ann is another.
    first.hub.stop_server("ann")
    assert first.hub.api("DELETE", "users/ann").status_code == 204
    assert first.container("ann") is None
    after = second.container("ann")
    assert after is not None
    assert after["Id"] == theirs["Id"]
    assert after["State"]["Running"]

    # Given the same names, the second to come is told, and nothing is taken from the first.
    first.hub.stop()
    first.configure(OURS, extra=f"c.DockerSpawner.prefix = {second.prefix!r}\n")
    first.hub.start()
    first.hub.add_user("ann")
    answer = first.hub.api("POST", "users/ann/server", json={})
    if answer.status_code == 202:  # the first second is over: its progress says it
        answer = first.hub.api("GET", "users/ann/server/progress", timeout=60)
    assert "belongs to a container of another hub" in answer.text
    wait_for(lambda: first.hub.server("ann") is None or not ready(first, "ann"), what="the refusal")
    after = second.container("ann")
    assert after is not None
    assert after["Id"] == theirs["Id"]
    assert after["State"]["Running"]
    assert second.ask("ann", "stub/about").status_code == 200


@pytest.fixture
def own_engine(engine_room: Path) -> Iterator[Engine]:
    with DockerEngine(engine_room / "own", name="own", live_restore=True) as made:
        made.load(images.tar_of(images.STUB_IMAGE))
        yield made


def stays(site: DockerHub) -> None:
    """The hub has looked after ann's server, and keeps it."""
    wait_for(lambda: ready(site, "ann"), seconds=90, what="the look after ann's server")


def answers(site: DockerHub) -> None:
    """Ann's server answers; where it does not, everything is told that may say why."""
    try:
        wait_for(lambda: site.ask("ann", "stub/about").status_code == 200, what="ann's server")
    except AssertionError as error:
        last = site.ask("ann", "stub/about")
        there = site.container("ann")
        about = {key: (there or {}).get(key) for key in ("State", "NetworkSettings")}
        said = f"{last.status_code} {last.text[:500]}\n{about}\n{site.hub.server('ann')}"
        engine = site.engine.tail()
        raise AssertionError(f"{error}: {said}\n{engine}\n{site.hub.logs()}") from error


@contextlib.contextmanager
def ports_of(container: dict[str, Any]) -> Iterator[None]:
    """Keep the ports of a container whose engine is away.

    The engine of another test would give them to a container of its own, and ours would come back
    without: "Failed to reserve existing port mapping".
    """
    published = container["NetworkSettings"]["Ports"].values()
    with contextlib.ExitStack() as stack:
        for each in [each for bound in published for each in bound or ()]:
            held = stack.enter_context(socket.socket())
            # Beside connections that have ended; nobody who would listen gets it from now on, and
            # who connects is refused, as where nobody is.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((each["HostIp"], int(each["HostPort"])))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        yield


@pytest.mark.timeout(400)
def test_an_engine_that_is_away_or_another_one_at_the_hubs_start(
    own_engine: Engine, second_engine: Engine, engine_room: Path
) -> None:
    link = engine_room / "the-engine.sock"
    link.symlink_to(own_engine.socket)
    with docker_hub(own_engine, images.STUB_IMAGE, f"unix://{link}") as site:
        site.configure(OURS)
        site.hub.start()
        site.hub.start_server("ann")
        token = site.token("ann")
        before = site.container("ann")
        assert before is not None

        # Away at the hub's start: containers live on (live-restore), and nothing is forgotten.
        site.hub.kill()
        own_engine.stop()
        with ports_of(before):
            site.hub.start()
            stays(site)
            assert site.who_am_i(token).status_code == 200

            # Another engine in its place knows no such container: that says nothing of this one.
            site.hub.kill()
            link.unlink()
            link.symlink_to(second_engine.socket)
            site.hub.start()
            stays(site)
            assert site.who_am_i(token).status_code == 200
            assert "another engine answers" in site.hub.output()

        # Back: the same server, and the hub is in charge of it.
        site.hub.kill()
        own_engine.start()
        link.unlink()
        link.symlink_to(own_engine.socket)
        site.hub.start()
        stays(site)
        answers(site)
        assert site.who_am_i(token).status_code == 200
        site.hub.stop_server("ann")
        after = site.container("ann")
        assert after is not None
        assert after["Id"] == before["Id"]
        assert not after["State"]["Running"]
