"""A clock that is set twice while nobody looks: what was listed before a start proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm
from jupyterhub.objects import Hub

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.spawner.state import Envelope
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.core.observation import Observation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TwoClocks:
    """The time of day, which is set; and the time that goes on."""

    def __init__(self) -> None:
        self.seconds, self.moved = 100.0, timedelta()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds) + self.moved

    def elapsed(self) -> float:
        return self.seconds


class Place:
    """A target that lists what it has."""

    def __init__(self) -> None:
        self.things: list[Resource] = []

    async def owned(self) -> Sequence[Resource]:
        return list(self.things)

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        raise AssertionError("nobody asks for names")

    async def destroy(self, resource: Resource) -> bool:
        raise AssertionError("nothing is removed")


def server_of(session: sqlalchemy.orm.Session) -> AnywhereSpawner:
    """Ann's server, at `lab`."""
    user = orm.User(name="ann")
    row = orm.Spawner(name="", user=user)
    session.add_all([user, row, orm.OAuthClient(identifier="jupyterhub")])
    session.commit()
    who = SimpleNamespace(
        name="ann", url="/user/ann/", escaped_name="ann", groups=[], settings={}, orm_user=user
    )
    made = AnywhereSpawner(user=who, orm_spawner=row, hub=Hub(ip="127.0.0.1", port=8081))
    made.load_state(Envelope(target="lab").to_state())
    made.child = SimpleNamespace(get_state=dict)
    return made


async def start(server: AnywhereSpawner, desk: desks.Desk) -> None:
    """Make it, as far as the ledger has to do with it."""
    made = await desk.book.begin(user="ann", server="", target="lab", name="lab-ann", choice={})
    server._lease, server._looked_up = await desk.book.launch(made), True
    await server.launched()


async def test_lists_of_before_a_start_prove_nothing_by_whatever_clock() -> None:
    clock, place = TwoClocks(), Place()
    watch = Watch("lab", place, deadline=5.0, clock=clock, breaker=Breaker(clock, Random(1)))
    ledger = await AsyncLedger.open("sqlite://", "hub-abc", clock)
    teller: Any = SimpleNamespace(started=lambda _lease: None)
    desk = desks.Desk(
        ledger, Book(ledger, hub="hub-abc", clock=clock), {"lab": watch}, clock, teller
    )
    desks.publish(desk)
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    try:
        with sqlalchemy.orm.Session(engine, expire_on_commit=False) as session:
            server = server_of(session)
            for _ in range(2):
                await watch.sweep()
                clock.seconds += 10
            clock.moved = timedelta(hours=-5)
            await start(server, desk)
            clock.moved = timedelta()
            clock.seconds += 1
            seen = await server.watched()
            assert seen is not None
            assert (seen.phase, seen.detail) == (
                Phase.UNKNOWN,
                "lab: not looked at since it was started",
            )
            place.things = [Resource("lab-ann", "ann", "", alive=True)]
            await watch.sweep()
            seen = await server.watched()
            assert seen is not None
            assert seen.phase is Phase.RUNNING
    finally:
        desks.publish(None)
        await ledger.close()
        engine.dispose()
