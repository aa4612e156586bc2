"""JupyterHub Anywhere: one JupyterHub, any compute.

In a hub of one's own, in ``jupyterhub_config.py``::

    from jupyterhub_anywhere import setup

    setup(c, "anywhere.yaml")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.bootstrap import setup

__all__ = ["setup"]


def __getattr__(name: str) -> Any:
    """Import the bootstrap at first use: the core and the command line are to stay cheap."""
    if name == "setup":
        from jupyterhub_anywhere.hub.bootstrap import setup

        return setup
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
