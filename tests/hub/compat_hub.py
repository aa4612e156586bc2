"""Hubs that name LibcloudSpawner's class, with a cloud in their own process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.hub.harness import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
SECOND: Final = """
c.JupyterHub.spawner_class = "jupyterhub_anywhere.compat.LibcloudSpawner"
c.LibcloudSpawner.userserver_images = [("Lab", "lab-24"), ("R", "r-24"), ("Broken", "broken")]
c.LibcloudSpawner.userserver_sizes = [("Small", "s1"), ("Big", "s8")]
c.LibcloudSpawner.userserver_net = "private-net"
c.LibcloudSpawner.userserver_keyname = "sysadmin"
c.LibcloudSpawner.libcloud_driver_params = {
    "arg_user_id": "me", "arg_key": "top-secret-key", "ex_force_auth_version": "3.x_appcred",
    "ex_force_auth_url": "https://cloud.example.org:5000", "ex_tenant_name": "t"}
"""
FIRST: Final = """
c.JupyterHub.spawner_class = "jupyterhub_anywhere.compat.LibcloudSpawner"
c.LibcloudSpawner.machine_images = [("Lab", "lab-24"), ("R", "r-24"), ("Broken", "broken")]
c.LibcloudSpawner.machine_sizes = [("Small", "s1"), ("Big", "s8")]
c.LibcloudSpawner.machine_net = "private-net"
c.LibcloudSpawner.libcloudparams = {
    "arg_user_id": "me", "arg_key": "top-secret-key", "ex_force_auth_version": "3.x_password",
    "ex_force_auth_url": "https://cloud.example.org:5000", "ex_keyname": "sysadmin"}
"""
_HEAD: Final = """
import sys
sys.path.insert(0, {here!r})
import compat_cloud
compat_cloud.provide(c, includes={includes})
"""


@contextmanager
def compat_hub(config: str, *, includes: bool = True, packages: str = "") -> Iterator[Hub]:
    """A hub with this configuration, not started yet.

    Args:
        config: What an administrator has, apart from the hub itself.
        includes: Whether images follow `#include-once`.
        packages: A folder with template packages.
    """
    paths = [str(HERE.parents[1] / "src"), str(HERE), *([packages] if packages else [])]
    hub = Hub(mode="plain", environment={"PYTHONPATH": os.pathsep.join(paths)})
    try:
        head = _HEAD.format(here=str(HERE), includes=includes)
        state = f"c.LibcloudSpawner.state_folder = {str(hub.state.root)!r}\n"
        hub.write_config(head + config + state)
        yield hub
    finally:
        hub.close()


def cloud(hub: Hub, do: str = "") -> dict[str, Any]:
    """What is at the hub's cloud, after something has happened there, as ``away``."""
    answer = hub.client().get("hub/cloud", params={"do": do})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
