"""What a machine's first boot gets: the configurer's part and the launcher's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.core import MachineCore


def of(spawner: MachineCore, ticket: str) -> str:
    """The user-data of a start.

    Args:
        spawner: Whose.
        ticket: The ticket's text.
    """
    return f"#!/bin/sh\n# {spawner.hub_url}\nticket={ticket}\n"
