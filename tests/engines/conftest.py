"""One engine for all tests of a session, a second one for those that need two, and images.

Workers of pytest have a room together, and each has engines and a folder of its own in it. The
images are built before, by ``tools/test-engines``: in here nothing can be fetched.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.browser.conftest import browser_page as browser_page  # noqa: PLC0414 - a fixture
from tests.browser.conftest import launched
from tests.conftest import lacking
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from engines import room
from engines.docker import images
from engines.docker.engine import DockerEngine
from engines.openstack import supplies
from engines.openstack.cloud import OpenStack
from engines.openstack.layout import BRIDGE
from jupyterhub_anywhere.testing.faults.control import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from playwright.sync_api import Browser

    from jupyterhub_anywhere.testing.faults.control import Control


# Empty where one process runs all tests; a part of names that have to be short.
WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let tests of a cloud take their time: the first waits for it to start, guests are slow."""
    if "openstack" in getattr(item, "fixturenames", ()):
        slow = item.get_closest_marker("full") is not None
        item.add_marker(pytest.mark.timeout(3600 if slow else 900))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what CI has no time for. Not skipped: a skip here is a failure where it counts."""
    if os.environ.get("ANYWHERE_OPENSTACK") == "full":
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


class _Together(LoadFileScheduling):
    """Files as ever, but those of a cloud are one: there is one cloud in a room."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return "openstack" if "openstack" in scope else scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Let one worker have all tests of a cloud."""
    if config.getvalue("dist") == "loadfile":
        return _Together(config, log)
    return None


@pytest.fixture(scope="session")
def engine_room() -> Path:
    """The folder for engines' files; it goes away with the room, whatever happens."""
    # Fixtures of a session come before the skip of the test that asks for them.
    if reason := lacking("engine"):
        pytest.skip(reason)
    folder = room.current() / WORKER
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def engine(engine_room: Path) -> Iterator[DockerEngine]:
    """A Docker Engine without images. Who stops it starts it again."""
    with DockerEngine(engine_room / "one", name=f"one{WORKER}") as engine:
        yield engine


@pytest.fixture(scope="session")
def second_engine(engine_room: Path) -> Iterator[DockerEngine]:
    """Another one beside it, without images; listens with TLS, too."""
    with DockerEngine(engine_room / "two", name=f"two{WORKER}", tls=True) as engine:
        yield engine


@pytest.fixture(scope="session")
def stub_image(engine: DockerEngine) -> str:
    """The name of a server's image of a few lines, which the engine has (see its server.py)."""
    return _load(engine, images.STUB_IMAGE)


@pytest.fixture(scope="session")
def second_stub_image(second_engine: DockerEngine) -> str:
    """The same in the second engine."""
    return _load(second_engine, images.STUB_IMAGE)


@pytest.fixture(scope="session")
def image(engine: DockerEngine) -> str:
    """The name of the single-user image of images/singleuser, which the engine has."""
    return _load(engine, images.SINGLEUSER_IMAGE)


@pytest.fixture(scope="session")
def openstack(engine_room: Path) -> Iterator[OpenStack]:
    """A real OpenStack, started by the first test that asks for it. One a room, so one a worker.

    Files of tests that use it have ``openstack`` in their path: so they get the same worker.
    """
    if reason := supplies.lacking():
        pytest.skip(reason)
    if reason := supplies.not_made():
        pytest.fail(f"{reason} or make test-engines, which does so")
    cloud = OpenStack(engine_room / "openstack")
    with cloud:
        yield cloud
    assert cloud.processes.left() == set()
    assert not cloud.folder.exists()
    assert BRIDGE not in {name for _, name in socket.if_nameindex()}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one file: its event loop does not stay for those of the others."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def volumes(openstack: OpenStack) -> OpenStack:
    """The same with volumes, for tests marked ``full``: others have no packages for them."""
    openstack.start_volumes()
    return openstack


@pytest.fixture
def containers(
    engine: DockerEngine, stub_image: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[docker.DockerClient, Control, str]]:
    """What `containers.ContainerSubject` takes: a client, a proxy before the engine, an image."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(engine.client()) as client,
        fault_proxy(engine.socket, Path(folder)) as proxy,
    ):
        monkeypatch.setenv("DOCKER_CONFIG", f"{folder}/none")
        yield client, proxy, stub_image


def _load(engine: DockerEngine, name: str) -> str:
    """Load an image from the cache."""
    tar = images.tar_of(name)
    if not tar.is_file():
        pytest.fail(f"{name} is not built ({tar}). Cure: make test-engines, which builds it")
    engine.load(tar)
    return name
