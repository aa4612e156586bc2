"""Memory and CPU limits of process servers, held by the kernel's own control groups."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.objects import Hub
from traitlets.config import Config

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.process import ProcessSpawner
from jupyterhub_anywhere.targets.process.ending import limiter
from jupyterhub_anywhere.targets.process.labels import kill_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.root

HUB_ID = f"test-cgroups-{os.getpid()}"
LISTEN = """
    import os, socket, time
    from urllib.parse import urlsplit
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    server = socket.create_server((url.hostname, url.port))
"""
EAT = """
    eaten = [bytearray(b"x" * (1 << 20)) for _ in range(1 << 13)]
"""
BURN = (
    LISTEN
    + """
    import threading
    end = time.monotonic() + 3
    while time.monotonic() < end:
        pass
    print(time.process_time(), flush=True)
    time.sleep(600)
"""
)
ESCAPE = (
    LISTEN
    + """
    import subprocess, sys
    escaped = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                               env={}, start_new_session=True)
    print(escaped.pid, flush=True)
    time.sleep(600)
"""
)


@pytest.fixture
def make_spawner() -> Iterator[Callable[..., Any]]:
    if not limiter(HUB_ID).enforcement.memory:
        pytest.skip(f"no limits can be enforced: {limiter(HUB_ID).enforcement.how}")
    folder = Path(tempfile.mkdtemp(prefix="anywhere-cgroups-"))
    folder.chmod(0o711)
    made: list[Any] = []

    def make(program: str, **traits: Any) -> Any:
        values = {
            "hub_id": HUB_ID,
            "homes": str(folder / "homes"),
            "accounts": str(folder / "accounts.sqlite"),
            "log_folder": str(folder / "logs"),
            "cmd": [sys.executable, "-c", textwrap.dedent(program)],
            "stop_grace": 1.0,
            **traits,
        }
        user = SimpleNamespace(name="ann", url="/user/ann/", escaped_name="ann")
        spawner = ProcessSpawner(user=user, hub=Hub(), config=Config(ProcessSpawner=values))
        made.append(spawner)
        return spawner

    yield make
    for spawner in made:
        assert kill_server(HUB_ID, spawner.resource)
        if spawner._supervisor is not None:
            spawner._supervisor.process.wait(timeout=20)
    assert [*Path("/sys/fs/cgroup").glob(f"**/jupyterhub-anywhere/{HUB_ID}")] == []
    shutil.rmtree(folder)


async def printed(spawner: Any) -> str:
    async with asyncio.timeout(60):
        while not spawner.log_path.read_text().endswith("\n"):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.05)
    text: str = spawner.log_path.read_text()
    return text.strip()


async def test_a_server_over_its_memory_is_killed_and_told_so(
    make_spawner: Callable[..., Any],
) -> None:
    spawner = make_spawner(EAT, mem_limit="128M")
    with pytest.raises(StartError, match="It used more than its memory limit of 128M") as caught:
        await spawner.start()
    assert "exit status 137" in caught.value.jupyterhub_message


async def test_a_server_within_its_memory_lives(make_spawner: Callable[..., Any]) -> None:
    spawner = make_spawner(LISTEN + "    time.sleep(600)\n", mem_limit="128M")
    await spawner.start()
    assert await spawner.poll() is None
    await spawner.stop()


async def test_a_server_gets_no_more_than_its_cpu(make_spawner: Callable[..., Any]) -> None:
    spawner = make_spawner(BURN, cpu_limit=0.2)
    begun = time.monotonic()
    await spawner.start()
    used = float(await printed(spawner))
    assert used < 0.35 * (time.monotonic() - begun)
    await spawner.stop()


async def test_what_cleared_its_environment_is_found_when_the_supervisor_was_killed(
    make_spawner: Callable[..., Any],
) -> None:
    spawner = make_spawner(ESCAPE)
    await spawner.start()
    escaped = ProcessId.of(int(await printed(spawner)))
    assert escaped is not None
    assert escaped.alive()
    spawner._supervisor.process.kill()
    spawner._supervisor.process.wait()
    assert await spawner.poll() == 137
    assert not escaped.alive()
