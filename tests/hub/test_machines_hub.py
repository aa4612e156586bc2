"""A real hub, machines with a real agent, and JupyterLab's server on them."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jupyterhub
import pytest
from tests.hub.harness import Hub, free_port, wait_for
from tests.hub.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

# Two starts of a hub, 100 MB, and a kernel: minutes, on a machine that others use too.
pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]

CONFIG = """
import pathlib
from tests.hub.machine_guest import Guest
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
MemoryCloud.named("default").guest = Guest(pathlib.Path({folder!r}), pathlib.Path({program!r}))
"""


def site(**spawner: Any) -> dict[str, Any]:
    port = free_port()
    common = {
        "image": "plain",
        "size": "small",
        "make_account": True,
        "ports": f"{port}-{port + 20}",
        # The addresses of these machines are all of the loopback, which says 127.0.0.1 of each.
        "bind_ticket": False,
        "report_every": 1,
        "poll_interval": 1,
        "args": ["--ServerApp.max_body_size=200000000"],
    }
    target = {
        "kind": "cloud",
        "provider": "memory",
        "insecure": True,
        "spawner": {**common, **spawner},
    }
    return {"targets": {"lab": target}}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where machines have their files; pytest's folders are its user's alone."""
    made = Path(f"/var/tmp/anywhere-machines-{os.getpid()}-{free_port()}")
    made.mkdir()
    yield made
    subprocess.run(["rm", "-rf", made], check=True)


def start(make_hub: Any, folder: Path, **spawner: Any) -> Hub:
    program = Path(sys.executable).with_name("jupyterhub-singleuser")
    hub: Hub = make_hub(
        config=CONFIG.format(folder=str(folder), program=str(program)),
        environment={"PYTHONPATH": os.pathsep.join(["src", "."])},
        site=site(**spawner),
    )
    root = Path(__file__).parents[2]
    hub.environment["PYTHONPATH"] = os.pathsep.join([str(root / "src"), str(root)])
    return hub.start()


@pytest.mark.parametrize("reach", ["direct", "dial"])
def test_jupyter_on_a_machine_and_no_token_where_others_can_read_it(
    make_hub: Any, folder: Path, reach: str
) -> None:
    hub = start(make_hub, folder, reach=reach)
    hub.add_user("ann")
    hub.start_server("ann")
    kernel = Kernel(hub, "ann")
    assert kernel.execute("import getpass; print(getpass.getuser())").strip() == "ann"
    token = kernel.execute("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    assert len(token) >= 32
    _big_files(hub)
    _found_nowhere(hub, folder, token)
    kernel.close()
    _told_of_strangers(hub)
    hub.stop_server("ann")
    wait_for(lambda: not _holders(token), what="the end of all that has the token")


def _told_of_strangers(hub: Hub) -> None:
    """Who brings a ticket that was made up is turned away, and the doctor says so."""
    made_up = {"ticket": f"awt1.nobody.{'x' * 43}", "credential": "y" * 43, "machine": {}}
    answer = httpx.post(f"{hub.url}hub/api/anywhere/machines/redeem", json=made_up)
    assert (answer.status_code, answer.json()["reason"]) == (403, "unknown")
    findings = json.loads(hub.run("doctor", "-f", str(hub.file), "--json").stdout)
    told = {each["subject"]: each["message"] for each in findings}
    assert "machine at 127.0.0.1" in told
    assert (
        f"jupyterhub-singleuser {jupyterhub.__version__}" in told["target lab: machines of plain"]
    )


def _big_files(hub: Hub) -> None:
    """50 MB up, and down again."""
    data = secrets.token_hex(25_000_000)
    headers = {"Authorization": f"token {hub.user_token('ann')}"}
    with httpx.Client(base_url=f"{hub.url}user/ann/", headers=headers, timeout=120) as client:
        sent = {"type": "file", "format": "text", "content": data}
        client.put("api/contents/big.txt", json=sent).raise_for_status()
        assert client.get("files/big.txt").text == data


def _found_nowhere(hub: Hub, folder: Path, token: str) -> None:
    """No file, and no process that others can look at, has the token."""
    roots = [str(hub.folder), str(folder)]
    found = subprocess.run(["grep", "-rlF", token, *roots], check=False, stdout=subprocess.PIPE)
    for path in map(Path, found.stdout.decode().splitlines()):
        # Jupyter itself writes it for its user's own programs: to where a machine has its memory.
        assert path.parent.match("run/jupyterhub-anywhere/*/runtime"), path
        assert path.parent.stat().st_mode & 0o077 == 0
    assert list(folder.glob("*/user-data"))
    holders = _holders(token)
    # The server and its kernel, of the account that was made for it.
    assert len(holders) == 1
    assert 0 not in holders


def _holders(token: str) -> set[int]:
    """The accounts whose processes have the token in their environment."""
    holders = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            assert token.encode() not in (path / "cmdline").read_bytes()
            if token.encode() in (path / "environ").read_bytes():
                holders.add(path.stat().st_uid)
        except OSError:
            continue
    return holders
