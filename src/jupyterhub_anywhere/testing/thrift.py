"""What hundreds of hubs in one process need not do each time.

Nothing here is what a conversation is about: which packages are installed, how a new database is
laid out, whether it would outlive a power cut, and how dear it is to guess the token of the tests.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from jupyterhub import orm, traitlets
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import Iterator

_entry_points: Final = cache(traitlets.entry_points)


@contextmanager
def thrifty_start(database: Path) -> Iterator[None]:
    """Within, hubs start with less work.

    Args:
        database: The hub's, of SQLite; laid out unless it exists.
    """
    if not database.exists():
        database.write_bytes(_new_database(frozenset(orm.Base.metadata.tables)))
    event.listen(Engine, "connect", _not_durable)
    try:
        with (
            # All of them are read for each of six settings.
            mock.patch.object(traitlets, "entry_points", _entry_points),
            # Tokens that a hub makes itself have one round as they are.
            mock.patch.object(orm.Hashed, "rounds", orm.Hashed.generated_rounds),
        ):
            yield
    finally:
        event.remove(Engine, "connect", _not_durable)


def forget_handlers() -> None:
    """Let go of the last requests' handlers, and with them of hubs that have ended.

    JupyterHub remembers answers by handler, a hundred of them; each holds its whole hub.
    """
    for method in (
        BaseHandler.get_token,
        BaseHandler.get_scope_filter,
        APIHandler.accepts_pagination.fget,
    ):
        method.cache_clear()


@cache
def _new_database(_tables: frozenset[str]) -> bytes:
    """A database as JupyterHub lays it out; authenticators that are imported add tables to it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.sqlite"
        session = orm.new_session_factory(f"sqlite:///{file}")
        session.kw["bind"].dispose()
        return file.read_bytes()


def _not_durable(connection: Any, _: object) -> None:
    """Let no commit wait for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")
