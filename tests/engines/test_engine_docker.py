"""The Docker Engine of tests: real, several side by side, and gone without trace."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest
from docker.tls import TLSConfig
from tests.engines.asked_hub import asked_hub
from tests.hub.harness import wait_for

from engines import room
from engines.docker import images
from engines.docker.engine import DockerEngine, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root

ROOT = Path(__file__).parents[2]
# Starts an engine and a container, tells what it made, and waits to be ended.
OWNER = """
    import json, sys
    from pathlib import Path
    from engines import room
    from engines.docker import images
    from engines.docker.engine import DockerEngine

    engine = DockerEngine(room.current() / "held", name="held")
    engine.start()
    engine.load(images.tar_of(images.STUB_IMAGE))
    client = engine.client()
    container = client.containers.run(images.STUB_IMAGE, detach=True)
    container.reload()
    told = {"room": room.current().name, "bridge": engine.bridge, "id": container.id}
    written = Path(sys.argv[1] + ".part")
    written.write_text(json.dumps(told))
    written.rename(sys.argv[1])
    if sys.argv[2] == "fail":
        raise SystemExit(3)
    sys.stdin.read()
"""


@contextlib.contextmanager
def client_of(engine: DockerEngine) -> Iterator[Any]:
    with contextlib.closing(engine.client()) as client:
        yield client


@contextlib.contextmanager
def container_of(client: Any, **options: Any) -> Iterator[Any]:
    container = client.containers.run(
        images.STUB_IMAGE, detach=True, ports={"8888/tcp": ("127.0.0.1", None)}, **options
    )
    try:
        container.reload()
        yield container
    finally:
        container.remove(force=True)


def ask(container: Any, path: str = "/stub/about") -> Any:
    """What the server in a container answers at its published port."""
    port = container.ports["8888/tcp"][0]["HostPort"]

    def answer() -> httpx.Response | None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60)
        return None

    return wait_for(answer, what=f"an answer at {path}")


@pytest.mark.usefixtures("stub_image", "second_stub_image")
def test_two_engines_side_by_side(engine: DockerEngine, second_engine: DockerEngine) -> None:
    with client_of(engine) as one, client_of(second_engine) as two:
        with container_of(one, name="server") as here, container_of(two, name="server") as there:
            addresses = {
                container.attrs["NetworkSettings"]["IPAddress"] for container in (here, there)
            }
            assert [engine.subnet.rpartition(".")[0], second_engine.subnet.rpartition(".")[0]] == [
                container.attrs["NetworkSettings"]["IPAddress"].rpartition(".")[0]
                for container in (here, there)
            ]
            assert len(addresses) == 2
            for container in (here, there):
                answer = ask(container)
                assert answer.headers["X-JupyterHub-Version"]
                assert answer.json()["uid"] == 1000
            assert [container.id for container in one.containers.list()] == [here.id]
        assert one.info()["ID"] != two.info()["ID"]


@pytest.mark.usefixtures("stub_image")
def test_a_container_reaches_this_machine_at_the_gateway(engine: DockerEngine) -> None:
    with asked_hub(engine.gateway) as hub, client_of(engine) as client:
        environment = {"JUPYTERHUB_API_URL": hub.url}
        with container_of(client, environment=environment) as container:
            told = ask(container, "/stub/hub").json()
            address = container.attrs["NetworkSettings"]["IPAddress"]
        assert told["status"] == 200
        assert told["body"]["version"]
        # Not by a translated address: this machine sees the container itself.
        assert hub.callers == {address}


@pytest.mark.usefixtures("stub_image")
def test_the_stub_fails_with_its_last_lines(engine: DockerEngine) -> None:
    with client_of(engine) as client, container_of(client, environment={"STUB": "fail"}) as failed:
        assert failed.wait()["StatusCode"] == 7
        assert b"RuntimeError: the end" in failed.logs(stdout=False)


def test_tls_asks_for_the_clients_certificate(
    second_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a machine sets one of these, requests takes it in place of the authority it is given.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    tls = TLSConfig(
        client_cert=(str(second_engine.tls / "cert.pem"), str(second_engine.tls / "key.pem")),
        ca_cert=str(second_engine.tls / "ca.pem"),
        verify=True,
    )
    url = second_engine.tcp_url
    with contextlib.closing(docker.DockerClient(base_url=url, tls=tls)) as client:
        assert client.ping()
    known = TLSConfig(ca_cert=str(second_engine.tls / "ca.pem"), verify=True)
    with (
        contextlib.closing(docker.APIClient(base_url=url, tls=known, version="1.41")) as stranger,
        pytest.raises(Exception, match=r"(?i)certificate"),
    ):
        stranger.ping()


def test_containers_survive_a_killed_engine_with_live_restore_only(engine_room: Path) -> None:
    engine = DockerEngine(engine_room / "killed", name="killed", live_restore=True)
    engine.start()
    engine.load(images.tar_of(images.STUB_IMAGE))
    for engine.live_restore, status in ((True, "running"), (False, "exited")):
        engine.restart()
        with client_of(engine) as client:
            container = client.containers.run(images.STUB_IMAGE, detach=True)
            container.reload()
        engine.kill()
        assert not engine.running
        # The process of the container lives on, whatever the engine will make of it.
        os.kill(container.attrs["State"]["Pid"], 0)
        engine.start()
        with client_of(engine) as client:
            assert client.containers.get(container.id).status == status
            client.containers.run(images.STUB_IMAGE, detach=True)
    engine.kill()
    assert_closing_leaves_nothing(engine)


def test_a_closed_engine_leaves_nothing(engine_room: Path) -> None:
    engine = DockerEngine(engine_room / "closed", name="closed")
    engine.start()
    engine.load(images.tar_of(images.STUB_IMAGE))
    with client_of(engine) as client:
        client.networks.create("other")
        client.containers.run(images.STUB_IMAGE, detach=True, network="other")
        client.containers.run(images.STUB_IMAGE, detach=True)
    assert_closing_leaves_nothing(engine)


def assert_closing_leaves_nothing(engine: DockerEngine) -> None:
    """Close an engine that has running containers."""
    groups = list(room.cgroups(engine.cgroup))
    assert groups
    assert not lacks(str(engine.folder))
    engine.close()

    assert not engine.folder.exists()
    links = subprocess.run(["ip", "-br", "link"], check=True, capture_output=True, text=True)
    assert engine.bridge not in links.stdout
    assert str(engine.folder) not in Path("/proc/self/mountinfo").read_text()
    assert [group for group in groups if group.exists()] == []
    wait_for(lambda: lacks(str(engine.folder)), what="the end of its processes")


def lacks(*marks: str) -> bool:
    """Whether no process bears a mark."""
    running = processes()
    return not any(mark in running for mark in marks)


def processes() -> str:
    """The command lines of all processes."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(found)


def test_an_engine_that_cannot_start_says_why(engine_room: Path) -> None:
    engine = DockerEngine(engine_room / "wrong", name="wrong", settings={"no-such-thing": 1})
    with pytest.raises(EngineError, match=r"(?s)wrong has ended.*no-such-thing"):
        engine.start()
    engine.close()


def test_an_engine_starts_in_a_room_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANYWHERE_ROOM")
    with pytest.raises(room.RoomError, match=r"Cure: python -m engines\.docker run"):
        DockerEngine(tmp_path)


class Traces:
    """What a room may leave on its machine."""

    def __init__(self) -> None:
        self.links = self.output("ip", "-br", "link")
        self.rules = re.sub(r"\[\d+:\d+\]|#.*", "", self.output("iptables-save"))
        self.mounts = Path("/proc/self/mountinfo").read_text()

    @staticmethod
    def output(*words: str) -> str:
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # two of them are compared only


@pytest.mark.parametrize("end", ["fail", "SIGTERM", "SIGKILL"])
def test_a_room_leaves_nothing(end: str, tmp_path: Path) -> None:
    before = Traces()
    told = tmp_path / "told.json"
    owner = subprocess.Popen(
        [
            *(sys.executable, "-m", "engines.room"),
            *(sys.executable, "-c", textwrap.dedent(OWNER), str(told), end),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    try:
        wait_for(told.exists, seconds=120, what="the engine in the room")
        made = json.loads(told.read_text())
        if end == "fail":
            assert owner.wait(120) == 3
        else:
            # The processes of a room within this one are seen here.
            assert not lacks(made["id"])
            os.kill(owner.pid, getattr(signal, end))
            owner.wait(120)
    finally:
        owner.kill()
        owner.wait()
        assert owner.stdin is not None
        owner.stdin.close()
    wait_for(lambda: lacks(made["id"], made["room"]), what="the end of its processes")
    wait_for(lambda: Traces() == before, what="a machine as it was before")
    wait_for(lambda: not (room.PARENT / made["room"]).exists(), what="the end of its files")
    assert list(room.cgroups(made["room"])) == []
    assert made["bridge"] not in before.links


def test_rooms_that_nobody_holds_are_removed_and_others_are_not(engine_room: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix=room.PREFIX, dir=room.PARENT))
    (left / "image").write_text("large")
    (engine_room / "mine").write_text("of the room around")

    folder, lock = room.make_folder()
    try:
        assert not left.exists()
        assert (engine_room / "mine").read_text() == "of the room around"
        another, another_lock = room.make_folder()
        os.close(another_lock)
        assert folder.is_dir()
        room.remove(another)
    finally:
        os.close(lock)
        room.remove(folder)


def test_a_program_may_open_one_room_after_another() -> None:
    """And start others afterwards: they are not to begin in a namespace that has ended."""
    lines = """
        import subprocess
        from engines import room
        assert [room.open_room(["sh", "-c", f"exit {code}"]) for code in (3, 0)] == [3, 0]
        subprocess.run(["true"], check=True)
    """
    words = [sys.executable, "-c", textwrap.dedent(lines)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=120)
