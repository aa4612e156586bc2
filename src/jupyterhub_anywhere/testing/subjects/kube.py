"""KubeSpawner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.testing.world import Subject, World
from jupyterhub_anywhere.testing.worlds.kube import KubeWorld, forget

if TYPE_CHECKING:
    from traitlets.config import Config


def _reached(c: Config, world: World) -> None:
    """With internal_ssl a server has a name in the cluster's DNS, which the hub's machine has not.

    The hook and the alternative names are what an administrator would set for a hub outside of it.
    """
    if c.JupyterHub.internal_ssl and isinstance(world, KubeWorld):
        section: Any = c.KubeSpawner
        section.get_pod_url = _address
        section.ssl_alt_names = [f"IP:{address}" for address in world.pods.addresses()]


def _address(_: Any, pod: dict[str, Any]) -> str:
    return f"https://{pod['status']['podIP']}:8888"


SUBJECT = Subject(
    name="kube",
    spawner_class="kubespawner.KubeSpawner",
    world=KubeWorld,
    ssl=True,
    forget=forget,
    config=_reached,
    not_applicable={
        "R24": "KubeSpawner has one client for the whole process: two clusters are not supported"
    },
)
