"""Where containers of a network reach this machine: its gateway."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

# Only a bridge ends on this machine; the gateways of the others are somewhere else.
_BRIDGE: Final = "bridge"
_TELL: Final = (
    "Let containers join a bridge network (`docker network create NAME`), or set hub.internal_url"
    " in anywhere.yaml to an address of this machine that they reach, as http://10.0.0.1:8081."
)


def gateway_of(network: Mapping[str, Any]) -> str:
    """The gateway of a network, from what the engine's ``inspect_network`` says of it.

    IPv4 is preferred: a container may have no IPv6 although its network has. An internal network
    has a gateway too; it only leads no further than this machine.

    Raises:
        TargetError: It has none on this machine.
    """
    name, driver = network.get("Name", ""), network.get("Driver", "")
    if driver != _BRIDGE:
        raise TargetError(
            f"The network {name} has the driver {driver or 'null'}: its gateway is not this"
            " machine.",
            hint=_TELL,
        )
    subnets = (network.get("IPAM") or {}).get("Config") or ()
    found = _sorted(subnet.get("Gateway") or _first_address(subnet) for subnet in subnets)
    if not found:
        raise TargetError(f"The network {name} has no gateway.", hint=_TELL)
    return found[0]


def _first_address(subnet: Mapping[str, Any]) -> str:
    """What the engine takes where a subnet was given and no gateway; version 20.10 does not say."""
    try:
        whole = ip_network(subnet.get("Subnet", ""), strict=False)
        first = ip_network(subnet.get("IPRange") or whole, strict=False)[0]
    except ValueError:
        return ""
    return str(first + 1 if first == whole[0] else first)


def gateways_in(containers: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """The gateways of running containers, from the engine's list of them."""
    networks = (
        network
        for container in containers
        for network in ((container.get("NetworkSettings") or {}).get("Networks") or {}).values()
    )
    return _sorted(network.get("Gateway", "") for network in networks)


def _sorted(addresses: Iterable[str]) -> list[str]:
    """Addresses, once each, IPv4 first; some engines write the prefix behind them."""
    plain = {address.partition("/")[0] for address in addresses if address}
    return sorted(plain, key=lambda text: (ip_address(text).version, text))


def network_of(target: DockerTarget) -> str:
    """The network that the file lets a target's containers join."""
    here = target.declared.spawner
    extra = here.get("extra_host_config") or {}
    mode = extra.get("network_mode") if isinstance(extra, dict) else ""
    return str(mode or here.get("network_name") or _BRIDGE)


def told_url(target: DockerTarget) -> str:
    """Where the file says that containers reach the hub; empty where that is found out."""
    return str(target.declared.spawner.get("hub_connect_url") or target.own.internal_url or "")


async def doors(target: DockerTarget, ask: Callable[..., Awaitable[Any]]) -> Sequence[str]:
    """The addresses of this machine at which a target's containers reach the hub.

    Those of the containers that run are among them: profiles and hooks choose networks, too.

    Raises:
        TargetError: The target's network has no gateway on this machine.
        DockerException: The engine could not be asked.
    """
    name = network_of(target)
    if told_url(target) or not target.engine.local:
        return ()
    wanted = labels.filters(target.site.hub_id, target=target.name)
    found = list(gateways_in(await ask("containers", filters=wanted)))
    if name != "host":
        found.append(await gateway(ask, name))
    return found


async def gateway(ask: Callable[..., Awaitable[Any]], network_name: str) -> str:
    """The address at which containers of a network reach this machine.

    Args:
        ask: Calls a method of `docker.APIClient` at the engine.
        network_name: The network's name or id; ``default`` is the one named bridge.

    Raises:
        TargetError: There is no such network, or it has no gateway on this machine.
        DockerException: The engine could not be asked.
    """
    from docker.errors import NotFound

    name = _BRIDGE if network_name in {"", "default"} else network_name
    if name == "none" or name.startswith("container:"):
        raise TargetError(f"Containers of the network {name} cannot reach the hub.", hint=_TELL)
    try:
        return gateway_of(await ask("inspect_network", name))
    except NotFound as error:
        raise TargetError(
            f"There is no network {name} at this engine.",
            hint=f"Make it with `docker network create {name}`, or name another network_name.",
        ) from error
