"""Whose server it is that is started, and what finding that out asks of the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm
from jupyterhub.user import UserDict

from jupyterhub_anywhere.hub.server_api import ServerAPI


def handler(db: sqlalchemy.orm.Session, users: UserDict) -> Any:
    """What the hub makes for a request, without one."""
    made = ServerAPI.__new__(ServerAPI)
    made.application = SimpleNamespace(settings={"db": db, "users": users})
    return made


def test_a_user_is_found_by_one_question_a_request() -> None:
    """The same user as the hub's own way finds: known or not, renamed, removed."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
    orm.Base.metadata.create_all(engine)
    asked: list[str] = []
    with sqlalchemy.orm.Session(engine, expire_on_commit=False) as db:
        db.add_all([orm.User(name="ann"), orm.User(name="bob")])
        db.commit()
        users = UserDict(lambda: db, {})
        first = handler(db, users).find_user("ann")
        assert first.name == "ann"
        sqlalchemy.event.listen(
            engine, "before_cursor_execute", lambda _c, _u, text, *_: asked.append(text)
        )
        request = handler(db, users)
        assert request.find_user("ann") is first
        assert request.find_user("ann") is first
        assert len(asked) == 1
        assert request.find_user("nobody") is None
        assert request.find_user("bob").name == "bob"
        first.orm_user.name = "eve"
        db.commit()
        assert handler(db, users).find_user("ann") is None
        assert handler(db, users).find_user("eve") is first
        users.delete(first)
        assert handler(db, users).find_user("eve") is None
    engine.dispose()
