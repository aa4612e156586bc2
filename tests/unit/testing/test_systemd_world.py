"""SystemdSpawner's own functions against the recording systemd."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from jupyterhub.utils import exponential_backoff
from systemdspawner import systemd
from tornado.httpclient import AsyncHTTPClient
from tornado.testing import bind_unused_port

from jupyterhub_anywhere.testing.worlds.systemd import SERVICE, SystemdWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

UNIT = "jupyter-ann-singleuser"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SystemdWorld]:
    found = SystemdWorld(tmp_path)
    await found.open()
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    yield found
    await found.close()


@pytest.fixture
def port() -> int:
    bound, found = bind_unused_port()
    bound.close()
    return found


async def run(world: SystemdWorld, port: int) -> int:
    # The class makes it read-only, and writes it anew as root only.
    (world.folder / "run" / f"{UNIT}.env").unlink(missing_ok=True)
    properties = dict(world.settings()["unit_extra_properties"])
    environment = {
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/user/ann/",
        "JUPYTERHUB_API_TOKEN": TOKEN,
        "WORDS": "two words, and 'quotes'",
    }
    found: int = await systemd.start_transient_service(
        UNIT, ["/bin/true"], ["--debug"], "/tmp", environment, properties, uid=7, gid=8
    )
    return found


async def test_a_service_runs_and_is_stopped(world: SystemdWorld, port: int) -> None:
    assert not await systemd.service_running(UNIT)
    assert await run(world, port) == 0
    assert await systemd.service_running(UNIT)
    assert world.alive() == [UNIT]
    answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/user/ann/api")
    assert answer.headers["X-JupyterHub-Version"]
    await systemd.stop_service(UNIT)
    assert not await systemd.service_running(UNIT)
    assert not await systemd.service_failed(UNIT)
    with pytest.raises(OSError, match="111"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_what_is_asked_is_written_without_secrets(world: SystemdWorld, port: int) -> None:
    await run(world, port)
    (call,) = world.calls
    assert call.name == "systemd-run"
    assert call.facts["unit"] == UNIT
    assert call.facts["command"] == ["/bin/true", "--debug"]
    assert call.facts["options"] == {"working-directory": "/tmp", "uid": "7", "gid": "8"}
    assert call.facts["properties"]["OOMPolicy"] == ["continue"]
    assert call.facts["environment"] == {
        "JUPYTERHUB_API_TOKEN": "SECRET",
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:PORT/user/ann/",
        "WORDS": "two words, and 'quotes'",
    }
    assert TOKEN not in json.dumps(dict(call.facts))


async def test_a_second_unit_of_that_name_is_refused(world: SystemdWorld, port: int) -> None:
    await run(world, port)
    assert await run(world, port) == 1


async def test_a_service_that_ends_at_once_has_failed_until_it_is_reset(
    world: SystemdWorld, port: int
) -> None:
    world.fault(SERVICE, "error")
    assert await run(world, port) == 0
    assert await systemd.service_failed(UNIT)
    assert not await systemd.service_running(UNIT)
    assert world.alive() == []
    assert await run(world, port) == 1
    await systemd.stop_service(UNIT)
    assert await systemd.service_failed(UNIT)
    await systemd.reset_service(UNIT)
    assert not await systemd.service_failed(UNIT)
    world.fault(SERVICE, None)
    assert await run(world, port) == 0
    assert await systemd.service_running(UNIT)


async def test_a_command_fails_until_it_is_healed(world: SystemdWorld, port: int) -> None:
    world.fault("systemd-run", "error", server=UNIT)
    assert await run(world, port) == 1
    assert world.alive() == []
    world.fault("systemd-run", None, server=UNIT)
    assert await run(world, port) == 0


async def test_a_command_hangs_until_it_is_healed(world: SystemdWorld, port: int) -> None:
    await run(world, port)
    world.fault("systemctl stop", "hang")
    stop = asyncio.create_task(systemd.stop_service(UNIT))
    await exponential_backoff(lambda: len(world.calls) > 1, "no command was run", timeout=60)
    assert world.alive() == [UNIT]
    world.fault("systemctl stop", None)
    await asyncio.wait_for(stop, 60)
    assert world.alive() == []


async def test_the_version_is_said_while_the_event_loop_is_held(world: SystemdWorld) -> None:
    # The result is kept for the process; it may have been asked for before.
    systemd.get_systemd_version.cache_clear()
    assert systemd.get_systemd_version() == 252
    assert world.calls == ()
