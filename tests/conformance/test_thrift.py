"""What the suite's hubs save is what no conversation is about, and nothing outlives a hub."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
import weakref
from contextlib import closing
from typing import TYPE_CHECKING

import sqlalchemy
from jupyterhub import orm, traitlets

from jupyterhub_anywhere.testing.hub import Hub
from jupyterhub_anywhere.testing.thrift import thrifty_start

if TYPE_CHECKING:
    from pathlib import Path


def layout(file: Path) -> list[tuple[str, str]]:
    """All tables and indices, and the version that they are of."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        found += connection.execute("SELECT 'version', version_num FROM alembic_version").fetchall()
    return found


def test_a_new_database_is_laid_out_as_by_jupyterhub(tmp_path: Path) -> None:
    session = orm.new_session_factory(f"sqlite:///{tmp_path / 'theirs'}")
    session.kw["bind"].dispose()
    with thrifty_start(tmp_path / "ours"):
        pass

    assert len(layout(tmp_path / "theirs")) > 20
    assert layout(tmp_path / "ours") == layout(tmp_path / "theirs")


def test_tables_of_authenticators_are_in_a_new_database(tmp_path: Path) -> None:
    """Those that were imported since the first database was made, too."""
    with thrifty_start(tmp_path / "first"):
        pass
    table = sqlalchemy.Table(
        "of_an_authenticator", orm.Base.metadata, sqlalchemy.Column("id", sqlalchemy.Integer)
    )
    try:
        with thrifty_start(tmp_path / "second"):
            pass
    finally:
        orm.Base.metadata.remove(table)
    assert set(layout(tmp_path / "first")) < set(layout(tmp_path / "second"))


def test_a_database_that_exists_stays_and_all_is_as_before_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_bytes(b"mine")
    before = traitlets.entry_points, orm.Hashed.rounds
    with thrifty_start(file):
        assert (traitlets.entry_points, orm.Hashed.rounds) != before

    assert file.read_bytes() == b"mine"
    assert (traitlets.entry_points, orm.Hashed.rounds) == before


def test_a_hub_that_has_ended_is_let_go(tmp_path: Path) -> None:
    async def live() -> weakref.ref[object]:
        async with Hub(tmp_path, lambda _: None) as hub:
            reply = await hub.api("GET", "users")
            assert reply.status == 200
            (synchronous,) = hub.app.db.connection().exec_driver_sql("PRAGMA synchronous").one()
            assert synchronous == 0
            return weakref.ref(hub.app)

    # Records of a log hold what they tell of.
    logging.disable()
    try:
        ended = asyncio.run(live())
    finally:
        logging.disable(logging.NOTSET)
    gc.collect()
    assert ended() is None
