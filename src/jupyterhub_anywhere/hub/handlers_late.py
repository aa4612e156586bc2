"""Handlers that a spawner's module registers after the hub has made its own.

Spawners bring handlers by appending to JupyterHub's ``default_handlers`` when they are imported.
The hub reads those lists once, at its start. A class that is imported later (the class name alone
in the configuration, a target that came with a reload) would be answered with 404.
"""

from __future__ import annotations

from typing import Any

import jupyterhub.apihandlers
import jupyterhub.handlers
from jupyterhub.app import JupyterHub

Route = tuple[Any, ...]


def add_late() -> None:
    """Give the running hub the handlers that it has not seen; nothing where none runs."""
    hub: Any = JupyterHub.instance() if JupyterHub.initialized() else None
    application = getattr(hub, "tornado_application", None)
    if application is None:
        return
    late = missing(hub.handlers, JupyterHub.add_url_prefix(hub.hub_prefix, registered()))
    if late:
        application.add_handlers(".*", late)
        hub.handlers.extend(late)
        hub.log.info("Added handlers: %s", ", ".join(path for path, *_ in late))


def registered() -> list[Route]:
    """All handlers that are registered now, without the hub's prefix."""
    return [*jupyterhub.handlers.default_handlers, *jupyterhub.apihandlers.default_handlers]


def missing(present: list[Route], wanted: list[Route]) -> list[Route]:
    """Those of the wanted routes whose paths are not served yet.

    tornado asks late routes first, so one of them must never take a path from the hub or from us.
    """
    paths = {path for path, *_ in present}
    return [route for route in wanted if route[0] not in paths]
