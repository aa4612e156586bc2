"""What the entry point ``anywhere`` of the group ``jupyterhub.spawners`` names.

A hub that sets ``c.JupyterHub.spawner_class = "anywhere"`` imports this module before it makes its
handlers, so that choices sent by API are validated there too.
"""

from __future__ import annotations

from jupyterhub_anywhere.hub.handlers import install
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

__all__ = ["AnywhereSpawner"]

install()
