"""Real docker-py against the recording swarm."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, Any

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.types import ContainerSpec, EndpointSpec, Mount, TaskTemplate

from jupyterhub_anywhere.testing.worlds.docker import EXITS, PULLED, SERVER
from jupyterhub_anywhere.testing.worlds.swarm import SwarmWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SwarmWorld]:
    found = SwarmWorld(tmp_path)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def client(world: SwarmWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    found = docker.APIClient(version="auto", **world.settings()["client_kwargs"])
    yield found
    found.close()


def make(client: Any, name: str = "jupyter-ann", image: str = SERVER.name, **more: Any) -> str:
    template = TaskTemplate(ContainerSpec(image, env={"A": "1"}, **more))
    ports = EndpointSpec(ports={None: (8888, "tcp")})
    made = client.create_service(template, name=name, endpoint_spec=ports)
    identity: str = made["ID"]
    return identity


def task_of(client: Any, service: str = "jupyter-ann", **filters: str) -> Any:
    (task,) = client.tasks(filters={"service": service, **filters})
    return task


def wait_until_it_runs(client: Any) -> None:
    deadline = time.monotonic() + 60
    while task_of(client)["Status"]["State"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_service_lives_from_creation_to_removal(client: Any, world: SwarmWorld) -> None:
    assert client.info()["Swarm"]["LocalNodeState"] == "active"
    identity = make(client)
    task = task_of(client, **{"desired-state": "running"})
    assert task["Status"]["State"] == "running"
    assert client.inspect_task(task["ID"])["ServiceID"] == identity
    (port,) = client.inspect_service(identity)["Endpoint"]["Ports"]
    assert port["TargetPort"] == 8888
    url = f"http://127.0.0.1:{port['PublishedPort']}/"
    with urllib.request.urlopen(url) as answer:  # noqa: ASYNC210 - the swarm has its own thread
        assert answer.status == 200
    assert b"".join(client.service_logs(identity, stdout=True)) == b"the server is up\n"
    assert [each["Spec"]["Name"] for each in client.services({"name": "jupyter"})] == [
        "jupyter-ann"
    ]
    assert list(world.alive()) == ["jupyter-ann"]
    client.remove_service("jupyter-ann")
    assert list(world.alive()) == []
    assert client.containers(all=True) == []
    with pytest.raises(NotFound):
        client.inspect_service(identity)
    assert client.tasks(filters={"service": "jupyter-ann"}) == []


async def test_what_the_swarm_refuses(client: Any) -> None:
    make(client)
    with pytest.raises(APIError) as twice:
        make(client)
    assert twice.value.response.status_code == 409
    for ask in (client.inspect_service, client.remove_service, client.inspect_task):
        with pytest.raises(NotFound):
            ask("nobody")
    template = TaskTemplate(ContainerSpec(SERVER.name), networks=["lab"])
    with pytest.raises(NotFound, match="network lab not found"):
        client.create_service(template, name="other")


async def test_tasks_that_cannot_run_say_why(client: Any) -> None:
    make(client, "exits", image=EXITS.name)
    status = task_of(client, "exits")["Status"]
    assert (status["State"], status["Err"]) == ("failed", "task: non-zero exit (1)")
    assert client.tasks(filters={"service": "exits", "desired-state": "running"}) == []
    make(client, "missing", image="stub/nowhere:1")
    status = task_of(client, "missing")["Status"]
    assert (status["State"], status["Err"]) == ("rejected", "No such image: stub/nowhere:1")
    make(client, "bound", mounts=[Mount("/certs", "ssl-ann", type="bind")])
    assert "absolute path: ssl-ann" in task_of(client, "bound")["Status"]["Err"]


async def test_a_node_pulls_by_itself(client: Any) -> None:
    make(client, image=PULLED.name)
    assert task_of(client)["Status"]["State"] == "preparing"
    wait_until_it_runs(client)
    assert client.inspect_image(PULLED.name)
    (port,) = client.inspect_service("jupyter-ann")["Endpoint"]["Ports"]
    assert port["PublishedPort"]


async def test_calls_are_the_same_in_every_run(client: Any, world: SwarmWorld) -> None:
    records = []
    for _ in range(2):
        before = len(world.calls)
        identity = make(client)
        task_of(client)
        client.inspect_service(identity)
        client.remove_service(identity)
        records.append(world.calls[before:])
    assert records[0] == records[1]
    assert [(call.name, call.facts["object"]) for call in records[0]] == [
        ("create_service", "jupyter-ann"),
        ("tasks", "jupyter-ann"),
        ("inspect_service", "jupyter-ann"),
        ("remove_service", "jupyter-ann"),
    ]
    created = records[0][0].facts["body"]["TaskTemplate"]["ContainerSpec"]
    assert (created["Image"], created["Env"]) == (SERVER.name, {"A": "1"})


async def test_a_call_fails_for_one_service(client: Any, world: SwarmWorld) -> None:
    world.fault("create_service", "error", server="jupyter-ann")
    with pytest.raises(APIError, match="told to fail"):
        make(client)
    make(client, "jupyter-bob")
    world.fault("tasks", "error", server="jupyter-bob")
    with pytest.raises(APIError, match="told to fail"):
        task_of(client, "jupyter-bob")
