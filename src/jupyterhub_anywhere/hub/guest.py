"""The ledger in a hub of one's own, which knows nothing of it: opened while the hub reads its file.

JupyterHub runs its configuration file inside its event loop. What is begun there goes on beside the
hub's own start, and the spawners wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.app import JupyterHub

from jupyterhub_anywhere.hub.keeper import Keeper
from jupyterhub_anywhere.spawner import desk as desks

if TYPE_CHECKING:
    from jupyterhub_anywhere.spawner.desk import Desk
    from jupyterhub_anywhere.spawner.site import Site

log = logging.getLogger(__name__)

# Seconds between two looks whether the hub serves.
_LOOK: Final = 0.2


class _Guests:
    """The tasks of this process: an event loop itself keeps no task alive."""

    tasks: Final[set[asyncio.Task[Any]]] = set()


def keep_in(site: Site) -> None:
    """Open the ledger of a site in the hub that runs here, and begin the rounds once it serves.

    Where no hub runs, as in a program that only reads the file, it does nothing.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    keeper = asyncio.ensure_future(Keeper.open(site))
    desks.open_soon(asyncio.ensure_future(_desk(keeper)))
    task = asyncio.ensure_future(_keep(keeper))
    _Guests.tasks.add(task)
    task.add_done_callback(_Guests.tasks.discard)


async def _desk(opening: asyncio.Future[Keeper]) -> Desk:
    return (await asyncio.shield(opening)).desk


async def _keep(opening: asyncio.Future[Keeper]) -> None:
    try:
        keeper = await opening
    except Exception:
        # Every start is refused with this reason, and nothing that runs is touched.
        log.exception("The ledger cannot be used: no server can be started")
        return
    try:
        keeper.begin(await _serving())
        await asyncio.Event().wait()
    finally:
        # The hub ends, and its loop with it.
        await keeper.close()


async def _serving() -> Any:
    """The hub of this process, once it serves."""
    while True:
        app = JupyterHub.instance() if JupyterHub.initialized() else None
        if getattr(app, "http_server", None) is not None:
            return app
        await asyncio.sleep(_LOOK)
