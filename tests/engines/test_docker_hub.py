"""Containers of a real engine reach the hub of ``anywhere up``, and nobody else by their door."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import Hub, wait_for

from engines.docker import images
from engines.docker.engine import DockerEngine
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.hub.doors import Doors, Front
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.spawner.site import load_site
from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker import DockerTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docker.models.networks import Network

_LISTEN = "0A"


def site(engine: DockerEngine, image: str, **spawner: Any) -> dict[str, Any]:
    """A site whose only target is an engine; `remove` keeps the engine tidy."""
    values = {"image": image, "remove": True, **spawner}
    return {"targets": {"lab": {"kind": "docker", "url": engine.url, "spawner": values}}}


@contextlib.contextmanager
def running(engine: DockerEngine, image: str, **spawner: Any) -> Iterator[Hub]:
    """A hub whose containers carry its own prefix, and are removed with it."""
    hub = Hub(site={}, arguments=["--keep-servers"])
    hub.write_site(site(engine, image, prefix=hub.id, **spawner))
    try:
        yield hub.start()
    finally:
        hub.close()
        if engine.running:
            with contextlib.closing(engine.client()) as client:
                for container in client.containers.list(all=True, filters={"name": hub.id}):
                    container.remove(force=True, v=True)


@pytest.fixture(scope="module")
def hub(engine: DockerEngine, stub_image: str) -> Iterator[Hub]:
    """One hub with one running server, ann's."""
    with running(engine, stub_image) as made:
        made.start_server("ann")
        yield made


def hub_port(hub: Hub) -> int:
    port: int = read_json(hub.state.proxy)["hub_port"]
    return port


def listening(port: int) -> set[str]:
    """The IPv4 addresses at which a port is listened to; asserts that IPv6 is not."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if fields[3] == _LISTEN and int(number, 16) == port:
                assert table == "tcp"
                found.add(".".join(str(byte) for byte in reversed(bytes.fromhex(address))))
    return found


def seen_from(hub: Hub, user: str) -> dict[str, Any]:
    """What the hub's API answers to a server of a user; the stub needs no login."""
    answer = httpx.get(f"{hub.url}user/{user}/stub/hub", timeout=30)
    return answer.json() if answer.status_code == 200 else {"status": 0, "error": answer.text}


def reaches(hub: Hub, user: str) -> bool:
    return bool(seen_from(hub, user)["status"] == 200)


# --- the way in ----------------------------------------------------------------------------------


def test_a_container_reaches_the_hub_at_its_gateway(hub: Hub, engine: DockerEngine) -> None:
    seen = seen_from(hub, "ann")
    assert seen["status"] == 200, seen
    assert seen["url"] == f"http://{engine.gateway}:{hub_port(hub)}/hub/api"


def test_the_hub_listens_at_loopback_and_gateway_only(hub: Hub, engine: DockerEngine) -> None:
    assert listening(hub_port(hub)) == {"127.0.0.1", engine.gateway}
    told = hub.run("status").stdout
    assert f"doors:   {engine.gateway}, for containers, at the hub's port\n" in told, told


def run_in(engine: DockerEngine, image: str, code: str, network: str = "bridge") -> str:
    """What Python in a container of a network says."""
    words = ["python3", "-c", code]
    with contextlib.closing(engine.client()) as client:
        # Not `remove=True`: docker-py would leave the stream of its output open.
        container = client.containers.run(image, words, network=network, detach=True)
        try:
            container.wait(timeout=60)
            said: bytes = container.logs()
        finally:
            container.remove(force=True)
        return said.decode().strip()


_STATUS = """
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen({url!r}, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(error.reason)
"""


@pytest.mark.parametrize(("path", "status"), [("hub/api/", "200"), ("hub/login", "404")])
def test_containers_reach_the_api_and_no_page(
    hub: Hub, engine: DockerEngine, stub_image: str, path: str, status: str
) -> None:
    url = f"http://{engine.gateway}:{hub_port(hub)}/{path}"
    assert run_in(engine, stub_image, _STATUS.format(url=url)) == status


def test_a_door_is_for_its_own_network(hub: Hub, engine: DockerEngine, stub_image: str) -> None:
    """As a neighbour of the machine would, a container of another network asks at this gateway."""
    with contextlib.closing(engine.client()) as client:
        other = client.networks.create("lab-other")
        try:
            url = f"http://{engine.gateway}:{hub_port(hub)}/hub/api/"
            said = run_in(engine, stub_image, _STATUS.format(url=url), network="lab-other")
        finally:
            other.remove()
    assert "refused" in said


# --- the doctor ----------------------------------------------------------------------------------


def doctor(hub: Hub, part: str) -> list[dict[str, str]]:
    """What ``anywhere doctor`` says, of subjects that hold a word."""
    done = hub.run("doctor", "--json", "-f", str(hub.file))
    return [each for each in json.loads(done.stdout) if part in each["subject"]]


def doctors_containers(engine: DockerEngine) -> list[str]:
    with contextlib.closing(engine.client()) as client:
        label = "org.jupyterhub.anywhere.purpose=doctor"
        return [str(each.id) for each in client.containers.list(all=True, filters={"label": label})]


def test_the_doctor_finds_all_well(hub: Hub, engine: DockerEngine) -> None:
    found = doctor(hub, "target lab")
    assert {each["level"] for each in found} <= {"ok", "warning"}, found
    (way,) = [each for each in found if "inside a container" in each["subject"]]
    assert way["level"] == "ok"
    assert f"http://{engine.gateway}:{hub_port(hub)}/hub/api/ answered" in way["message"]
    subjects = " ".join(each["subject"] for each in found)
    for part in ("engine", "disk", "limits", "network bridge", "image"):
        assert part in subjects
    assert doctors_containers(engine) == []


def test_the_doctor_finds_a_firewall(hub: Hub, engine: DockerEngine) -> None:
    rule = ["INPUT", "-i", engine.bridge, "-p", "tcp", "--dport", str(hub_port(hub))]
    reject = [*rule, "-j", "REJECT", "--reject-with", "tcp-reset"]
    subprocess.run(["iptables", "-I", *reject], check=True)
    try:
        (way,) = doctor(hub, "inside a container")
    finally:
        subprocess.run(["iptables", "-D", *reject], check=True)
    assert way["level"] == "error"
    assert "refused" in way["message"].lower()
    assert f"--dport {hub_port(hub)} -j ACCEPT" in way["cure"]


def find(tmp_path: Path, given: dict[str, Any]) -> list[Finding]:
    """What the target of a site finds, without a hub."""
    file = tmp_path / "anywhere.yaml"
    file.write_text(json.dumps(given))
    target = load_site(file, state_root=tmp_path / "state").targets["lab"]
    assert isinstance(target, DockerTarget)
    try:
        return list(asyncio.run(target.findings()))
    finally:
        target.engine.close()


def of(found: Sequence[Finding], part: str) -> Finding:
    (one,) = [each for each in found if part in each.subject]
    return one


def test_an_image_that_cannot_be_had(engine: DockerEngine, tmp_path: Path) -> None:
    found = of(find(tmp_path, site(engine, "registry.invalid/none:1")), "image")
    assert found.level is Level.ERROR
    assert "cannot be pulled" in found.message
    assert "docker load" in found.cure
    assert "registry.invalid/none:1" in found.cure
    kept = site(engine, "registry.invalid/none:1", pull_policy="never")
    assert "pull_policy is never" in of(find(tmp_path, kept), "image").message


def test_a_network_that_is_missing(engine: DockerEngine, stub_image: str, tmp_path: Path) -> None:
    found = of(find(tmp_path, site(engine, stub_image, network_name="lab-net")), "network")
    assert found.level is Level.ERROR
    assert "docker network create lab-net" in found.cure


def test_gpus_that_the_engine_cannot_give(
    engine: DockerEngine, stub_image: str, tmp_path: Path
) -> None:
    found = of(find(tmp_path, site(engine, stub_image, gpus=1)), "GPUs")
    assert found.level is Level.ERROR
    assert "nvidia-ctk" in found.cure


def test_an_engine_that_is_away(tmp_path: Path) -> None:
    given = {"targets": {"lab": {"kind": "docker", "url": f"unix://{tmp_path}/none.sock"}}}
    (found,) = find(tmp_path, given)
    with warnings.catch_warnings():
        # docker-py forgets the socket of a connection that fails.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert found.level is Level.ERROR
    assert f"{tmp_path}/none.sock" in found.message
    assert "systemctl start docker" in found.cure


def test_an_image_without_a_server(engine: DockerEngine, stub_image: str, tmp_path: Path) -> None:
    with contextlib.closing(engine.client()) as client:
        # The same files without our label, which says what is in them.
        made = client.containers.create(stub_image)
        try:
            made.commit("bare", changes="LABEL org.opencontainers.image.title=bare")
        finally:
            made.remove()
        try:
            found = of(find(tmp_path, site(engine, "bare")), "image")
        finally:
            client.images.remove("bare")
    assert found.level is Level.WARNING
    assert "no jupyterhub-singleuser" in found.message
    assert doctors_containers(engine) == []


# --- networks of one's own -----------------------------------------------------------------------


@pytest.fixture
def own_network(engine: DockerEngine) -> Iterator[Network]:
    with contextlib.closing(engine.client()) as client:
        made = client.networks.create("lab-own", internal=True)
        yield made
        made.remove()


def test_a_network_that_a_profile_chooses(
    hub: Hub, engine: DockerEngine, stub_image: str, own_network: Network
) -> None:
    """The door is there once the server starts, and again after the hub was killed."""
    given = site(engine, stub_image, prefix=hub.id, network_name="lab-own", use_internal_ip=True)
    hub.write_site(given)
    assert hub.run("reload").returncode == 0
    try:
        hub.start_server("cat")
        assert reaches(hub, "cat")
        assert seen_from(hub, "cat")["url"].startswith("http://")
        hub.kill()
        hub.start()
        wait_for(lambda: reaches(hub, "cat"), what="the way of the server that outlived the hub")
        assert reaches(hub, "ann")
        hub.stop_server("cat")
    finally:
        hub.write_site(site(engine, stub_image, prefix=hub.id))
        hub.run("reload")


# --- an engine that is away ----------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_an_engine_that_is_away_at_the_start_and_comes(engine_room: Path, stub_image: str) -> None:
    with DockerEngine(engine_room / "away", name="away", live_restore=True) as engine:
        engine.load(images.tar_of(stub_image))
        # An engine ends those that it removes itself when it comes back, live-restore or not.
        with running(engine, stub_image, remove=False) as hub:
            hub.start_server("ann")
            hub.kill()
            engine.stop()
            # Without it only the engine can tell where the containers are.
            (hub.state.hub / "doors.json").unlink()
            hub.start()
            assert listening(hub_port(hub)) == {"127.0.0.1"}
            assert not reaches(hub, "ann"), "while the engine is away"
            engine.start()
            wait_for(lambda: reaches(hub, "ann"), what="the door")
            model = hub.server("ann")
            assert model is not None
            assert model["ready"], "no server was forgotten for it"
            hub.stop_server("ann")


# --- doors at a real bridge ----------------------------------------------------------------------


def bridge(word: str) -> None:
    subprocess.run(["ip", "link", word, "door0", "type", "bridge"], check=True)
    if word == "add":
        words = ["ip", "address", "add", "198.18.255.1/24", "dev", "door0"]
        subprocess.run(words, check=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def test_a_bridge_that_is_made_anew(engine_room: Path) -> None:
    doors = Doors(engine_room / "doors.json", pause=0.05)
    doors.start(Front(object(), None, "127.0.0.1", 17_001, "/hub/api/"), [])
    try:
        with pytest.raises(TargetError, match="no address of this machine"):
            await doors.open("198.18.255.1")
        bridge("add")
        await doors.open("198.18.255.1")
        bridge("delete")
        await until(lambda: not doors.addresses)
        bridge("add")
        await until(lambda: bool(doors.addresses))
        bridge("delete")
    finally:
        await doors.close()


async def test_a_certificate_has_to_name_the_gateway(engine: DockerEngine, tmp_path: Path) -> None:
    for names, opens in (((), False), ((f"IP:{engine.gateway}",), True)):
        front = Front(object(), object(), "127.0.0.1", 17_002, "/hub/api/", names)
        doors = Doors(tmp_path / "doors.json")
        doors.start(front, [])
        try:
            if opens:
                assert await doors.open(engine.gateway) == f"https://{engine.gateway}:17002"
            else:
                with pytest.raises(TargetError, match="certificate") as caught:
                    await doors.open(engine.gateway)
                assert "trusted_alt_names" in caught.value.hint
        finally:
            await doors.close()
