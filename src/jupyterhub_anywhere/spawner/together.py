"""The rows of all users whose servers run, read at once while a hub starts.

JupyterHub 6.1.1 means to read them with its servers (``init_spawners`` in ``app.py``), but its two
loader options cancel each other: it asks the database five times for each server. A thousand
servers cost seconds of the hub's start that way.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import object_session, selectinload

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

# In a session's own notes: that it has been asked.
_ASKED: Final = "jupyterhub_anywhere: users read together"


def read_together(orm_spawner: Any) -> None:
    """Read the users of all servers that run; once a session, and only for a server that runs.

    Args:
        orm_spawner: The row of a server whose spawner is made.
    """
    session = object_session(orm_spawner) if orm_spawner is not None else None
    if session is None or _ASKED in session.info or orm_spawner.server_id is None:
        return
    session.info[_ASKED] = True
    try:
        users = _users(session)
    except SQLAlchemyError:
        # Nothing depends on it: whoever needs a user reads that one, and meets the fault.
        log.warning("The users of servers that run could not be read at once", exc_info=True)
        return
    try:
        # A session itself keeps no row alive. JupyterHub's loop over all servers awaits nothing,
        # and afterwards each user is held by the hub.
        asyncio.get_running_loop().call_soon(users.clear)
    except RuntimeError:
        return


def _users(session: Session) -> list[Any]:
    spawners = orm.User._orm_spawners  # noqa: SLF001 - the only name of all servers of a user
    running = select(orm.Spawner.user_id).where(orm.Spawner.server_id.is_not(None))
    query = session.query(orm.User).where(orm.User.id.in_(running))
    return list(query.options(selectinload(spawners)))
