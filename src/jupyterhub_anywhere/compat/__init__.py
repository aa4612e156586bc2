"""Spawners of other systems under their names: one line of a configuration changes, no other.

``c.JupyterHub.spawner_class = "jupyterhub_anywhere.compat.LibcloudSpawner"``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterhub_anywhere.compat.spawner import LibcloudSpawner

__all__ = ["LibcloudSpawner"]


def __getattr__(name: str) -> Any:
    """Import the class at first use: templates are found in here without a hub."""
    if name == "LibcloudSpawner":
        from jupyterhub_anywhere.compat import opening
        from jupyterhub_anywhere.compat.spawner import LibcloudSpawner

        opening.watch_hub()
        return LibcloudSpawner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
