"""The single-user image: JupyterLab of the hub's version, under any uid, and never as root."""

from __future__ import annotations

import contextlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from docker.errors import BuildError
from tests.engines.asked_hub import asked_hub
from tests.hub.harness import wait_for

from engines.docker.images import STUB_IMAGE
from engines.docker.supplies import SINGLEUSER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.docker.engine import DockerEngine

pytestmark = pytest.mark.root

# Nobody in the image's passwd; the group is root's, as OpenShift and a bare --user N have it.
UID = "12345"
SECOND = 1_000_000_000
WRITE = "echo here > ~/kept && cat ~/kept && touch /opt/jupyter/x"


@pytest.fixture(scope="module")
def client(engine: DockerEngine) -> Iterator[Any]:
    with contextlib.closing(engine.client()) as client:
        yield client


def run(client: Any, image: str, *words: str, **options: Any) -> str:
    """What a command in a container of the image writes."""
    output: bytes = client.containers.run(image, list(words), remove=True, user=UID, **options)
    return output.decode().strip()


def test_the_image_says_what_it_is(client: Any, image: str) -> None:
    config = client.images.get(image).attrs["Config"]

    assert config["User"] == "1000:0"
    assert config["WorkingDir"] == "/home/jovyan"
    assert config["Cmd"] == ["jupyterhub-singleuser"]
    assert config["Labels"]["org.opencontainers.image.version"] == version("jupyterhub")
    said = " ".join(config["Env"]).lower()
    assert not [word for word in ("token", "password", "secret") if word in said]


def test_the_image_is_small(client: Any, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    size = client.images.get(image).attrs["Size"]
    with capsys.disabled():
        print(f"\n{image}: {size / 1e6:.0f} MB")

    assert size < 600e6


def test_versions_are_the_hubs(client: Any, image: str) -> None:
    assert run(client, image, "jupyterhub-singleuser", "--version") == version("jupyterhub")
    assert run(client, image, "jupyter-lab", "--version") == version("jupyterlab")


def test_any_uid_may_write_its_home_and_nothing_else(client: Any, image: str) -> None:
    container = client.containers.run(image, ["sh", "-c", WRITE], user=UID, detach=True)
    try:
        assert container.wait()["StatusCode"] != 0
        assert container.logs(stderr=False) == b"here\n"
        assert b"/opt/jupyter/x': Permission denied" in container.logs(stdout=False)
    finally:
        container.remove(force=True)
    assert run(client, image, "id", "-u") == UID


@pytest.mark.parametrize("folder", ["/home/jovyan", "/home/jovyan/work"])
def test_a_new_volume_can_be_written(client: Any, image: str, folder: str) -> None:
    volume = client.volumes.create()
    try:
        mounts = {volume.name: {"bind": folder, "mode": "rw"}}
        write = ["sh", "-c", f"echo kept > {folder}/file"]
        assert client.containers.run(image, write, remove=True, volumes=mounts) == b""
        again = ["cat", f"{folder}/file"]
        said = client.containers.run(image, again, user=UID, remove=True, volumes=mounts)
        assert said == b"kept\n"
    finally:
        volume.remove()


def test_packages_of_users_go_home_and_do_not_reach_the_server(client: Any, image: str) -> None:
    break_python = (
        "site=~/.local/lib/python3.11/site-packages && mkdir -p $site"
        " && echo 'import os; os._exit(9)' > $site/broken.pth && ! python3 -c pass"
        " && jupyterhub-singleuser --version"
    )

    assert run(client, image, "sh", "-c", break_python) == version("jupyterhub")
    user_site = "import site; print(site.ENABLE_USER_SITE, site.getusersitepackages())"
    said = run(client, image, "python3", "-c", user_site)
    assert said == "True /home/jovyan/.local/lib/python3.11/site-packages"


def test_a_server_turns_healthy_and_answers(engine: DockerEngine, client: Any, image: str) -> None:
    with asked_hub(engine.gateway) as hub:
        environment = {
            "JUPYTERHUB_API_URL": hub.url,
            "JUPYTERHUB_API_TOKEN": "of-this-test-only",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ann",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ann/oauth_callback",
            "JUPYTERHUB_USER": "ann",
            "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
            "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ann/",
        }
        container = client.containers.run(
            image,
            detach=True,
            user=UID,
            environment=environment,
            ports={"8888/tcp": ("127.0.0.1", None)},
            # The image's own test, only more often.
            healthcheck={"interval": SECOND},
        )
        try:
            health(container)
            port = container.ports["8888/tcp"][0]["HostPort"]
            answer = httpx.get(f"http://127.0.0.1:{port}/user/ann/api", timeout=60)
            assert answer.headers["X-JupyterHub-Version"] == version("jupyterhub")
            assert "/hub/api" in hub.asked
            processes = container.top()["Processes"]
            assert {process[0] for process in processes} == {UID}
        finally:
            container.remove(force=True)


def health(container: Any) -> None:
    """Wait until a container says that it is healthy."""

    def healthy() -> bool:
        container.reload()
        state = container.attrs["State"]
        assert state["Running"], container.logs().decode()
        return bool(state["Health"]["Status"] == "healthy")

    wait_for(healthy, seconds=120, what="a healthy container")


def test_a_server_that_does_not_answer_is_not_healthy(client: Any, image: str) -> None:
    container = client.containers.run(
        image,
        ["sleep", "600"],
        detach=True,
        user=UID,
        init=True,
        healthcheck={"interval": SECOND, "start_period": SECOND, "retries": 1},
    )
    try:

        def unhealthy() -> bool:
            container.reload()
            return bool(container.attrs["State"]["Health"]["Status"] == "unhealthy")

        wait_for(unhealthy, seconds=120, what="an unhealthy container")
        last = container.attrs["State"]["Health"]["Log"][-1]["Output"]
        assert "http://127.0.0.1:8888/api: " in last
        assert "Connection refused" in last
    finally:
        container.remove(force=True)


@pytest.mark.usefixtures("stub_image")
def test_another_version_than_the_locks_is_not_built(client: Any) -> None:
    with pytest.raises(BuildError) as caught:
        client.images.build(
            path=str(SINGLEUSER),
            # It ends before the base matters.
            buildargs={"BASE": STUB_IMAGE, "JUPYTERHUB_VERSION": "0.0.1"},
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    said = "".join(str(entry.get("stream", "")) for entry in caught.value.build_log)
    assert f"brings JupyterHub {version('jupyterhub')}, but JUPYTERHUB_VERSION is 0.0.1" in said
    assert "Cure: make lock" in said
