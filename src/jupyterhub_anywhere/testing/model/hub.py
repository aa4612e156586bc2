"""A hub with its database, as much of it as the ledger has to do with."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.hub import birth
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.spawner.line import Line
from jupyterhub_anywhere.spawner.queueing import Room
from jupyterhub_anywhere.testing.model.world import EngineError, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.queueing import Ticket
    from jupyterhub_anywhere.targets.watch import Watch
    from jupyterhub_anywhere.testing.model.life import DyingLedger, Life
    from jupyterhub_anywhere.testing.model.time import VirtualClock
    from jupyterhub_anywhere.testing.model.world import Engine

Key = tuple[str, str]
# Seconds that a start waits for an earlier server, a stop for its engine, and a start for its own.
_PATIENCE: Final = 15.0
_STOP_SECONDS: Final = 20.0
_START_SECONDS: Final = 30.0
# So few that almost everybody has to wait.
ROOM: Final = Room(2, {"lab": 1})


@dataclass(slots=True)
class Row:
    """A server in the hub's database.

    Attributes:
        target: Where it is.
        name: The name of what it runs in.
        token: The id of its token.
        made_for: The name that its user had when it was started.
        engine: The engine that it was made at; empty before.
    """

    target: str
    name: str
    token: int
    made_for: str
    engine: str = ""


@dataclass(slots=True)
class HubDatabase:
    """What the hub has committed.

    Attributes:
        users: The names of users.
        rows: Each server that counts as active.
        tokens: Id to user and server of each valid token.
        touched: Each server that it knows, to when its row was touched last.
    """

    users: set[str] = field(default_factory=set)
    rows: dict[Key, Row] = field(default_factory=dict)
    tokens: dict[int, Key] = field(default_factory=dict)
    touched: dict[Key, datetime] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def copy(self) -> HubDatabase:
        """As a backup has it; no number is given twice all the same."""
        return HubDatabase(
            set(self.users),
            {key: replace(row) for key, row in self.rows.items()},
            dict(self.tokens),
            dict(self.touched),
            self.numbers,
        )


class ModelHub:
    """One process of a hub; implements `HubSide`, and starts and stops servers as spawners do.

    Args:
        database: What outlives it.
        ledger: The ledger, as this process uses it.
        engines: Target name to engine.
        watches: Target name to watch.
        declared: The targets that people may choose.
        clock: The time.
        life: When it dies.
        wish: Told of each lease that may be ended from now on.
        cherish: Told of each lease that may not be ended any more.
        on_drop: Told of each server that the hub takes leave of.
        on_revoke: Told of each token that is revoked.
        on_tell: Told of what a user is told: whose server, and the text.

    Attributes:
        book: Writes the leases.
        line: Where starts wait for their turn.
        pending: What is done with a server just now: spawn or stop.
        told: What users were told last.
    """

    def __init__(  # noqa: PLR0913 - the parts of a world
        self,
        database: HubDatabase,
        ledger: DyingLedger,
        engines: Mapping[str, Engine],
        watches: Mapping[str, Watch],
        declared: Collection[str],
        *,
        clock: VirtualClock,
        life: Life,
        wish: Callable[[str], None],
        cherish: Callable[[str], None],
        on_drop: Callable[[Key], None],
        on_revoke: Callable[[int], None],
        on_tell: Callable[[Key, str], None],
    ) -> None:
        self._db, self._ledger, self._life = database, ledger, life
        self._engines, self._watches, self._clock = engines, watches, clock
        self._declared = declared
        self._wish, self._cherish = wish, cherish
        self._on_drop, self._on_revoke, self._on_tell = on_drop, on_revoke, on_tell
        self.book = Book(ledger, hub=ledger.hub, clock=clock, watches=watches)
        self.line = Line(lambda: ROOM, clock)
        self.pending: dict[Key, str] = {}
        self._starts: dict[Key, asyncio.Task[None]] = {}
        self._newborn = ""
        # Tokens that this process has made: the others are forgotten by a stop, as in JupyterHub.
        self._known: set[int] = set()
        self.told: dict[Key, str] = {}

    # --- HubSide ----------------------------------------------------------------------------------

    def newborn(self) -> str:
        """Why nothing may be removed."""
        return self._newborn

    async def look_at_itself(self) -> None:
        """Before each round: whether the database can be taken at its word."""
        leases = await self._ledger.active()
        touched = self._db.touched
        self._newborn = birth.doubt(leases, self._db.users, lambda: touched, self.servers())

    def users(self) -> set[str]:
        """The names of all users."""
        return set(self._db.users)

    def servers(self) -> Mapping[Key, HubServer]:
        """What is active or pending."""
        found = {
            key: HubServer(
                active=True,
                pending=self.pending.get(key, ""),
                target=row.target,
                made_for=row.made_for,
            )
            for key, row in self._db.rows.items()
        }
        for key, what in self.pending.items():
            found.setdefault(key, HubServer(active=False, pending=what))
        return found

    def tokens(self) -> Sequence[ServerToken]:
        """The tokens of servers."""
        return [ServerToken(number, *key) for number, key in self._db.tokens.items()]

    def clients(self) -> Sequence[ServerClient]:
        """None: nobody logs in here."""
        return ()

    def in_charge(self, lease: str) -> bool:
        """Whether this process works on a lease."""
        return lease in self.book.busy

    async def drop(self, user: str, server: str, reason: str) -> None:  # noqa: ARG002 - the protocol's
        """Take leave of a server."""
        key = user, server
        if key in self._db.rows and key not in self.pending:
            self._on_drop(key)
            await self._forget(key)

    async def _forget(self, key: Key, *, resumes: bool = False) -> None:
        self._life.cross()
        row = self._db.rows.pop(key, None)
        self._db.touched[key] = self._clock.now()
        if row is not None and row.token in self._known and not resumes:
            self._db.tokens.pop(row.token, None)
        self._life.cross()
        await asyncio.sleep(0)

    async def revoke(self, token: int, *, instead: int | None = None) -> None:  # noqa: ARG002
        """Delete a token."""
        self._life.cross()
        self._on_revoke(token)
        self._db.tokens.pop(token, None)
        self._life.cross()

    async def disown(self, client: int) -> None:
        """There are no clients."""

    async def tell(self, user: str, server: str, text: str) -> None:
        """The user reads it."""
        self.told[user, server] = text
        self._on_tell((user, server), text)

    async def halt(self, lease: Lease) -> None:
        """Stop it by its spawner's own way.

        Raises:
            EngineError: It could not be stopped.
        """
        self._life.cross()
        if lease.target not in self._declared:
            raise EngineError("no such target is declared")
        await self._engines[lease.target].stop(lease.name)
        self._life.cross()

    async def ask(self, lease: Lease) -> Observation:  # noqa: ARG002 - the protocol's
        """Every target here can be listed."""
        return Observation(Phase.UNKNOWN, "it is listed")

    # --- what spawners do -------------------------------------------------------------------------

    async def start(self, key: Key, target: str) -> None:
        """A user starts a server."""
        if key in self._db.rows or key in self.pending or key[0] not in self._db.users:
            return
        if target not in self._declared:
            return
        self.pending[key] = "spawn"
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is a coroutine
        self._starts[key] = task
        try:
            await self._leaves_other_engines(key, self._engines[target])
            await self._start(key, target)
        finally:
            self.pending.pop(key, None)
            self._starts.pop(key, None)

    def cancel(self, key: Key) -> None:
        """A user takes the wish for a server back while it starts, or waits for its turn."""
        task = self._starts.pop(key, None)
        if task is not None:
            task.cancel()

    async def _leaves_other_engines(self, key: Key, engine: Engine) -> None:
        """Who starts a server anew has no other one elsewhere, also under a name of before."""
        mine = {each.id for each in await self._ledger.of_server(*key)}
        for other in self._engines.values():
            for thing in other.everything if other is not engine else ():
                if (thing.user, thing.server) == key or thing.by in mine:
                    self._wish(thing.by)

    async def _start(self, key: Key, target: str) -> None:
        engine, name = self._engines[target], f"{key[0]}-{key[1]}"
        self._life.cross()
        token = self._token(key, engine)
        self._db.rows[key] = row = Row(target, name, token, key[0])
        self._db.touched[key] = self._clock.now()
        self._life.cross()
        lease = ticket = None
        try:
            lease = await self._begin(key, target, name)
            ticket = await self._turn(lease)
            async with asyncio.timeout(_PATIENCE + _START_SECONDS):
                await self._clear_the_way(lease)
                lease = await self.book.launch(lease, token=token)
                self._cherish(lease.id)
                place = {"name": name, "engine": await self._identity(target)}
                lease = await self.book.progress(lease, child=place)
                row.engine = place["engine"]
                await self._create(lease, token)
                await self.book.started(lease)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, the start has failed
            if lease is not None:
                self._wish(lease.id)
                await self.book.failed(lease, f"{type(error).__name__}: {error}")
            await self._forget(key, resumes=engine.keeps)
        finally:
            if ticket is not None:
                self.line.leave(ticket)
            if lease is not None:
                self.book.release(lease)

    async def _turn(self, lease: Lease) -> Ticket:
        """Wait for a slot; that it waits is written down by the way, as spawners do it."""
        waits: list[asyncio.Task[None]] = []

        async def queued() -> None:
            with suppress(AnywhereError):
                await self.book.queued(lease)

        def moved(_place: object) -> None:
            if not waits:
                waits.append(asyncio.ensure_future(queued()))

        return await self.line.turn(lease.user, lease.server, lease.target, moved)

    def _token(self, key: Key, engine: Engine) -> int:
        """The token of a start; what is kept is started again with the one that it has."""
        kept = engine.things.get(f"{key[0]}-{key[1]}")
        if kept is not None and kept.keep and kept.token in self._db.tokens:
            return kept.token
        token = next(self._db.numbers)
        self._db.tokens[token] = key
        self._known.add(token)
        return token

    async def _begin(self, key: Key, target: str, name: str) -> Lease:
        keeps = self._engines[target].keeps
        return await self.book.begin(
            user=key[0], server=key[1], target=target, name=name, choice={}, keeps=keeps
        )

    async def _clear_the_way(self, lease: Lease) -> None:
        """Wait until an earlier server has left the name."""
        for _ in range(int(_PATIENCE)):
            earlier = [
                each
                for each in await self._ledger.of_server(lease.user, lease.server)
                if each.id != lease.id and each.held and self._has_its_name(each, lease)
            ]
            for each in earlier:
                if each.live:
                    self._wish_away(each.target, each.name)
                    self._wish(each.id)
                    await self.book.stop(each)
                    self.book.release(each)
            if not earlier:
                return
            await asyncio.sleep(1.0)
        raise TimeoutError("the earlier server is still being stopped")

    def _has_its_name(self, other: Lease, mine: Lease) -> bool:
        """As spawners ask it: targets that share a list share its names."""
        watch = self._watches.get(mine.target)
        same = watch is not None and self._watches.get(other.target) is watch
        return other.name == mine.name and (other.target == mine.target or same)

    def _wish_away(self, target: str, name: str) -> None:
        for thing in self._engines[target].everything:
            if thing.name == name:
                self._wish(thing.by)

    async def _identity(self, target: str) -> str:
        self._life.cross()
        await asyncio.sleep(0)
        if self._engines[target].faults.fails:
            raise EngineError("500 Internal Server Error")
        return self._engines[target].id

    async def _create(self, lease: Lease, token: int) -> None:
        engine = self._engines[lease.target]
        thing = Thing(
            lease.name,
            self._ledger.hub,
            lease.user,
            lease.server,
            lease.id,
            keep=engine.keeps,
            token=token,
        )
        self._life.cross()
        await engine.create(thing, lease.child["engine"])
        self._life.cross()

    async def stop(self, key: Key) -> None:
        """A user stops a server."""
        row = self._db.rows.get(key)
        if row is None or key in self.pending:
            return
        self.pending[key] = "stop"
        lease: Lease | None = None
        try:
            self._wish_away(row.target, row.name)
            lease = await self._lease(key, row)
            if lease is not None:
                self._wish(lease.id)
                lease = await self.book.stop(lease)
            await self._stop_child(row)
            await self._forget(key, resumes=self._engines[row.target].keeps)
        finally:
            self.pending.pop(key, None)
            if lease is not None:
                self.book.release(lease)

    async def _lease(self, key: Key, row: Row) -> Lease | None:
        """A server's newest; a spawner remembers its own, also where its user was renamed."""
        found = await self._ledger.of_server(*key)
        if row.made_for != key[0]:
            found += await self._ledger.of_server(row.made_for, key[1])
        found = [each for each in found if each.name == row.name]
        # What was kept and is started again is older than what was made in between.
        return max(found, key=lambda each: each.attempt) if found else None

    async def _stop_child(self, row: Row) -> None:
        self._life.cross()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._engines[row.target].stop(row.name)
        except Exception:  # noqa: BLE001, S110 - what is left is the reconciler's
            pass
        self._life.cross()

    async def delete(self, user: str) -> None:
        """An administrator deletes a user, with all that is kept of the user.

        Not while leases have the old name of somebody who was renamed: that is a matter of seconds.
        """
        known = self._db.users
        if user not in known or any(x.user not in known for x in await self._ledger.active()):
            return
        for key in [each for each in self._db.rows if each[0] == user]:
            await self.stop(key)
        if any(key[0] == user for key in [*self._db.rows, *self.pending]):
            return
        self._life.cross()
        self._db.users.discard(user)
        self._db.touched = {key: at for key, at in self._db.touched.items() if key[0] != user}
        self._db.tokens = {n: key for n, key in self._db.tokens.items() if key[0] != user}
        self._life.cross()
        for lease in await self._ledger.active(user=user):
            self._wish_away(lease.target, lease.name)
            self._wish(lease.id)
            await self.book.forget(lease)

    def rename(self, user: str, new: str) -> None:
        """An administrator renames a user for whom nothing is in the making just now."""
        if user not in self._db.users or new in self._db.users:
            return
        if any(key[0] in {user, new} for key in self.pending):
            return
        self._life.cross()
        self._db.users = {new if each == user else each for each in self._db.users}

        def now(key: Key) -> Key:
            return (new, key[1]) if key[0] == user else key

        self._db.rows = {now(key): row for key, row in self._db.rows.items()}
        self._db.touched = {now(key): at for key, at in self._db.touched.items()}
        self._db.tokens = {number: now(key) for number, key in self._db.tokens.items()}
        self._life.cross()

    # --- at its start, and each interval ----------------------------------------------------------

    async def look_after(self) -> None:
        """Each interval the hub asks of each server whether it still runs, and drops what does not.

        A server that has a lease is the reconciler's; of another one the engine is asked.
        """
        for key, row in list(self._db.rows.items()):
            leases = [*await self._ledger.of_server(*key), await self._lease(key, row)]
            held = any(each is not None and each.state is not State.KEPT for each in leases)
            if key in self.pending or held:
                continue
            if await self._has_ended(row):
                await self.drop(*key, "it has ended")

    async def _has_ended(self, row: Row) -> bool:
        """As DockerSpawner's, and the engine's word for which it is."""
        self._life.cross()
        try:
            found = await self._engines[row.target].inspect(row.name)
            if found is None and row.engine:
                return await self._identity(row.target) == row.engine
        except EngineError:
            return False
        finally:
            self._life.cross()
        return found is None or not found.alive
