"""Which servers a hub counts, and how often its database is asked for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm

from jupyterhub_anywhere.hub.hubside import JupyterHubSide
from jupyterhub_anywhere.ledger.hubside import HubServer


class Spawner:
    """A server's spawner in the hub's memory; to ask whether it is ready would ask the database."""

    def __init__(self, pending: str | None = None) -> None:
        self.pending = pending
        self.anywhere_target = "here"

    @property
    def active(self) -> bool:
        """Needs the server's row."""
        raise AssertionError("the row of each server is read")


def side(session: sqlalchemy.orm.Session, spawners: dict[str, dict[str, Spawner]]) -> Any:
    """A hub with some spawners in memory, by user."""
    users = {
        row.id: SimpleNamespace(name=row.name, spawners=spawners[row.name])
        for row in session.query(orm.User)
        if row.name in spawners
    }
    app = SimpleNamespace(db=session, users=users, base_url="/hubs/")
    desk: Any = None
    return JupyterHubSide(app, desk, lambda: "", lambda *_: None)


def test_servers_are_those_of_the_database_and_those_that_start() -> None:
    """With their target where the hub has made a spawner, and the name in their address; in one
    question for all.
    """
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    asked: list[str] = []
    with sqlalchemy.orm.Session(engine, expire_on_commit=False) as session:
        for name in ("runs", "unmade", "starts", "idle"):
            user = orm.User(name=name)
            address = {"runs": "/hubs/user/o%27hara/", "unmade": "/elsewhere/"}.get(name)
            server = orm.Server(ip="::1", port=1, base_url=address) if address else None
            session.add_all([user, orm.Spawner(name="", user=user, server=server)])
        session.commit()
        hub = side(
            session,
            {
                "runs": {"": Spawner(), "second": Spawner()},
                "starts": {"": Spawner("spawn")},
                "idle": {"": Spawner()},
            },
        )
        sqlalchemy.event.listen(
            engine, "before_cursor_execute", lambda _c, _u, text, *_: asked.append(text)
        )
        found = hub.servers()
    engine.dispose()
    assert found == {
        ("runs", ""): HubServer(active=True, target="here", made_for="o'hara"),
        ("unmade", ""): HubServer(active=True),
        ("starts", ""): HubServer(active=True, pending="spawn", target="here"),
    }
    assert len(asked) == 1
