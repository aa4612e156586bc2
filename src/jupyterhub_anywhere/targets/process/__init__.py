"""Target kind ``process``: servers as processes of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.targets.process.kind import ProcessKind

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.process.spawner import ProcessSpawner

__all__ = ["ProcessKind", "ProcessSpawner"]


def __getattr__(name: str) -> Any:
    # JupyterHub is imported when a server is, not when the kinds are listed.
    if name == "ProcessSpawner":
        from jupyterhub_anywhere.targets.process.spawner import ProcessSpawner

        return ProcessSpawner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
