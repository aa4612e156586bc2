"""The commands of the recording Slurm, as a shell runs them."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.utils import exponential_backoff
from tornado import web
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from jupyterhub_anywhere.testing.worlds.slurm import JOB, SlurmWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SCRIPT = """#!/bin/bash
#SBATCH --job-name=spawner-jupyterhub
#SBATCH --export=JUPYTERHUB_USER,JUPYTERHUB_API_URL,JUPYTERHUB_API_TOKEN

srun batchspawner-singleuser jupyterhub-singleuser
"""
TOKEN = "0123456789abcdef0123456789abcdef"
LOOK = "squeue -h -j 1001 -o '%T %B'"


class Hub:
    """Takes the ports that jobs report."""

    def __init__(self, port: int = 0) -> None:
        self.reports: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        hub = self

        class Port(web.RequestHandler):
            def post(self) -> None:
                token = self.request.headers["Authorization"]
                hub.reports.put_nowait((token, json.loads(self.request.body)))

        self._server = HTTPServer(web.Application([("/hub/api/batchspawner", Port)]))
        (bound,) = bind_sockets(port, "127.0.0.1")
        self.port = bound.getsockname()[1]
        self._server.add_socket(bound)

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    found = Hub()
    yield found
    await found.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlurmWorld]:
    found = SlurmWorld(tmp_path)
    await found.open()
    yield found
    await found.close()


class Shell:
    """Runs commands with the world's PATH."""

    def __init__(self, world: SlurmWorld, hub: Hub) -> None:
        self.variables = {
            **world.environment(),
            "JUPYTERHUB_USER": "ann",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.port}/hub/api",
            "JUPYTERHUB_API_TOKEN": TOKEN,
            "HIDDEN": "1",
        }

    async def start(self, line: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_shell(
            line, env=self.variables, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def run(self, line: str, text: str = "") -> tuple[int | None, str, str]:
        process = await self.start(line)
        output, complaint = await process.communicate(text.encode())
        return process.returncode, output.decode(), complaint.decode()


@pytest.fixture
def shell(world: SlurmWorld, hub: Hub) -> Shell:
    return Shell(world, hub)


async def test_a_job_waits_runs_reports_its_port_and_ends(
    world: SlurmWorld, hub: Hub, shell: Shell
) -> None:
    assert await shell.run("sbatch --parsable", SCRIPT) == (0, "1001\n", "")
    assert await shell.run(LOOK) == (0, "PENDING n/a\n", "")
    token, body = await asyncio.wait_for(hub.reports.get(), 60)
    assert token == f"token {TOKEN}"
    assert await shell.run(LOOK) == (0, "RUNNING 127.0.0.1\n", "")
    assert world.alive() == ["ann"]
    url = f"http://127.0.0.1:{body['port']}/user/ann/api"
    answer = await AsyncHTTPClient().fetch(url)
    assert answer.headers["X-JupyterHub-Version"]
    assert await shell.run("scancel 1001") == (0, "", "")
    assert await shell.run(LOOK) == (0, "", "")
    assert world.alive() == []
    with pytest.raises(OSError, match="111"):
        await asyncio.open_connection("127.0.0.1", body["port"])


async def test_a_job_reports_to_a_hub_that_comes_later(
    world: SlurmWorld, hub: Hub, shell: Shell
) -> None:
    await hub.close()
    await shell.run("sbatch --parsable", SCRIPT)
    await shell.run(LOOK)
    assert await shell.run(LOOK) == (0, "RUNNING 127.0.0.1\n", "")
    later = Hub(hub.port)
    token, _ = await asyncio.wait_for(later.reports.get(), 60)
    await later.close()
    assert token == f"token {TOKEN}"
    assert world.alive() == ["ann"]


async def test_what_is_asked_is_written_without_secrets_and_numbers(
    world: SlurmWorld, shell: Shell
) -> None:
    await shell.run("sbatch --parsable", SCRIPT)
    await shell.run(LOOK)
    submitted, looked = world.calls
    assert submitted.name == "sbatch"
    assert submitted.facts["arguments"] == ["--parsable"]
    assert submitted.facts["server"] == looked.facts["server"] == "ann"
    assert submitted.facts["options"] == {
        "job-name": "spawner-jupyterhub",
        "export": "JUPYTERHUB_API_TOKEN,JUPYTERHUB_API_URL,JUPYTERHUB_USER",
    }
    assert submitted.facts["environment"]["HIDDEN"] == "1"
    assert looked.facts["arguments"] == ["-h", "-j", "JOB", "-o", "%T %B"]
    assert TOKEN not in json.dumps([dict(call.facts) for call in world.calls])


async def test_a_variable_that_is_not_exported_does_not_reach_the_job(
    world: SlurmWorld, hub: Hub, shell: Shell
) -> None:
    await shell.run("sbatch --parsable", SCRIPT.replace(",JUPYTERHUB_API_TOKEN", ""))
    await shell.run(LOOK)
    # Without its token the program ends before it can report.
    await exponential_backoff(lambda: not world.alive(), "the job goes on", timeout=60)
    assert hub.reports.empty()


async def test_a_script_that_starts_no_server_fails(world: SlurmWorld, shell: Shell) -> None:
    await shell.run("sbatch --parsable", "#!/bin/bash\ntrue\n")
    await shell.run(LOOK)
    assert await shell.run(LOOK) == (0, "", "")
    assert world.alive() == []


async def test_a_job_that_is_not_known_is_an_error(shell: Shell) -> None:
    code, output, complaint = await shell.run("squeue -h -j 7")
    assert (code, output) == (1, "")
    assert complaint == "slurm_load_jobs error: Invalid job id specified\n"
    code, _, complaint = await shell.run("scancel 7")
    assert code == 1
    assert "job id 7: Invalid job id specified" in complaint


async def test_a_command_fails_for_one_server_until_it_is_healed(
    world: SlurmWorld, shell: Shell
) -> None:
    world.fault("sbatch", "error", server="ann/gpu")
    assert (await shell.run("sbatch --parsable", SCRIPT))[0] == 0
    shell.variables["JUPYTERHUB_SERVER_NAME"] = "gpu"
    code, _, complaint = await shell.run("sbatch --parsable", SCRIPT)
    assert code == 1
    assert "Batch job submission failed" in complaint
    world.fault("sbatch", None, server="ann/gpu")
    assert (await shell.run("sbatch --parsable", SCRIPT))[1] == "1002\n"
    assert world.alive() == ["ann", "ann/gpu"]


async def test_a_command_that_is_killed_while_it_hangs_does_nothing_later(
    world: SlurmWorld, shell: Shell
) -> None:
    world.fault("sbatch", "hang")
    process = await shell.start("exec sbatch --parsable")
    assert process.stdin is not None
    process.stdin.write(SCRIPT.encode())
    process.stdin.close()
    await exponential_backoff(lambda: world.calls, "no command was run", timeout=60)
    process.kill()
    await process.wait()
    # A later command is answered after the world has seen that the first one is gone.
    await shell.run(LOOK)
    world.fault("sbatch", None)
    await shell.run(LOOK)
    assert world.alive() == []


async def test_a_job_is_held_or_fails(world: SlurmWorld, shell: Shell) -> None:
    world.fault(JOB, "hang")
    await shell.run("sbatch --parsable", SCRIPT)
    await shell.run(LOOK)
    assert (await shell.run(LOOK))[1] == "PENDING n/a\n"
    world.fault(JOB, "error")
    await shell.run(LOOK)
    assert await shell.run(LOOK) == (0, "", "")


async def test_closing_leaves_no_command_and_no_file_outside(
    world: SlurmWorld, shell: Shell, tmp_path: Path
) -> None:
    world.fault("squeue", "hang")
    process = await shell.start("exec squeue -h -j 1")
    await exponential_backoff(lambda: world.calls, "no command was run", timeout=60)
    await world.close()
    _, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"recording world has gone" in complaint
    assert os.listdir(tmp_path) == ["bin"]  # noqa: PTH208 - names alone
