"""LibcloudSpawner's printed configuration, on a real cloud: only its host's name is another one."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.engines.openstack_compat import CompatHub
from tests.engines.openstack_hub import PATIENCE, ports_of
from tests.hub.harness import wait_for
from tests.unit.importers.libcloud_files import PRINTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

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
def _printed_hub(cloud: OpenStack) -> Iterator[CompatHub]:
    """A stock hub with this configuration, which trusts the cloud's certificate."""
    _rename(cloud, _IMAGE, "noo-net-33")
    try:
        with _account(cloud):
            hub = CompatHub(cloud, PRINTED.replace("cloud.example.org", "127.0.0.1"))
            try:
                yield hub.start()
            finally:
                hub.close()
    finally:
        _rename(cloud, "debian-stub", "secondnet")


def test_the_printed_configuration_gives_a_machine_and_takes_it_back(openstack: OpenStack) -> None:
    with _printed_hub(openstack) as hub:
        client = hub.login("ann")
        form = {
            "machineimage": _IMAGE,
            "machinesize": "m1.small",
            "_xsrf": client.cookies["_xsrf"],
        }
        answer = client.post("hub/spawn", data=form, timeout=PATIENCE)
        assert answer.status_code < 400, answer.text
        wait_for(lambda: hub.is_ready("ann"), seconds=PATIENCE, what=hub.output())
        [machine] = hub.machines().values()
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
        [lease] = wait_for(hub.leases, what="its lease")
        assert (lease["user"], lease["name"]) == ("ann", machine["name"])
        # A ticket, and neither a token nor a password.
        given = base64.b64decode(machine["OS-EXT-SRV-ATTR:user_data"]).decode("latin-1")
        assert "awt1." in given
        assert "JUPYTERHUB_API_TOKEN=" not in given
        assert "therisnothinghere" not in given + str(machine) + hub.output()

        hub.stop_server("ann", seconds=PATIENCE)
        assert hub.machines() == {}
        assert ports_of(openstack, [machine["id"]]) == []
        wait_for(lambda: not hub.leases(), what="no lease")
