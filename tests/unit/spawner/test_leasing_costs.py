"""What a start reads and writes in the two databases, and what a hub finds of one that waited."""

from __future__ import annotations

from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm
from jupyterhub.objects import Hub

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.spawner.state import Envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jupyterhub_anywhere.ledger.lease import Lease


class Teller:
    """Hears of starts and stops."""

    def started(self, lease: Lease) -> None:
        """Nothing."""

    def failed(self, target: str, cause: str) -> None:
        """Nothing."""

    def stopped(self, lease: Lease) -> None:
        """Nothing."""

    def ended(self, lease: Lease, text: str) -> None:
        """Nothing."""


@contextmanager
def database() -> Iterator[sqlalchemy.orm.Session]:
    """The hub's database, with the user ann."""
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    with sqlalchemy.orm.Session(engine, expire_on_commit=False) as session:
        session.add_all([orm.User(name="ann"), orm.OAuthClient(identifier="jupyterhub")])
        session.commit()
        yield session
    engine.dispose()


def restored(session: sqlalchemy.orm.Session) -> AnywhereSpawner:
    """Ann's server as a hub builds it that has just begun; its target is `lab`."""
    user = session.query(orm.User).one()
    row = orm.Spawner(name="", user=user)
    session.add(row)
    session.commit()
    who = SimpleNamespace(
        name="ann", url="/user/ann/", escaped_name="ann", groups=[], settings={}, orm_user=user
    )
    made = AnywhereSpawner(user=who, orm_spawner=row, hub=Hub(ip="127.0.0.1", port=8081))
    made.load_state(Envelope(target="lab").to_state())
    return made


@pytest.fixture
async def desk() -> AsyncIterator[desks.Desk]:
    """A desk with an empty ledger, and no target that can be listed."""
    ledger = await AsyncLedger.open("sqlite://", "hub-abc", SystemClock())
    book = Book(ledger, hub="hub-abc", clock=SystemClock())
    made = desks.Desk(ledger, book, {}, SystemClock(), Teller())
    desks.publish(made)
    yield made
    desks.publish(None)
    await ledger.close()


async def wanted(desk: desks.Desk) -> Lease:
    """Write down that ann wants a server; whoever did so is no more."""
    lease = await desk.book.begin(user="ann", server="", target="lab", name="lab-ann", choice={})
    desk.book.release(lease)
    return lease


@pytest.mark.parametrize("told", [False, True])
async def test_a_start_that_waited_when_its_hub_died_made_nothing(
    desk: desks.Desk, *, told: bool
) -> None:
    lease = await wanted(desk)
    if told:
        await desk.book.withdraw(lease)
    with database() as session:
        seen = await restored(session).watched()
    assert seen is not None
    assert seen.phase is Phase.GONE


async def test_whoever_may_have_made_something_is_asked(desk: desks.Desk) -> None:
    await desk.book.launch(await wanted(desk))
    with database() as session:
        assert await restored(session).watched() is None


async def test_a_server_without_any_lease_is_asked(desk: desks.Desk) -> None:
    assert desk.kicks == []
    with database() as session:
        assert await restored(session).watched() is None


async def test_a_server_that_ran_before_another_start_was_withdrawn_does_not_count() -> None:
    """The latest attempt of this server is what counts, whatever ended last."""
    ledger = await AsyncLedger.open("sqlite://", "hub-abc", SystemClock())
    try:
        book = Book(ledger, hub="hub-abc", clock=SystemClock())
        desk = desks.Desk(ledger, book, {}, SystemClock(), Teller())
        first = await wanted(desk)
        second = await desk.book.launch(await wanted(desk))
        await book.proven(second)
        await book.withdraw(first)
        desks.publish(desk)
        with database() as session:
            assert await restored(session).watched() is None
    finally:
        desks.publish(None)
        await ledger.close()


def test_the_tokens_number_is_found_among_others_that_begin_likewise() -> None:
    with database() as session:
        server = restored(session)
        child: Any = SimpleNamespace(api_token="")
        server.child = child
        user = session.query(orm.User).one()
        tokens = [f"abcd{number:028d}" for number in range(3)]
        rows = []
        for token in tokens:
            child.api_token = user.new_api_token(token)
            rows.append(server._token_id())
        assert rows == [row.id for row in session.query(orm.APIToken).order_by(orm.APIToken.id)]
        child.api_token = "abcd-of-nobody"
        assert server._token_id() is None


def test_what_the_hub_has_committed_is_not_committed_again() -> None:
    with database() as session:
        server = restored(session)
        state = server.get_state()
        assert not server._is_stored(state=state)
        server.orm_spawner.state = state
        assert not server._is_stored(state=state)
        session.commit()
        assert server._is_stored(state=state)
        server.orm_spawner.state = {}
        session.rollback()
        assert server._is_stored(state=state)
        with closing(session):
            assert not server._is_stored(state={"v": 1})
