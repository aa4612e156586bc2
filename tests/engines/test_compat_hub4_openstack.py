"""A hub of before on a real cloud: JupyterHub 4.1.6 with LibcloudSpawner 2.3.3, both the real ones.

A user's machine runs while its hub becomes ours: the database is upgraded, and one line is changed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.engines.openstack_compat import CUSTOMS, IDENTITY, OURS, CompatHub, parameters
from tests.engines.openstack_hub import PATIENCE, ports_of
from tests.hub.harness import wait_for

from engines.ancestors import supplies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = [pytest.mark.root, pytest.mark.full]

_THEIRS: Final = "libcloudspawner.spawner.LibcloudSpawner"
# 2.x needs a port and a key pair to be set, if only to none.
_CONFIG: Final = """
c.LibcloudSpawner.userserver_images = [("Default image", "debian-stub")]
c.LibcloudSpawner.userserver_sizes = [("1 core", "m1.tiny")]
c.LibcloudSpawner.userserver_net = "hubnet"
c.LibcloudSpawner.userserver_keyname = ""
c.LibcloudSpawner.userdata_template_module = "oldschool"
c.LibcloudSpawner.userdata_template_name = "oldschool.sh.j2"
c.LibcloudSpawner.libcloud_driver_params = {parameters!r}
c.JupyterHub.cleanup_servers = False
c.Authenticator.admin_users = {{"boss"}}
c.Spawner.ip = "0.0.0.0"
c.Spawner.port = 8666
c.Spawner.start_timeout = 600
"""
_OPTIONS: Final = {"userserver_image": "debian-stub", "userserver_size": "m1.tiny"}


class _Before(CompatHub):
    """Runs what was there before until `change`; then what is here."""

    def __init__(self, cloud: OpenStack) -> None:
        config = _CONFIG.format(parameters=parameters(cloud, IDENTITY))
        super().__init__(cloud, config, [str(CUSTOMS)], spawner=_THEIRS)
        self._ours = self.environment
        paths = os.pathsep.join([str(supplies.old_hub()), str(CUSTOMS)])
        self.environment = {**self._ours, "PYTHONPATH": paths}

    def command(self) -> list[str]:
        """By the Python that has nothing but the old packages."""
        if self.environment is self._ours:
            return super().command()
        return [supplies.python(), "-m", "jupyterhub", "-f", str(self.config_file)]

    def change(self) -> None:
        """The administrator installs this product, and changes one line."""
        self.environment = self._ours
        self.name_class(OURS)


@pytest.fixture
def hub(openstack: OpenStack) -> Iterator[_Before]:
    if not supplies.old_hub().is_dir():
        pytest.fail("JupyterHub 4.1.6 is missing. Cure: python -m engines.ancestors old-hub")
    made = _Before(openstack)
    try:
        yield made
    finally:
        made.close()


def test_a_machine_runs_while_its_hub_becomes_ours(hub: _Before) -> None:
    hub.start()
    assert hub.api("GET", "").json()["version"] == "4.1.6"
    hub.add_user("ann")
    # In those days the body was the options, and nothing around them.
    answer = hub.api("POST", "users/ann/server", json=_OPTIONS, timeout=PATIENCE)
    assert answer.status_code in {201, 202}, answer.text
    wait_for(lambda: hub.is_ready("ann"), seconds=PATIENCE, what="ann's server")
    [machine] = hub.machines().values()
    assert re.fullmatch("jhub-ann-[A-Z]{6}", machine["name"])
    assert machine["metadata"] == {}
    state = (hub.server("ann") or {})["state"]
    assert state == {"userserver_id": machine["id"], "userserver_port": 8666}
    pid = hub.told("ann", "stub/about")["pid"]
    token = hub.user_token("ann")
    assert hub.stop() == 0

    hub.change()
    upgraded = hub.run("upgrade", str(hub.database), "--yes")
    assert upgraded.returncode == 0, upgraded.stderr
    assert "written by: JupyterHub 4.x" in upgraded.stdout
    assert "1 of LibcloudSpawner 2.x" in upgraded.stdout
    hub.start()
    users = {each["name"]: each["admin"] for each in hub.api("GET", "users").json()}
    assert users == {"ann": False, "boss": True}
    wait_for(lambda: hub.is_ready("ann"), seconds=PATIENCE, what="ann's server")
    [lease] = wait_for(hub.leases, what="its lease")
    assert (lease["user"], lease["name"]) == ("ann", machine["name"])
    # The same process, on the same machine, for the same user.
    assert hub.told("ann", "stub/about")["pid"] == pid
    assert set(hub.machines()) == {machine["id"]}
    headers = {"Authorization": f"token {token}"}
    assert httpx.get(f"{hub.url}hub/api/user", headers=headers).json()["name"] == "ann"

    hub.stop_server("ann", seconds=PATIENCE)
    assert hub.machines() == {}
    assert ports_of(hub.cloud, [machine["id"]]) == []
    wait_for(lambda: not hub.leases(), what="no lease")
