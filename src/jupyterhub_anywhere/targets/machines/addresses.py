"""Which of a machine's addresses the hub uses. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from jupyterhub_anywhere.targets.machines.traits import AUTO, PRIVATE, PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_anywhere.targets.machines.provider import Machine


def chosen(
    machine: Machine, told: Iterable[str], which: str, family: int, *, floating: bool
) -> str:
    """The address at which a server on a machine is reached; empty where there is none yet.

    Args:
        machine: As its provider tells it.
        told: The addresses that the machine says it has: of clouds that tell none.
        which: ``auto``, ``public`` or ``private``.
        family: 4 or 6: the one that is taken where there are both.
        floating: Whether a floating IP was asked for.
    """
    public, private = _sorted(machine.public, family), _sorted(machine.private, family)
    inside = private or _sorted(told, family)
    if which == PUBLIC or (which == AUTO and floating):
        found = public
    elif which == PRIVATE:
        found = inside
    else:
        found = private or public or inside
    return found[0] if found else ""


def bound_to(machine: Machine) -> tuple[str, ...]:
    """Where requests of a machine come from; empty where nobody can tell.

    What has only addresses inside may be behind a router that puts its own in place of them.
    """
    return (*machine.public, *machine.private)


def _sorted(addresses: Iterable[str], family: int) -> list[str]:
    found = [each for each in addresses if _usable(each)]
    return sorted(found, key=lambda each: _is_v6(each) != (family == 6))  # noqa: PLR2004


def _is_v6(address: str) -> bool:
    return isinstance(ip_address(address), IPv6Address)


def _usable(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return not (found.is_link_local or found.is_unspecified or found.is_multicast)


def in_url(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address
