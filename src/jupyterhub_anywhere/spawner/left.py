"""Stops that failed: what may be left somewhere of a server that the hub counts as stopped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths

log = logging.getLogger(__name__)

_CURE: Final = (
    "It is tried again when the server is started, renamed or deleted. Look there whether it still"
    " runs, and end it by that place's own means if that does not help."
)


def _journal(paths: StatePaths) -> Journal:
    return Journal(paths.hub / "left.json")


def note(paths: StatePaths, server: str, target: str, reason: str) -> None:
    """Log it and write it down.

    Args:
        paths: The state folder.
        server: The server's name for people: ``ann:second``.
        target: Where it was to be stopped.
        reason: Why that failed.
    """
    log.error("%s could not be stopped at %s; something may be left: %s", server, target, reason)
    _journal(paths).note(f"{server} at {target}", server=server, target=target, reason=reason)


def forget(paths: StatePaths, server: str, target: str) -> None:
    """It has been proved gone."""
    log.info("What was left of %s at %s is gone", server, target)
    _journal(paths).forget(f"{server} at {target}")


def entries(paths: StatePaths) -> list[dict[str, Any]]:
    """``server``, ``target`` and ``reason`` of each stop that failed."""
    return _journal(paths).entries()


def findings(paths: StatePaths) -> list[Finding]:
    """For the doctor."""
    return [
        Finding(
            Level.ERROR,
            f"target {each.get('target')}",
            f"server {each.get('server')} could not be stopped: {each.get('reason')}",
            _CURE,
        )
        for each in entries(paths)
    ]
