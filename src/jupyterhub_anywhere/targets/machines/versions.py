"""Which `jupyterhub-singleuser` on a machine works with this hub. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = (2, 0)
"""The oldest version that is let run with a hub of 6.1.

1.5.1 starts, and must not: it knows no scopes, so that every token of its user opens the whole
server, whatever the token is for. How it was found stands in `docs/agent.md`.
"""
OLDEST_PYTHON: Final = (3, 8)
"""The oldest Python that runs the agent."""
NO_PYTHON: Final = "none"
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


def parsed(version: object) -> tuple[int, int] | None:
    """Major and minor of a version; None where it cannot be read."""
    found = _VERSION.match(version) if isinstance(version, str) else None
    return (int(found[1]), int(found[2])) if found else None


def too_old(machine: Mapping[str, Any], hub: str) -> str:
    """Why the server of a machine is not started; empty where it may be.

    Args:
        machine: What the machine says of itself.
        hub: The hub's version.
    """
    told = machine.get("singleuser")
    found = parsed(told)
    if found is None or found >= OLDEST:
        return ""
    oldest = ".".join(map(str, OLDEST))
    return (
        f"The machine's jupyterhub-singleuser has version {told}, and this hub, {hub}, needs"
        f" {oldest} or newer. Please tell the administrator: the image needs"
        f" `pip install jupyterhub=={hub}`, on Python 3.10 or newer."
    )


def no_agent(machine: Mapping[str, Any]) -> str:
    """Why no agent can run on a machine; empty where it can.

    Args:
        machine: What the machine says of itself.
    """
    told = machine.get("python")
    found = parsed(told)
    if told != NO_PYTHON and (found is None or found >= OLDEST_PYTHON):
        return ""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    has = "no Python that runs" if told == NO_PYTHON else f"Python {told}"
    return (
        f"The machine's image has {has}, and what starts servers there needs Python {oldest} or"
        " newer. Please tell the administrator: the image needs `apt-get install python3` (Debian,"
        " Ubuntu) or `dnf install python3.11` (RHEL and its kin), with `python3` on the PATH."
    )
