"""Which of a machine's addresses the hub uses."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_anywhere.targets.machines.addresses import bound_to, chosen, in_url
from jupyterhub_anywhere.targets.machines.provider import Machine, Power

BOTH = Machine(
    id="1",
    name="m",
    power=Power.RUNNING,
    private=("fd00::7", "10.0.0.7"),
    public=("203.0.113.7",),
)
INSIDE = Machine(id="1", name="m", power=Power.RUNNING, private=("10.0.0.7",))
NONE = Machine(id="1", name="m", power=Power.RUNNING)


@pytest.mark.parametrize(
    ("machine", "told", "which", "family", "floating", "found"),
    [
        (BOTH, (), "auto", 4, False, "10.0.0.7"),
        (BOTH, (), "auto", 6, False, "fd00::7"),
        (BOTH, (), "auto", 4, True, "203.0.113.7"),
        (BOTH, (), "public", 6, False, "203.0.113.7"),
        (BOTH, (), "private", 4, True, "10.0.0.7"),
        (INSIDE, (), "public", 4, False, ""),
        (INSIDE, (), "auto", 4, True, ""),
        (INSIDE, (), "auto", 6, False, "10.0.0.7"),
        (NONE, ("192.0.2.4",), "auto", 4, False, "192.0.2.4"),
        (NONE, ("192.0.2.4",), "public", 4, False, ""),
        (NONE, ("fe80::1", "no address", "0.0.0.0", "224.0.0.1"), "auto", 4, False, ""),
        (NONE, (), "auto", 4, False, ""),
    ],
)
def test_the_address(  # noqa: PLR0917 - a table
    machine: Machine, told: Any, which: Any, family: Any, floating: Any, found: Any
) -> None:
    assert chosen(machine, told, which, family, floating=floating) == found


def test_requests_come_from_any_of_its_addresses() -> None:
    assert bound_to(BOTH) == ("203.0.113.7", "fd00::7", "10.0.0.7")


def test_in_a_url() -> None:
    assert (in_url("10.0.0.7"), in_url("fd00::7")) == ("10.0.0.7", "[fd00::7]")
