"""Where containers of a network reach this machine, from what an engine says of it."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import NotFound

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.docker.network import gateway, gateway_of, gateways_in

V4 = {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}
V6 = {"Subnet": "fd00:9::/64", "Gateway": "fd00:9::1"}


def network(*subnets: dict[str, str], driver: str = "bridge", **more: Any) -> dict[str, Any]:
    return {"Name": "lab", "Driver": driver, "IPAM": {"Config": list(subnets)}, **more}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (network(V4), "172.18.0.1"),
        (network(V6, V4), "172.18.0.1"),
        (network(V6), "fd00:9::1"),
        (network({**V4, "Gateway": "172.18.0.254/16"}), "172.18.0.254"),
        # It leads no further than this machine, and so far it does (Engine 20.10, tried).
        (network(V4, Internal=True), "172.18.0.1"),
        # As Engine 20.10 answers for `docker network create --subnet …` (tried).
        (network({"Subnet": "198.19.200.0/24"}), "198.19.200.1"),
        (network({"Subnet": "198.19.200.0/24", "IPRange": "198.19.200.128/25"}), "198.19.200.128"),
        (network({"Subnet": "198.19.200.0/24", "IPRange": "198.19.200.0/25"}), "198.19.200.1"),
    ],
)
def test_a_bridge_network_ends_at_its_gateway(given: dict[str, Any], expected: str) -> None:
    assert gateway_of(given) == expected


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan", "overlay", "null", "host"])
def test_other_networks_end_elsewhere(driver: str) -> None:
    with pytest.raises(TargetError, match=f"lab has the driver {driver}") as caught:
        gateway_of(network(V4, driver=driver))
    assert "hub.internal_url" in caught.value.hint


@pytest.mark.parametrize("answer", [network(), network({"Subnet": "odd"}), {"Driver": "bridge"}])
def test_a_network_without_a_gateway(answer: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="has no gateway"):
        gateway_of(answer)


def test_the_gateways_of_containers() -> None:
    containers: list[dict[str, Any]] = [
        {"NetworkSettings": {"Networks": {"a": {"Gateway": "172.19.0.1"}, "b": {"Gateway": ""}}}},
        {"NetworkSettings": {"Networks": {"a": {"Gateway": "172.19.0.1"}}}},
        {"NetworkSettings": {"Networks": {"c": {"Gateway": "172.18.0.1"}}}},
        {"NetworkSettings": None},
    ]
    assert gateways_in(containers) == ["172.18.0.1", "172.19.0.1"]


async def missing(*_args: Any) -> Any:
    raise NotFound("no such network")


async def test_a_network_that_is_missing() -> None:
    with pytest.raises(TargetError, match="no network lab") as caught:
        await gateway(missing, "lab")
    assert "docker network create lab" in caught.value.hint


@pytest.mark.parametrize("name", ["none", "container:abc"])
async def test_containers_that_have_no_network_of_their_own(name: str) -> None:
    with pytest.raises(TargetError, match="cannot reach the hub"):
        await gateway(missing, name)


async def test_the_default_network_is_the_bridge() -> None:
    asked = []

    async def answer(*words: str) -> dict[str, Any]:
        asked.append(words)
        return network(V4)

    assert await gateway(answer, "default") == "172.18.0.1"
    assert asked == [("inspect_network", "bridge")]
