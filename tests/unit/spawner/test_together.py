"""What a hub's start asks of its database for each server that runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm
from sqlalchemy.orm import selectinload

from jupyterhub_anywhere.spawner.together import read_together

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


@contextmanager
def database(servers: int) -> Iterator[sqlalchemy.orm.Session]:
    """The hub's database, with so many users whose servers run, and one whose does not."""
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    with sqlalchemy.orm.Session(engine, expire_on_commit=False) as session:
        for number in range(servers):
            user, server = orm.User(name=f"user{number}"), orm.Server(ip="::1", port=1)
            session.add_all([user, server, orm.Spawner(name="", user=user, server=server)])
        session.add(orm.Spawner(name="", user=orm.User(name="idle")))
        session.commit()
        session.expunge_all()
        yield session
    engine.dispose()


def running(session: sqlalchemy.orm.Session) -> Any:
    """The servers that run, as JupyterHub 6.1.1 asks for them when it starts."""
    return (
        session.query(orm.Spawner)
        .filter(orm.Spawner.server != None)  # noqa: E711 - SQL
        .options(
            selectinload(orm.Spawner.user),
            selectinload(orm.Spawner.user, orm.User._orm_spawners),
        )
        .populate_existing()
    )


@contextmanager
def counted(session: sqlalchemy.orm.Session) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    engine = session.get_bind()
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)


async def walk(servers: int, *, together: bool) -> int:
    """How often the database is asked while a hub takes so many servers up."""
    with database(servers) as session, counted(session) as asked:
        found = []
        for row in running(session):
            user = row.user
            if together:
                read_together(row)
            found.append((user.name, sorted(user.orm_spawners), sorted(user.groups)))
        assert len(found) == servers
        assert all(names == [""] for _, names, _ in found)
    return len(asked)


async def test_a_hubs_start_asks_as_often_for_many_servers_as_for_few() -> None:
    """JupyterHub itself asks for each server; where it does not any more, this is not needed."""
    few, many = await walk(3, together=False), await walk(30, together=False)
    assert many > few
    assert await walk(3, together=True) == await walk(30, together=True)


async def test_only_the_first_server_that_runs_has_them_read() -> None:
    """Not each, and not one that is made while no server runs."""
    with database(2) as session, counted(session) as asked:
        idle = session.query(orm.Spawner).filter_by(server_id=None).one()
        asked.clear()
        read_together(idle)
        assert not asked
        first, second = running(session).all()
        asked.clear()
        read_together(first)
        once = len(asked)
        assert once
        read_together(second)
        assert len(asked) == once
    read_together(None)
    read_together(orm.Spawner(name="of no database"))


async def test_a_database_that_fails_spoils_no_servers_spawner(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever needs a user asks again, and meets the fault there."""
    with database(1) as session:
        row = running(session).one()
        session.execute(sqlalchemy.text("DROP TABLE users"))
        read_together(row)
    assert "could not be read at once" in caplog.text
