"""Real docker-py against the recording engine."""

from __future__ import annotations

import io
import tarfile
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import docker
import pytest
from docker.errors import APIError, NotFound

from jupyterhub_anywhere.testing.worlds.docker import EXITS, PULLED, SERVER, SLOW, DockerWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DockerWorld]:
    found = DockerWorld(tmp_path)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def client(world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    found = docker.APIClient(version="auto", **world.settings()["client_kwargs"])
    yield found
    found.close()


def make(client: Any, name: str = "jupyter-ann", image: str = SERVER.name, **more: Any) -> str:
    host = client.create_host_config(port_bindings={8888: ("127.0.0.1",)}, **more)
    made = client.create_container(
        image, name=name, ports=["8888/tcp"], host_config=host, environment={"A": "1"}
    )
    identity: str = made["Id"]
    return identity


def status_of(error: pytest.ExceptionInfo[APIError]) -> int:
    return int(error.value.response.status_code)


def fetch(url: str) -> int:
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["X-JupyterHub-Version"]
        return int(answer.status)


def let_go(stream: Any) -> None:
    stream.close()
    # That leaves the answer open which it was read from.
    stream._response.close()


def names(world: DockerWorld) -> list[str]:
    return [call.name for call in world.calls]


async def test_the_version_is_negotiated(client: Any) -> None:
    assert client.api_version == "1.47"
    assert client.ping() is True
    assert client.info()["Swarm"]["LocalNodeState"] == "inactive"


async def test_a_newer_client_is_refused(world: DockerWorld) -> None:
    newer = docker.APIClient(version="1.99", **world.settings()["client_kwargs"])
    with pytest.raises(APIError, match="too new"):
        newer.containers()
    newer.close()


async def test_a_container_lives_from_creation_to_removal(client: Any, world: DockerWorld) -> None:
    identity = make(client)
    assert client.inspect_container("jupyter-ann")["State"]["Status"] == "created"
    client.start(identity)
    (port,) = client.port(identity[:12], 8888)
    assert port["HostIp"] == "127.0.0.1"
    url = f"http://127.0.0.1:{port['HostPort']}/user/ann/api"
    assert fetch(url) == 200
    inside = client.inspect_container(identity)["NetworkSettings"]["Networks"]["bridge"]
    assert fetch(f"http://{inside['IPAddress']}:8888/") == 200
    client.stop(identity)
    state = client.inspect_container(identity)["State"]
    assert (state["Running"], state["ExitCode"]) == (False, 0)
    with pytest.raises(OSError, match="refused"):
        fetch(url)
    client.start(identity)
    assert client.inspect_container(identity)["State"]["Running"]
    client.kill(identity)
    assert client.inspect_container(identity)["State"]["ExitCode"] == 137
    assert list(world.alive()) == ["jupyter-ann"]
    client.remove_container(identity)
    assert list(world.alive()) == []
    with pytest.raises(NotFound):
        client.inspect_container(identity)


async def test_what_the_engine_refuses(client: Any) -> None:
    identity = make(client)
    with pytest.raises(APIError) as twice:
        make(client)
    assert status_of(twice) == 409
    with pytest.raises(NotFound, match="No such image"):
        make(client, "other", image="stub/nowhere:1")
    with pytest.raises(APIError) as name:
        make(client, "-x")
    assert status_of(name) == 400
    with pytest.raises(APIError) as idle:
        client.kill(identity)
    assert status_of(idle) == 409
    client.start(identity)
    with pytest.raises(APIError) as running:
        client.remove_container(identity)
    assert status_of(running) == 409
    client.remove_container(identity, force=True)
    for ask in (client.start, client.stop, client.kill, client.remove_container, client.logs):
        with pytest.raises(NotFound):
            ask(identity)


async def test_auto_removed_containers_go_when_they_end(client: Any, world: DockerWorld) -> None:
    identity = make(client, auto_remove=True)
    client.start(identity)
    client.stop(identity)
    assert list(world.alive()) == []


async def test_a_port_that_is_taken_fails_the_start(client: Any) -> None:
    first = make(client)
    client.start(first)
    taken = int(client.port(first, 8888)[0]["HostPort"])
    host = client.create_host_config(port_bindings={8888: ("127.0.0.1", taken)})
    second = client.create_container(SERVER.name, name="second", host_config=host)["Id"]
    with pytest.raises(APIError, match="already allocated"):
        client.start(second)
    state = client.inspect_container(second)["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    client.remove_container(second)
    client.start(first)
    assert client.inspect_container(first)["State"]["Running"]


async def test_an_unknown_network_fails_the_start(client: Any) -> None:
    host = client.create_host_config(network_mode="lab")
    identity = client.create_container(SERVER.name, host_config=host)["Id"]
    with pytest.raises(NotFound, match="network lab not found"):
        client.start(identity)
    client.create_network("lab")
    client.start(identity)
    assert client.inspect_container(identity)["NetworkSettings"]["Networks"]["lab"]["IPAddress"]
    assert client.inspect_network("lab")["IPAM"]["Config"][0]["Gateway"] == "127.77.0.1"
    assert [each["Name"] for each in client.networks(names=["lab"])] == ["lab"]


async def test_a_program_that_ends_at_once_leaves_its_log(client: Any) -> None:
    identity = make(client, image=EXITS.name)
    client.start(identity)
    state = client.inspect_container(identity)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 1)
    assert client.logs(identity) == b"reading the configuration\nno such kernel\n"
    assert client.logs(identity, tail=1) == b"no such kernel\n"
    assert client.logs(identity, stdout=False) == b""


async def test_listings_are_filtered(client: Any) -> None:
    first = make(client, "one")
    client.create_container(SERVER.name, name="two", labels={"hub": "h1"})
    client.start(first)
    assert [each["Names"] for each in client.containers()] == [["/one"]]
    assert len(client.containers(all=True)) == 2
    for filters, expected in (
        ({"label": "hub=h1"}, ["/two"]),
        ({"label": "hub"}, ["/two"]),
        ({"label": "hub=h2"}, []),
        ({"name": "^/two$"}, ["/two"]),
        ({"status": "running"}, ["/one"]),
        ({"id": first}, ["/one"]),
    ):
        found = client.containers(all=True, filters=filters)
        assert [each["Names"][0] for each in found] == expected, filters


async def test_images_come_by_pull(client: Any) -> None:
    with pytest.raises(NotFound):
        client.inspect_image(PULLED.name)
    client.pull("stub/pulled", "1")
    assert client.inspect_image(PULLED.name)["Config"]["Cmd"] == ["start-notebook"]
    with pytest.raises(APIError, match="pull access denied"):
        client.pull("stub/nowhere", "1")


async def test_a_slow_pull_streams_its_progress(client: Any) -> None:
    lines = client.pull("stub/slow", "1", stream=True, decode=True)
    first = [next(lines) for _ in range(3)]
    assert first[1]["progressDetail"] == {"current": 1_000, "total": 1_000 * SLOW.pull_steps}
    with pytest.raises(NotFound):
        client.inspect_image(SLOW.name)
    rest = list(lines)
    assert "Downloaded newer image" in rest[-1]["status"]
    assert client.inspect_image(SLOW.name)


async def test_files_are_put_into_volumes(client: Any, world: DockerWorld) -> None:
    client.create_volume("ssl-ann")
    host = client.create_host_config(binds={"ssl-ann": {"bind": "/certs", "mode": "rw"}})
    client.pull("busybox", "1.30.1")
    identity = client.create_container("busybox:1.30.1", host_config=host)["Id"]
    client.start(identity)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("notebook.crt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"cert"))
    assert client.put_archive(identity, "/certs", data.getvalue())
    client.remove_container(identity)
    volume = world.within(lambda: world.engine.volume("ssl-ann"))
    assert volume.files == {"notebook.crt": b"cert"}
    assert [each["Name"] for each in client.volumes()["Volumes"]] == ["ssl-ann"]
    identity = client.create_container("busybox:1.30.1", host_config=host)["Id"]
    with pytest.raises(NotFound):
        client.put_archive(identity, "/elsewhere", data.getvalue())
    with pytest.raises(APIError, match="in use"):
        client.remove_volume("ssl-ann")


async def test_a_command_runs_in_a_container_that_runs(client: Any) -> None:
    identity = make(client)
    with pytest.raises(APIError, match="not running"):
        client.exec_create(identity, "ls /")
    client.start(identity)
    command = client.exec_create(container=identity, cmd="ls /")
    assert client.exec_start(exec_id=command, demux=True) == (b"ran ls /\n", None)
    assert client.exec_inspect(command["Id"])["ExitCode"] == 0


async def test_output_is_read_along_until_the_container_ends(client: Any) -> None:
    identity = make(client, image=EXITS.name, auto_remove=True)
    stream = client.attach(identity, stream=True, logs=True)
    client.start(identity)
    assert b"".join(stream) == b"reading the configuration\nno such kernel\n"
    let_go(stream)
    identity = make(client)
    client.start(identity)
    assert client.attach(identity, logs=True) == b"the server is up\n"


async def test_events_are_remembered(client: Any) -> None:
    identity = make(client, image=EXITS.name, auto_remove=True)
    before = int(time.time()) - 1
    client.start(identity)
    filters: dict[str, Any] = {"container": identity, "event": ["die", "oom"]}
    (died,) = client.events(since=before, until=time.time(), filters=filters, decode=True)
    assert died["Actor"]["Attributes"]["exitCode"] == "1"
    filters = {"event": ["create", "start", "destroy"], "label": "colour=blue"}
    live = client.events(filters=filters, decode=True)
    other = client.create_container(SERVER.name, labels={"colour": "blue"})["Id"]
    client.remove_container(other)
    seen = [(event["Action"], event["Actor"]["ID"]) for event in (next(live), next(live))]
    assert seen == [("create", other), ("destroy", other)]
    let_go(live)


async def test_calls_are_the_same_in_every_run(client: Any, world: DockerWorld) -> None:
    token = "0123456789abcdef" * 2
    records = []
    for _ in range(2):
        before = len(world.calls)
        identity = client.create_container(
            SERVER.name,
            name="jupyter-ann",
            environment={
                "JUPYTERHUB_API_TOKEN": token,
                "JUPYTERHUB_API_URL": "http://127.0.0.1:34567/hub/api",
                "TEXT": f"{world.folder}/x",
            },
            labels={"client": token},
        )["Id"]
        client.start(identity)
        client.remove_container(identity, force=True)
        token = "fedcba9876543210" * 2
        records.append(world.calls[before:])
    assert records[0] == records[1]
    created, started, removed = records[0]
    assert created.facts["body"]["Env"] == {
        "JUPYTERHUB_API_TOKEN": "SECRET",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:PORT/hub/api",
        "TEXT": "FOLDER/x",
    }
    assert created.facts["body"]["Labels"] == {"client": "TOKEN"}
    assert (started.name, started.facts["object"]) == ("start", "jupyter-ann")
    assert (removed.name, removed.facts["query"]["force"]) == ("remove_container", "True")


async def test_a_call_fails_for_one_container_until_healed(client: Any, world: DockerWorld) -> None:
    ann, bob = make(client, "jupyter-ann"), make(client, "jupyter-bob")
    world.fault("start", "error", server="jupyter-ann")
    with pytest.raises(APIError) as told:
        client.start(ann)
    assert status_of(told) == 500
    client.start(bob)
    world.fault("start", None, server="jupyter-ann")
    client.start(ann)
    assert names(world).count("start") == 3


async def test_a_call_hangs_until_healed(client: Any, world: DockerWorld) -> None:
    identity = make(client)
    world.fault("start", "hang")
    client.timeout = 0.2
    with pytest.raises(Exception, match="timed out"):
        client.start(identity)
    assert client.inspect_container(identity)["State"]["Status"] == "created"
    world.fault("start", None)
    client.timeout = 30
    client.start(identity)
    assert client.inspect_container(identity)["State"]["Running"]


async def test_a_socket_whose_path_would_be_too_long_is_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    world = DockerWorld(folder)
    await world.open()
    client = docker.APIClient(**world.settings()["client_kwargs"])
    assert client.ping() is True
    client.close()
    await world.close()
    await world.close()
    assert list(folder.iterdir()) == []
