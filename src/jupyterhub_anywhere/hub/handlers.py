"""How our handlers come before the hub's own."""

from __future__ import annotations

from typing import Any, Final

import jupyterhub.apihandlers
import jupyterhub.handlers
from jupyterhub.apihandlers.users import SpawnProgressAPIHandler, UserServerAPIHandler
from jupyterhub.handlers.pages import SpawnHandler, SpawnPendingHandler
from jupyterhub.handlers.static import CacheControlStaticFilesHandler

from jupyterhub_anywhere.hub.catalog_api import OwnCatalogAPI, UserCatalogAPI
from jupyterhub_anywhere.hub.handlers_late import add_late
from jupyterhub_anywhere.hub.handlers_port import PortAPI
from jupyterhub_anywhere.hub.leases_api import (
    AdoptAPI,
    CleanAPI,
    LeaksAPI,
    LeasesAPI,
    LiftAPI,
    UserLeasesAPI,
)
from jupyterhub_anywhere.hub.pages import STATIC
from jupyterhub_anywhere.hub.pending import PendingPage, ProgressAPI
from jupyterhub_anywhere.hub.server_api import ServerAPI
from jupyterhub_anywhere.hub.spawn_page import SpawnPage
from jupyterhub_anywhere.spawner import site

REPLACED: Final = {
    SpawnHandler: SpawnPage,
    SpawnPendingHandler: PendingPage,
    UserServerAPIHandler: ServerAPI,
    SpawnProgressAPIHandler: ProgressAPI,
}
_PAGES: Final = [
    (r"/anywhere-static/(.*)", CacheControlStaticFilesHandler, {"path": str(STATIC)}),
]
_API: Final = [
    (r"/api/anywhere/catalog", OwnCatalogAPI),
    (r"/api/anywhere/users/([^/]+)/catalog", UserCatalogAPI),
    (r"/api/anywhere/leases", LeasesAPI),
    (r"/api/anywhere/leaks", LeaksAPI),
    (r"/api/anywhere/leaks/clean", CleanAPI),
    (r"/api/anywhere/leaks/lift", LiftAPI),
    (r"/api/anywhere/adopt", AdoptAPI),
    (r"/api/anywhere/users/([^/]+)/leases", UserLeasesAPI),
    (r"/api/batchspawner", PortAPI),
]


def install() -> None:
    """Put our handlers before the hub's and everybody else's; may be called again.

    It has to be called before the hub makes its handlers: at the import of the spawner class or
    from a configuration file. What a spawner registers later is added when its site is published.
    """
    _put_first(jupyterhub.handlers.default_handlers, _PAGES)
    _put_first(jupyterhub.apihandlers.default_handlers, _API)
    site.on_publish(add_late)


def _put_first(routes: list[tuple[Any, ...]], more: list[tuple[Any, ...]]) -> None:
    """Put before the hub's routes what replaces some of them, and more."""
    if more[0] in routes:
        return
    replaced = [(path, REPLACED[handler]) for path, handler, *_ in routes if handler in REPLACED]
    routes[:0] = [*replaced, *more]
