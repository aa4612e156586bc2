"""A router between a network of the tests and the outside, for floating addresses."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from engines.openstack import seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack


@contextlib.contextmanager
def router(openstack: OpenStack, network: str, subnet: str) -> Iterator[str]:
    """Let floating addresses lead to a subnet.

    Args:
        openstack: The cloud.
        network: The id of the subnet's network.
        subnet: Its id.

    Yields:
        The id of the external network.
    """
    admin = openstack.admin
    external = openstack.seeded.networks[seed.EXTERNAL]
    about = {"name": "router", "external_gateway_info": {"network_id": external}}
    made = admin.post("network", "/routers", {"router": about})["router"]["id"]
    # The subnet's own gateway is this room: the router has another address there.
    port = {"network_id": network, "fixed_ips": [{"subnet_id": subnet}]}
    inner = admin.post("network", "/ports", {"port": port})["port"]["id"]
    body = {"port_id": inner}
    admin.ask("PUT", "network", f"/routers/{made}/add_router_interface", body)
    try:
        yield external
    finally:
        admin.ask("PUT", "network", f"/routers/{made}/remove_router_interface", body)
        admin.delete("network", f"/routers/{made}")
