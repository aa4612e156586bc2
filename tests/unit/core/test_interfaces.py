"""Which interface an address belongs to; bridges are in tests/engines."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from jupyterhub_anywhere.core.interfaces import interface_of


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.77"])
def test_all_of_the_loopback_network_is_the_loopback(address: str) -> None:
    found = interface_of(ip_address(address))
    assert found is not None
    assert (found.name, found.bridge) == ("lo", False)
    assert found.index > 0


# Addresses for documentation, which no machine has.
@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", "0.0.0.0"])
def test_an_address_of_another_machine(address: str) -> None:
    assert interface_of(ip_address(address)) is None
