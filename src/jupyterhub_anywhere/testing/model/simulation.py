"""A world that runs: engines, a ledger, a hub that is killed and comes back, and what must hold.

Whatever is done to it, `check` holds after every step, and `settle` finds everything in agreement
once the faults are over. Both raise `Broken` with what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.hub.declared import forgotten
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.reconcile import Reconciler
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.watch import Watch
from jupyterhub_anywhere.testing.model.agreement import answer, disagreements
from jupyterhub_anywhere.testing.model.backups import Backup, groundless, older, somebody_is_away
from jupyterhub_anywhere.testing.model.hub import ROOM, HubDatabase, ModelHub
from jupyterhub_anywhere.testing.model.life import DyingLedger, HubDies, Life
from jupyterhub_anywhere.testing.model.patience import Patience
from jupyterhub_anywhere.testing.model.shelf import Shelf
from jupyterhub_anywhere.testing.model.time import VirtualClock, VirtualLoop
from jupyterhub_anywhere.testing.model.world import Engine, EngineInventory, Faults, Thing

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.testing.model.hub import Key

HUB: Final = "model"
_DEADLINE: Final = 20.0
# Seconds: less than in truth, so that what goes wrong again and again has an end sooner.
_LAST_RETRY: Final = 120.0
_MAKING: Final = frozenset({State.STARTING, State.RUNNING, State.UNKNOWN})


class Broken(AssertionError):  # noqa: N818 - what must hold is broken
    """What must hold does not."""


class Simulation:
    """One world. `close` it at the end.

    Args:
        seed: Decides how long calls take, and all jitter.
        users: Their names.
        policy: How patient the reconciler is.
        url: The ledger's database.
        interval: Seconds between two rounds of the reconciler.
    """

    def __init__(
        self,
        seed: int = 0,
        users: tuple[str, ...] = ("ann", "bob", "cid"),
        policy: Policy | None = None,
        url: str = "sqlite://",
        interval: float = 10.0,
    ) -> None:
        self._seed, self._tempo = seed, dict[str, float]()
        # Each has its own, so that one draw more of one changes nothing of the others.
        self._luck = {name: self._drawn(name) for name in ("breaker", "delay", "interval")}
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._unheard)
        self.clock = VirtualClock(self.loop)
        self.policy = policy or Policy(last_retry=_LAST_RETRY)
        self._url, self._interval = url, interval
        self.names = users
        self.database = HubDatabase(users=set(users))
        here, lab = self.places = self._engine("here", keeps=False), self._engine("lab", keeps=True)
        # As targets of processes: one list, and one set of names, for both.
        self.engines = {"also": here, "here": here, "lab": lab}
        for engine in self.places:
            for hub in ("", "other"):
                engine.things[f"{hub or 'plain'}-thing"] = Thing(f"{hub or 'plain'}-thing", hub)
        # The targets that the configuration has.
        self.declared = set(self.engines)
        self._patience = Patience(self)
        self.ledger = self._open()
        self._backup: Backup | None = None
        # What was lost, or set: ledger, database, both, user or clock.
        self.lost: set[str] = set()
        # Leases that may be ended; leases whose start a hub's death cut short.
        self.wished: set[str] = set()
        self.interrupted: set[str] = set()
        # Leases that waited for their turn when their hub died, and who has been told of that.
        self.waited: dict[str, Key] = {}
        self.told: set[Key] = set()
        # Users whose files may go, and resources that a person has named.
        self.deleted: set[str] = set()
        self.named: set[str] = set()
        self.broken: list[str] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.deaths = 0
        self.boot()

    def _open(self, image: bytes = b"") -> Shelf:
        return Shelf.open(self._url, HUB, self.clock, self._patience.writes, image)

    def _engine(self, name: str, *, keeps: bool) -> Engine:
        return Engine(
            name,
            keeps=keeps,
            loop=self.loop,
            seconds=self._seconds,
            on_make=self._makes,
            on_end=self._ends,
        )

    def _drawn(self, what: str) -> Random:
        return Random(f"{self._seed} {what}")  # noqa: S311 - repeatable, and no secret

    def _seconds(self, what: str) -> float:
        """As long each time, so that a world with some steps less is much the same."""
        if what not in self._tempo:
            self._tempo[what] = self._drawn(what).uniform(0.01, 0.6)
        return self._tempo[what]

    # --- the hub's life ---------------------------------------------------------------------------

    def boot(self) -> None:
        """A new process of the hub."""
        self.ledger.compare()
        self._death = asyncio.Event()
        self.life = Life(self._death.set)
        self._ledger = DyingLedger(self.ledger, self.life)
        self._patience.boots()
        self.watches: dict[str, Watch] = {}
        self._watch()
        self.hub = ModelHub(
            self.database,
            self._ledger,
            self.engines,
            self.watches,
            self.declared,
            clock=self.clock,
            life=self.life,
            wish=self.wished.add,
            cherish=self.wished.discard,
            on_drop=self._drops,
            on_revoke=self._revokes,
            on_tell=self._tells,
        )
        self.reconciler = Reconciler(
            self._ledger,
            self.hub,
            self.watches,
            self.clock,
            self.policy,
            chance=self._luck["delay"].random,
        )
        self._spawn(self._run())

    def _watch(self) -> None:
        """Look at every target that is declared; targets of one engine share what they see."""
        for name in sorted(self.declared - self.watches.keys()):
            engine = self.engines[name]
            kin = (each for each in self.watches if self.engines[each] is engine)
            other = next(kin, None)
            self.watches[name] = self._looks_at(engine) if other is None else self.watches[other]

    def _looks_at(self, engine: Engine) -> Watch:
        def lists(found: Sequence[Thing]) -> None:
            self._patience.lists(found)

        return Watch(
            engine.name,
            EngineInventory(engine, HUB, self.life, lists),
            deadline=_DEADLINE,
            clock=self.clock,
            breaker=Breaker(self.clock, self._luck["breaker"]),
        )

    async def _run(self) -> None:
        while True:
            await self.hub.look_at_itself()
            await self.reconciler.prepare()
            await self.hub.look_after()
            swept = await self.reconciler.sweep()
            self.broken += groundless(self, swept.hold)
            held = {each.target for each in await self._ledger.active()}
            for name in forgotten(self.watches, self.declared, held, swept.slow):
                del self.watches[name]
            await asyncio.sleep(self._interval * self._luck["interval"].uniform(0.9, 1.1))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        return task

    def kill(self) -> None:
        """`kill -9`."""
        self.life.dead = True
        self._bury()

    def _bury(self) -> None:
        """Nothing of a dead process goes on."""
        self.deaths += 1
        for lease in self.active():
            if lease.state in {State.WANTED, State.QUEUED, State.STARTING}:
                self.interrupted.add(lease.id)
            if lease.state in {State.WANTED, State.QUEUED}:
                self.waited[lease.id] = lease.user, lease.server
                self.told.discard((lease.user, lease.server))

        async def end() -> None:
            rest = asyncio.all_tasks(self.loop) - {asyncio.current_task(self.loop)}
            for task in rest:
                task.cancel()
            for task in rest:
                with suppress(BaseException):
                    await task

        self.loop.run_until_complete(end())
        self.tasks.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass; a hub that dies meanwhile is buried, and comes up again at once."""
        end = self.loop.time() + seconds
        while True:
            left = end - self.loop.time()
            self.loop.run_until_complete(self._pass(left))
            self._collect()
            if not self.life.dead:
                return
            self._bury()
            self.boot()

    async def _pass(self, seconds: float) -> None:
        """Until the time is over, or the hub is dead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._death.wait()

    def _unheard(self, _loop: object, context: dict[str, Any]) -> None:
        """An exception that nobody waits for; that of a hub which died is none."""
        if not isinstance(context.get("exception"), HubDies):
            self.broken.append(f"unheard: {context}")

    def _collect(self) -> None:
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.discard(task)
            if task.cancelled():
                continue
            error = task.exception()
            if error is not None and not isinstance(error, HubDies):
                raise error

    # --- what people do ---------------------------------------------------------------------------

    def start(self, key: Key, target: str) -> None:
        """A user starts a server."""
        self._spawn(self.hub.start(key, target))

    def stop(self, key: Key) -> None:
        """A user stops a server."""
        self._asks_no_more(key)
        self._spawn(self.hub.stop(key))

    def cancel(self, key: Key) -> None:
        """A user takes the wish for a server back."""
        self.hub.cancel(key)

    def _asks_no_more(self, key: Key) -> None:
        """Who has stopped it need not be told that it was not started."""
        self.waited = {lease: each for lease, each in self.waited.items() if each != key}

    def delete(self, user: str) -> None:
        """An administrator deletes a user."""
        self.deleted.add(user)
        self.lost.add("user")
        for key in [each for each in self.waited.values() if each[0] == user]:
            self._asks_no_more(key)
        self._spawn(self.hub.delete(user))

    def rename(self, user: str, new: str) -> None:
        """An administrator gives a user another name."""
        with suppress(HubDies):
            self.hub.rename(user, new)

    def declare(self, target: str, *, there: bool) -> None:
        """A reload gives a target back, or takes it from the configuration."""
        if there:
            self.declared.add(target)
            self._watch()
        elif len(self.declared) > 1:
            self.declared.discard(target)

    def die(self, key: Key) -> None:
        """A server ends by itself."""
        row = self.database.rows.get(key)
        thing = self.engines[row.target].things.get(row.name) if row else None
        if thing is not None and thing.hub == HUB:
            thing.alive = False
            self.wished.add(thing.by)

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.lost.add("clock")
        self.clock.jump(seconds)

    def slow(self, what: str, seconds: float) -> None:
        """Something takes so long from now on.

        Args:
            what: An engine's name and what it is asked, or does: ``here list``, ``here listed``.
            seconds: How long half a call takes.
        """
        self._tempo[what] = seconds

    def doom(self, points: int) -> None:
        """The hub dies that many points later."""
        self.life.die_at = self.life.count + points

    def lose_ledger(self) -> None:
        """The ledger's file is lost while the hub is down; not while engines are replaced, too."""
        if somebody_is_away(self):
            return
        self.kill()
        self.lost.add("ledger")
        self.waited.clear()
        self.ledger.close()
        self.ledger = self._open()
        self.boot()

    def save(self) -> None:
        """The ledger and the hub's database are backed up, both at one moment."""
        self._backup = Backup(self.ledger.image(), self.database.copy())

    def restore(self) -> None:
        """Both are put back from the backup while the hub is down; not while engines are away."""
        if self._backup is None or somebody_is_away(self):
            return
        self.kill()
        self.lost.add("both")
        self.waited.clear()
        self.ledger.close()
        self.ledger = self._open(self._backup.ledger)
        self.database = self._backup.database.copy()
        self.wished |= older(self)
        self.boot()

    def lose_database(self) -> None:
        """The hub's database is lost while it is down; its users come back one day."""
        self.kill()
        self.lost.add("database")
        self.database = HubDatabase(
            users=set(self.database.users),
            numbers=self.database.numbers,
        )
        self.boot()

    def active(self) -> list[Lease]:
        """Every lease that is not gone."""
        found: list[Lease] = self.ledger.ask("active")
        return found

    # --- what must hold ---------------------------------------------------------------------------

    def may_end(self, thing: Thing) -> bool:
        """Whether somebody wants the end of something, or its start was cut short."""
        if thing.by in self.wished or thing.name in self.named:
            return True
        if thing.by not in self.interrupted:
            return False
        lease = self.ledger.ask("get", thing.by)
        if lease is None:
            return True
        ran = lease.steps.get(State.RUNNING)
        return ran is None or ran < lease.steps.get(State.STARTING, ran)

    def _makes(self, thing: Thing) -> None:
        lease = self.ledger.ask("get", thing.lease)
        if lease is None or lease.state is not State.STARTING:
            self.broken.append(f"{thing.name} is made, and its lease does not say so")

    def _ends(self, engine: Engine, thing: Thing, destroyed: bool) -> None:  # noqa: FBT001 - called by position
        if thing.hub != HUB:
            self.broken.append(f"{thing.name} at {engine.name} is not ours, and was ended")
        if thing.alive and not self.may_end(thing):
            self.broken.append(f"{thing.name} at {engine.name} was healthy, and was ended")
        lease = self.ledger.ask("get", thing.by)
        # Who was renamed is in the label by the old name.
        owners = {thing.user, *([lease.user] if lease is not None else [])}
        allowed = owners & self.deleted or thing.name in self.named
        if destroyed and thing.keep and not allowed:
            self.broken.append(f"{thing.name} at {engine.name} keeps files, and was destroyed")

    def _drops(self, key: Key) -> None:
        row = self.database.rows[key]
        for thing in self.engines[row.target].everything:
            if thing.token == row.token and thing.alive and not self.may_end(thing):
                self.broken.append(f"{key} was dropped, and {thing.name} serves")

    def _tells(self, key: Key, text: str) -> None:
        if "waited for its start" in text:
            self.told.add(key)

    def _revokes(self, token: int) -> None:
        self._patience.revokes(token)
        for engine in self.places:
            for thing in engine.everything:
                if thing.token == token and thing.alive and not self.may_end(thing):
                    self.broken.append(f"token {token} was revoked, and {thing.name} uses it")

    def check(self) -> None:
        """After every step.

        Raises:
            Broken: Something does not hold.
        """
        starts, made = 0, set()
        for lease in self.active():
            # What is declared no more is looked at by nobody once the hub was started again.
            if lease.state in _MAKING and lease.target in self.watches:
                place = self.place(lease)
                if place in made:
                    self.broken.append(f"two leases make {lease.name} at {lease.target}")
                made.add(place)
            starts += lease.state is State.STARTING and lease.id in self.hub.book.busy
        if starts > ROOM.hub:
            self.broken.append(f"{starts} start at once, where {ROOM.hub} may")
        if self.broken:
            raise Broken("; ".join(dict.fromkeys(self.broken)))

    def place(self, lease: Lease) -> tuple[str, str]:
        """Engine and name."""
        return self.engines[lease.target].name, lease.name

    def mend(self) -> None:
        """All faults end; the first engines answer again; the hub is not doomed any more."""
        for engine in self.places:
            engine.faults = Faults()
            if engine.replaced:
                engine.replace()
        for target in self.engines:
            self.declare(target, there=True)
        self.life.die_at = None

    def settle(self) -> None:
        """Mend everything, wait, let a person answer where one is asked, and compare.

        Raises:
            Broken: Ledger, engines and hub do not agree.
        """
        self.mend()
        # What was put off longest, then the grace.
        self._wait_and_check(self.policy.last_retry + 60)
        self._wait_and_check(self.policy.grace + 120)
        if self._hold():
            self._await(answer(self))
            self._wait_and_check(self.policy.grace + 120)
        self._compare()

    def _hold(self) -> str:
        return self._await(self.reconciler.known()).hold  # type: ignore[no-any-return]

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def _wait_and_check(self, seconds: float) -> None:
        end = self.loop.time() + seconds
        # A slow hub gets as many rounds.
        self._interval = min(self._interval, 10.0)
        while self.loop.time() < end:
            self.advance(30.0)
            self.check()

    def _compare(self) -> None:
        wrong = disagreements(self)
        if wrong:
            raise Broken("; ".join(wrong))

    def close(self) -> None:
        """End everything."""
        self.life.dead = True
        self._bury()
        self.ledger.close()
        self.loop.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the logs of thousands of killed hubs to oneself."""
    names = ("jupyterhub_anywhere.ledger", "jupyterhub_anywhere.targets.watch")
    loggers = [logging.getLogger(name) for name in names]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
