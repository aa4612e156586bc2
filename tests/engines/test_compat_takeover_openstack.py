"""VMs that LibcloudSpawner left on a real cloud, with the database of the JupyterHub 4 above."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.engines.openstack_compat import CompatHub, parameters
from tests.engines.openstack_hub import PATIENCE, ports_of
from tests.engines.openstack_left import Left, address_of, leave, write_down
from tests.hub.harness import wait_for
from tests.old_hubs import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

# As that hub was configured, for both generations: some servers began before the administrator
# changed to 2.x.
_CONFIG: Final = """
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.LibcloudSpawner.userserver_images = [("Default image", "debian-stub")]
c.LibcloudSpawner.userserver_sizes = [("1 core", "m1.tiny")]
c.LibcloudSpawner.userserver_net = "hubnet"
c.LibcloudSpawner.userserver_keyname = ""
c.LibcloudSpawner.libcloud_driver_params = {parameters!r}
"""
# As the dump has them: alice's server is of 2.x, bob's of 1.x.
_PORTS: Final = {"alice": 8001, "bob": 8000}


@pytest.fixture
def hub(openstack: OpenStack) -> Iterator[CompatHub]:
    made = CompatHub(openstack, _CONFIG.format(parameters=parameters(openstack)))
    try:
        yield made
    finally:
        made.close()


def left_behind(hub: CompatHub) -> dict[str, Left]:
    """Machines of two users, in the database that their JupyterHub 4.1.6 wrote."""
    left = {user: leave(hub, user, port) for user, port in _PORTS.items()}
    text = (recipe.HERE / "jupyterhub-4.1.6.sql").read_text("utf-8")
    recipe.load(text, hub.database)
    for user, each in left.items():
        address = address_of(hub.cloud, each.id)
        port = write_down(hub.database, user, each, address)
        assert port == _PORTS[user]
        answers = partial(_answers, f"http://{address}:{port}/user/{user}/api")
        wait_for(answers, seconds=PATIENCE, what=f"the server on {each.name}")
    return left


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ancestors(hub: CompatHub) -> dict[str, str]:
    """What ``anywhere leaks --ancestors`` lists: names and users, by the machines' ids."""
    file = hub.folder / "imported.yaml"
    if not file.exists():
        done = hub.run("import", str(hub.config_file), "-o", str(file))
        assert file.exists(), done.stderr
    listed = hub.run("leaks", "--ancestors", "--json", "-f", str(file))
    told = json.loads(listed.stdout)
    assert told["unknown"] == {}, listed.stderr
    assert listed.returncode == (1 if told["machines"] else 0), listed.stderr
    return {each["id"]: f"{each['user']}: {each['name']}" for each in told["machines"]}


def test_running_vms_are_taken_over(hub: CompatHub) -> None:
    left = left_behind(hub)
    # Of a server that its hub has forgotten, and never boots.
    lost = leave(hub, "carl", 8000, size="fake.nano")
    address_of(hub.cloud, lost.id)
    everything = {lost.id, *(each.id for each in left.values())}
    assert {*ancestors(hub)} == everything

    upgraded = hub.run("upgrade", str(hub.database), "--yes")
    assert upgraded.returncode == 0, upgraded.stderr
    assert "states: 1 of LibcloudSpawner 1.x, 3 of LibcloudSpawner 2.x" in upgraded.stdout
    assert list(hub.folder.glob("plain.sqlite.before-upgrade-*"))
    hub.start()
    for user, each in left.items():
        taken_over(hub, user, each)
    # Those whose machines are gone are told so, and nothing has been made for them.
    for server in ("gpu", "Big_One"):
        assert not hub.is_ready("carol", server)
    assert set(hub.machines()) == everything
    # Those that are ours now are listed no more; what no server has is, and is left alone.
    assert ancestors(hub) == {lost.id: f"carl: {lost.name}"}

    stopped_by_herself(hub, "alice")
    gone(hub, "alice", left["alice"])
    assert hub.is_ready("bob")
    hub.stop_server("bob", seconds=PATIENCE)
    gone(hub, "bob", left["bob"])
    assert hub.leases() == []
    assert set(hub.machines()) == {lost.id}
    assert ancestors(hub) == {lost.id: f"carl: {lost.name}"}


def taken_over(hub: CompatHub, user: str, left: Left) -> None:
    """A server is found, leased, and reached by its user; nobody has started it again."""
    wait_for(lambda: hub.is_ready(user), seconds=PATIENCE, what=f"{user}'s server")
    lease = wait_for(
        lambda: next((each for each in hub.leases() if each["user"] == user), None),
        what=f"a lease of {user}'s",
    )
    assert lease is not None
    assert (lease["name"], lease["state"]) == (left.name, "running")
    marks = hub.machines()[left.id]["metadata"]
    assert (marks["anywhere-user"], marks["anywhere-lease"]) == (user, lease["id"])
    # Whoever comes is asked for at the hub, which knows the server by the token of before.
    assert hub.told(user) == {"host": left.name.lower(), "visitor": user, "used": 200}


def stopped_by_herself(hub: CompatHub, user: str) -> None:
    """A user stops her server, as the button of her home page does."""
    client = hub.login(user)
    headers = {"X-XSRFToken": client.cookies["_xsrf"]}
    answer = client.delete(f"hub/api/users/{user}/server", headers=headers, timeout=PATIENCE)
    assert answer.status_code in {202, 204}, answer.text


def gone(hub: CompatHub, user: str, left: Left) -> None:
    """Nothing is left of a server: no machine, no port, no lease, and its token opens nothing."""
    what = f"the end of {left.name}"
    wait_for(lambda: left.id not in hub.machines(), seconds=PATIENCE, what=what)
    assert ports_of(hub.cloud, [left.id]) == []
    wait_for(lambda: user not in {each["user"] for each in hub.leases()}, what="no lease")
    wait_for(lambda: not hub.server(user) or not hub.is_ready(user), what=f"{user}'s stop")
    headers = {"Authorization": f"token {left.token}"}
    assert httpx.get(f"{hub.url}hub/api/user", headers=headers).status_code == 403
