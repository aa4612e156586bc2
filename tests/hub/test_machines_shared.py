"""A real hub, real agents, and several servers of one user on one machine."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import wait_for
from tests.hub.kernels import Kernel
from tests.hub.test_machines_hub import folder, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hub.harness import Hub

__all__ = ["folder"]
# Four starts of Jupyter on a machine that others use too.
pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]


def machines(folder: Path) -> list[Path]:
    """The folders of all machines that there ever were."""
    return sorted(path.parent for path in folder.glob("*/user-data"))


def units(machine: Path) -> set[str]:
    """The keys of the servers that an agent has files of."""
    servers = machine / "var/lib/jupyterhub-anywhere/servers"
    return {path.stem for path in servers.glob("*.json")}


def name_of_user(hub: Hub, server: str) -> str:
    kernel = Kernel(hub, "ann", server)
    try:
        return kernel.execute("import getpass; print(getpass.getuser())").strip()
    finally:
        kernel.close()


@pytest.mark.parametrize("reach", ["direct", "dial"])
def test_two_servers_on_one_machine(make_hub: Any, folder: Path, reach: str) -> None:
    hub = start(make_hub, folder, reach=reach, share_machine=True)
    hub.add_user("ann")
    hub.start_server("ann")
    hub.start_server("ann", "second")
    [machine] = machines(folder)
    assert len(units(machine)) == 2
    assert [name_of_user(hub, each) for each in ("", "second")] == ["ann", "ann"]
    hub.stop_server("ann")
    wait_for(lambda: len(units(machine)) == 1, what="the end of what the first one left")
    assert name_of_user(hub, "second") == "ann"
    # It may come back to the machine, which is awake.
    hub.start_server("ann")
    assert machines(folder) == [machine]
    assert name_of_user(hub, "") == "ann"
    hub.stop_server("ann")
    hub.stop_server("ann", "second")
    wait_for(lambda: not _of(folder), what="the end of the machine")
    wait_for(lambda: hub.run("leaks").returncode == 0, what="that nothing disagrees")


def _of(folder: Path) -> str:
    """Processes of machines in a folder."""
    found = subprocess.run(
        ["pgrep", "-f", f"unshare.*{folder}"], check=False, stdout=subprocess.PIPE
    )
    return found.stdout.decode()
