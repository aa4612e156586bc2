"""What the tests of process servers share: a small server, and a hub that runs it."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.targets.process.labels import Labelled, scan

if TYPE_CHECKING:
    from tests.hub.harness import Hub

STUB = Path(__file__).with_name("stub_server.py")
CONFIG = """
import os
from pathlib import Path
from jupyterhub_anywhere.core.state import StatePaths

state = StatePaths(Path(os.environ["ANYWHERE_TEST_FOLDER"]) / "state")
c.JupyterHub.spawner_class = "jupyterhub_anywhere.targets.process.ProcessSpawner"
c.JupyterHub.allow_named_servers = True
c.ProcessSpawner.homes = str(state.homes)
c.ProcessSpawner.accounts = str(state.accounts)
c.ProcessSpawner.log_folder = str(state.logs)
c.ProcessSpawner.share_account = True
c.Spawner.poll_interval = 1
"""


def install(hub: Hub, config: str = "", *, stub: bool = True) -> Hub:
    """Write the hub's configuration; with a stub in place of a Jupyter server."""
    text = CONFIG + f"c.ProcessSpawner.hub_id = {hub.id!r}\n"
    if stub:
        program = hub.folder / "stub.py"
        program.write_text(STUB.read_text())
        program.chmod(0o644)
        text += f"c.Spawner.cmd = [{sys.executable!r}, {str(program)!r}]\n"
    hub.write_config(text + config)
    return hub


def home_of(hub: Hub, folder: str = "ann") -> Path:
    """A home in the state folder."""
    return hub.state.homes / folder


def told(hub: Hub, folder: str = "ann") -> dict[str, Any]:
    """What the stub wrote down about itself."""
    found: dict[str, Any] = json.loads((home_of(hub, folder) / "stub.json").read_text("utf-8"))
    return found


def running(hub: Hub) -> list[Labelled]:
    """The processes with the hub's label."""
    return scan(hub.id)


def groups(hub: Hub) -> list[Path]:
    """The control groups of the hub."""
    return [*Path("/sys/fs/cgroup").glob(f"**/jupyterhub-anywhere/{hub.id}")]


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)
