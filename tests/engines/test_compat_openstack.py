"""LibcloudSpawner's printed configuration, on a real cloud: only its host's name is another one."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.engines.openstack_hub import PATIENCE, ports_of
from tests.hub.harness import Hub, free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

# As printed, but for the host of the identity service.
PRINTED: Final = """
c.LibcloudSpawner.cloud_url = "https://127.0.0.1/keystone/v3/auth/tokens"
c.LibcloudSpawner.cloud_user = "lops-jupyter"
c.LibcloudSpawner.cloud_userpassword = "snip-snip"
c.LibcloudSpawner.cloud_project = "noo-lops-jupyter"
c.LibcloudSpawner.machine_sizes = [("1vcpu 2Go RAM", "m1.small"),
       ("4vcpu 8Go RAM", "m1.large"),
       ("2vcpu 32Go RAM", "2c.bigmem"),
       ("8vcpu 32Go RAM", "8c.bigmem"),
       ("4vcpu 64Go RAM", "4c.extramem"),]
c.LibcloudSpawner.machine_images = [("Default image","noo33u16-station-jpy-python")]
c.LibcloudSpawner.machine_net = "noo-net-33"
c.LibcloudSpawner.cloud_region = "RegionOne"
c.LibcloudSpawner.libcloudparams = {"arg_user_id": "lops-jupyter",
                                   "arg_key": "therisnothinghere",
                                   "ex_force_auth_version": "3.x_password",
                                   "ex_force_auth_url": "https://127.0.0.1/keystone/v3/auth/tokens",
                                   "ex_force_service_region": "RegionOne",
                                   "ex_tenant_name": "noo-lops-jupyter",
                                   "ex_domain_name": "default",
                                   "ex_keyname": "tristanlt"}
c.LibcloudSpawner.notebookargs = "--notebook-dir=~"
"""
_HUB: Final = """
c.JupyterHub.spawner_class = "jupyterhub_anywhere.compat.LibcloudSpawner"
c.JupyterHub.hub_bind_url = {url!r}
c.LibcloudSpawner.state_folder = {state!r}
c.Spawner.http_timeout = 240
"""
_IMAGE: Final = "noo33u16-station-jpy-python"
_PATCH: Final = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


def _rename(cloud: OpenStack, image: str, network: str) -> None:
    """Give names to the stub's image and to the second network."""
    ids = cloud.seeded
    change = [{"op": "replace", "path": "/name", "value": image}]
    cloud.admin.ask(
        "PATCH", "image", f"/images/{ids.images['debian-stub']}", change, headers=_PATCH
    )
    path = f"/networks/{ids.networks['secondnet']}"
    cloud.admin.ask("PUT", "network", path, {"network": {"name": network}})


@contextlib.contextmanager
def _account(cloud: OpenStack) -> Iterator[None]:
    """The project, the user and the key pair of the printed configuration."""
    admin = cloud.admin
    roles = {each["name"]: each["id"] for each in admin.get("identity", "/roles")["roles"]}
    about: dict[str, Any] = {"name": "noo-lops-jupyter", "domain_id": "default"}
    project = admin.post("identity", "/projects", {"project": about})["project"]["id"]
    about = {"name": "lops-jupyter", "password": "therisnothinghere", "domain_id": "default"}
    user = admin.post("identity", "/users", {"user": about})["user"]["id"]
    admin.ask("PUT", "identity", f"/projects/{project}/users/{user}/roles/{roles['member']}")
    public = Ed25519PrivateKey.generate().public_key()
    text = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    pair = {"name": "tristanlt", "type": "ssh", "public_key": text, "user_id": user}
    admin.post("compute", "/os-keypairs", {"keypair": pair})
    try:
        yield
    finally:
        admin.delete("compute", f"/os-keypairs/tristanlt?user_id={user}")
        admin.delete("identity", f"/users/{user}")
        admin.delete("identity", f"/projects/{project}")


@contextlib.contextmanager
def _printed_hub(cloud: OpenStack) -> Iterator[Hub]:
    """A stock hub with this configuration, which trusts the cloud's certificate."""
    _rename(cloud, _IMAGE, "noo-net-33")
    hub = Hub(mode="plain", environment={"SSL_CERT_FILE": str(cloud.tls / "ca.pem")})
    before = {each["id"] for each in cloud.servers()}

    def left() -> list[str]:
        return [each["id"] for each in cloud.servers() if each["id"] not in before]

    try:
        with _account(cloud):
            url = f"http://{cloud.gateway}:{free_port()}"
            hub.write_config(PRINTED + _HUB.format(url=url, state=str(hub.state.root)))
            try:
                yield hub.start()
            finally:
                hub.close()
                for each in left():
                    cloud.admin.delete("compute", f"/servers/{each}")
                wait_for(lambda: not left(), seconds=PATIENCE, what="the end of all machines")
    finally:
        _rename(cloud, "debian-stub", "secondnet")


def _leases(hub: Hub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.api("GET", "anywhere/leases").json().get("servers", [])
    return found


def test_the_printed_configuration_gives_a_machine_and_takes_it_back(openstack: OpenStack) -> None:
    with _printed_hub(openstack) as hub:
        before = {each["id"] for each in openstack.servers()}
        client = hub.login("ann")
        form = {
            "machineimage": _IMAGE,
            "machinesize": "m1.small",
            "_xsrf": client.cookies["_xsrf"],
        }
        answer = client.post("hub/spawn", data=form, timeout=PATIENCE)
        assert answer.status_code < 400, answer.text
        wait_for(
            lambda: (hub.server("ann") or {}).get("ready"), seconds=PATIENCE, what=hub.output()
        )
        [machine] = [each for each in openstack.servers() if each["id"] not in before]
        # All that was chosen, and what never worked then: the key pair.
        assert machine["flavor"]["original_name"] == "m1.small"
        assert machine["image"]["id"] == openstack.seeded.images["debian-stub"]
        assert list(machine["addresses"]) == ["noo-net-33"]
        assert machine["key_name"] == "tristanlt"
        # The server answers through the proxy, from that machine.
        headers = {"Authorization": f"token {hub.user_token('ann')}"}
        told = httpx.get(f"{hub.url}user/ann/stub/about", headers=headers, timeout=60)
        assert told.status_code == 200, told.text
        assert told.json()["uid"] > 0
        [lease] = wait_for(lambda: _leases(hub), what="its lease")
        assert (lease["user"], lease["name"]) == ("ann", machine["name"])
        # A ticket, and neither a token nor a password.
        given = base64.b64decode(machine["OS-EXT-SRV-ATTR:user_data"]).decode("latin-1")
        assert "awt1." in given
        assert "JUPYTERHUB_API_TOKEN=" not in given
        assert "therisnothinghere" not in given + str(machine) + hub.output()

        hub.stop_server("ann", seconds=PATIENCE)
        assert [each for each in openstack.servers() if each["id"] not in before] == []
        assert ports_of(openstack, [machine["id"]]) == []
        wait_for(lambda: not _leases(hub), what="no lease")
