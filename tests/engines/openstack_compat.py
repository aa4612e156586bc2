"""Hubs that name LibcloudSpawner's class, at a real cloud."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from tests.engines.openstack_hub import PATIENCE
from tests.hub.harness import SOURCES, Hub, free_port, wait_for

from engines.openstack import layout as at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engines.openstack.cloud import OpenStack

# Packages of templates in the style of both generations.
CUSTOMS: Final = Path(__file__).parents[1] / "unit" / "compat" / "customs"
# Without TLS: for what this project did not write, which trusts other authorities.
IDENTITY: Final = f"http://127.0.0.1:{at.KEYSTONE}"
OURS: Final = "jupyterhub_anywhere.compat.LibcloudSpawner"
_HUB: Final = """
c.JupyterHub.spawner_class = {spawner!r}
c.JupyterHub.hub_bind_url = {url!r}
c.LibcloudSpawner.state_folder = {state!r}
c.Spawner.http_timeout = 240
"""


class CompatHub(Hub):
    """A stock hub with this class, which trusts the certificate of the cloud's identity service.

    Args:
        cloud: Where its machines are made.
        config: What an administrator has written, but for the class and the hub's own addresses.
        packages: Folders with Python packages for it.
        spawner: The class that it names.
    """

    def __init__(
        self, cloud: OpenStack, config: str, packages: Sequence[str] = (), spawner: str = OURS
    ) -> None:
        variables: dict[str, str | None] = {"SSL_CERT_FILE": str(cloud.tls / "ca.pem")}
        variables["PYTHONPATH"] = os.pathsep.join([str(SOURCES), *packages])
        super().__init__(mode="plain", environment=variables)
        self.cloud = cloud
        self.inner = f"http://{cloud.gateway}:{free_port()}"
        self._before = {each["id"] for each in cloud.servers()}
        self._written = config
        self.name_class(spawner)

    def name_class(self, spawner: str) -> None:
        """Write the configuration with another class: one line of it changes."""
        more = _HUB.format(spawner=spawner, url=self.inner, state=str(self.state.root))
        self.write_config(self._written + more)

    @property
    def database(self) -> Path:
        """The hub's own database."""
        return self.folder / "plain.sqlite"

    def machines(self) -> dict[str, dict[str, Any]]:
        """What has been made at the cloud since this hub was described, by the machines' ids."""
        listed = self.cloud.servers()
        return {each["id"]: each for each in listed if each["id"] not in self._before}

    def leases(self) -> list[dict[str, Any]]:
        """What the ledger has; nothing as long as it is not open yet."""
        found: list[dict[str, Any]] = self.api("GET", "anywhere/leases").json().get("servers", [])
        return found

    def is_ready(self, user: str, server: str = "") -> bool:
        """Whether the hub says that a server is ready."""
        return bool((self.server(user, server) or {}).get("ready"))

    def told(self, user: str, path: str = "") -> dict[str, Any]:
        """What a user's server answers its user, through the proxy.

        Raises:
            AssertionError: It refuses.
        """
        headers = {"Authorization": f"token {self.user_token(user)}"}
        answer = httpx.get(f"{self.url}user/{user}/{path}", headers=headers, timeout=PATIENCE)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        """End the hub, and whatever has been made at the cloud since."""
        super().close()
        for each in self.machines():
            self.cloud.admin.delete("compute", f"/servers/{each}")
        wait_for(lambda: not self.machines(), seconds=PATIENCE, what="the end of all machines")


def parameters(cloud: OpenStack, url: str = "") -> dict[str, str]:
    """The driver's parameters, with the application credential.

    Args:
        cloud: The cloud.
        url: Of the identity service; default: its address with TLS.
    """
    return {
        "arg_user_id": cloud.credential_id,
        "arg_key": cloud.credential_secret,
        "ex_force_auth_version": "3.x_appcred",
        "ex_force_auth_url": url or cloud.tls_url,
        "ex_force_service_region": at.REGION,
    }
