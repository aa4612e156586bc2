"""Hubs whose servers run on guests of a real cloud, for tests."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
from tests.hub.harness import Hub, free_port, wait_for

from engines.openstack import layout as at
from jupyterhub_anywhere.targets.machines.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engines.openstack.cloud import OpenStack

_Hub = TypeVar("_Hub", bound=Hub)
# What each start of a machine tells, in this order; other steps may come between.
HAVE_TO_COME: Final = [Step.ASKED, Step.BUILT, Step.REDEEMED, Step.STARTING, Step.LISTENING]
# An emulated processor imports JupyterLab for a minute, and the machine is busy.
PATIENCE: Final = 600.0
# A kernel takes its time, too; the hub's own deadlines are for machines with hardware.
CONFIG: Final = "c.Spawner.http_timeout = 240\n"
# libcloud takes what is forced for Nova for the others as well, where nothing else is said.
_OTHERS: Final = {
    "ex_force_image_url": f"http://127.0.0.1:{at.GLANCE}",
    "ex_force_network_url": f"http://127.0.0.1:{at.NEUTRON}",
}


def keys(
    cloud: OpenStack, hub_url: str, *, compute_url: str = "", **spawner: Any
) -> dict[str, Any]:
    """A target's keys in the file.

    Args:
        cloud: Where its machines are made.
        hub_url: The hub's API, as machines reach it.
        compute_url: Where the hub finds Nova; default: where the catalogue says.
        spawner: What is set under ``spawner`` beside image, size and network.
    """
    options = {"ex_force_auth_version": "3.x_appcred"}
    if compute_url:
        options |= {"ex_force_base_url": compute_url, **_OTHERS}
    wanted = {"image": "debian-fast", "size": "m1.small", "networks": ["hubnet"]}
    return {
        "kind": "cloud",
        "title": "Virtual machines",
        "driver": "openstack",
        "user": cloud.credential_id,
        "key": cloud.credential_secret,
        "auth_url": cloud.auth_url,
        "region": at.REGION,
        "options": options,
        "internal_url": hub_url,
        "insecure": True,
        "spawner": {**wanted, "config_drive": True, "report_every": 5, **spawner},
    }


class OpenStackHub(Hub):
    """A hub with one target, ``vms``, whose machines are the guests of a cloud.

    Args:
        cloud: Where they are made.
        profiles: Of the file; default: none, so that the target itself can be chosen.
        compute_url: Where the hub finds Nova; default: where the catalogue says.
        ledger: How the ledger is watched.
        config: Text of the hub's own configuration.
        spawner: What is set at the target beside image, size and network.
    """

    def __init__(
        self,
        cloud: OpenStack,
        *,
        profiles: Mapping[str, Any] | None = None,
        compute_url: str = "",
        ledger: Mapping[str, Any] | None = None,
        config: str = CONFIG,
        **spawner: Any,
    ) -> None:
        super().__init__(arguments=["--keep-servers"], config=config)
        self.cloud = cloud
        url = f"http://{cloud.gateway}:{free_port()}"
        target = keys(cloud, url, compute_url=compute_url, **spawner)
        more = {"profiles": dict(profiles)} if profiles else {}
        about = {"internal_url": url, "ledger": dict(ledger or {})}
        self.write_site({"hub": about, "targets": {"vms": target}, **more})

    def machines(self) -> list[dict[str, Any]]:
        """This hub's machines, as the cloud tells them."""
        return [each for each in self.cloud.servers() if hub_of(each) == self.id]

    def machine(self) -> dict[str, Any]:
        """The only one.

        Raises:
            AssertionError: There is none, or another one.
        """
        found = self.machines()
        assert len(found) == 1, [(each["name"], each["status"]) for each in found]
        return found[0]

    def leases(self) -> list[dict[str, Any]]:
        """What the ledger holds, once it is open."""
        answer = wait_for(self._leases, what="the ledger")
        assert answer is not None
        listed: list[dict[str, Any]] = answer.json()["servers"]
        return listed

    def _leases(self) -> httpx.Response | None:
        answer = self.api("GET", "anywhere/leases")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return None
        return answer.raise_for_status()

    def close(self) -> None:
        """End the hub, and remove what it has at the cloud."""
        super().close()
        for each in self.machines():
            self.cloud.admin.delete("compute", f"/servers/{each['id']}")
        wait_for(lambda: not self.machines(), seconds=PATIENCE, what="the end of all machines")


def hub_of(server: Mapping[str, Any]) -> str:
    """The id of the hub that has made a server; empty for none."""
    return str((server.get("metadata") or {}).get("anywhere-hub", ""))


def ports_of(cloud: OpenStack, machines: Sequence[str]) -> list[str]:
    """The ports that some servers have, by their ids."""
    return [each["id"] for each in cloud.ports() if each["device_id"] in machines]


@contextlib.contextmanager
def running(made: _Hub) -> Iterator[_Hub]:
    """A hub that runs, and is closed at the end."""
    try:
        made.start()
        yield made
    finally:
        made.close()


def openstack_hub(cloud: OpenStack, **more: Any) -> contextlib.AbstractContextManager[OpenStackHub]:
    """An `OpenStackHub` that runs, and is closed at the end."""
    return running(OpenStackHub(cloud, **more))


def followed(hub: OpenStackHub, user: str) -> list[tuple[float, dict[str, Any]]]:
    """Everything that the user is told while a server starts, and after how many seconds."""
    hub.add_user(user)
    began = time.monotonic()
    answer = hub.api("POST", f"users/{user}/server", json={}, timeout=PATIENCE)
    if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        # So soon that the hub still waited.
        return [(time.monotonic() - began, {"failed": True, **answer.json()})]
    assert answer.status_code in {201, 202}, answer.text
    return list(progress(hub, user, began))


def progress(hub: OpenStackHub, user: str, began: float) -> Iterator[tuple[float, dict[str, Any]]]:
    """What the user is told of a start that goes on, as it comes.

    Args:
        hub: The hub.
        user: Whose default server starts.
        began: When, by the monotonic clock.
    """
    headers = {"Authorization": f"token {hub.token}"}
    url = f"{hub.url}hub/api/users/{user}/server/progress"
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                yield time.monotonic() - began, json.loads(line[5:])


def steps_of(told: Sequence[tuple[float, Mapping[str, Any]]]) -> dict[str, float]:
    """When each step of a machine came, in their order, of what `followed` gives."""
    return {each["machine"]: at for at, each in told if "machine" in each}
