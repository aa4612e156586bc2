"""The keeper of a hub's ledger: opens it, looks at every target, and sets right what disagrees.

One a process. It is opened before the hub builds its spawners, which find it through the desk, and
begins its rounds once the hub serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.hub import birth, overview
from jupyterhub_anywhere.hub.declared import forgotten
from jupyterhub_anywhere.hub.hubside import JupyterHubSide
from jupyterhub_anywhere.hub.teller import Teller
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.reconcile import Reconciler
from jupyterhub_anywhere.ledger.url import ledger_url
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.known import Known
    from jupyterhub_anywhere.ledger.reconcile import Swept
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.base import Target

log = logging.getLogger(__name__)

# Seconds that one listing of a target may take.
_LIST_SECONDS: Final = 20.0
# The kind whose targets are all on this machine.
_HERE: Final = "process"
# How many rounds what ran in the last whole list counts as running.
_STALE_ROUNDS: Final = 3
# Seconds between two rounds where something waits to be proven gone.
_SOON: Final = 1.2
# How many rounds in a row are that early.
_EARLY_ROUNDS: Final = 3
# Seconds between two looks for what has been gone for long.
_PRUNE_SECONDS: Final = 3600.0


class NoRoundsError(AnywhereError):
    """The hub has not begun to look at its targets."""


class Keeper:
    """Ledger, watches and rounds of one hub process.

    Args:
        site: The configuration.
        ledger: Opened.
        clock: The time.
    """

    def __init__(self, site: Site, ledger: AsyncLedger, clock: Clock) -> None:
        self.ledger = ledger
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        # Target name to what its watch was made from.
        self._made: dict[str, str] = {}
        self._closing: set[asyncio.Future[None]] = set()
        book = Book(ledger, hub=site.info.hub_id, clock=clock, watches=self._watches)
        self.teller = Teller(ledger, clock)
        self.desk = desks.Desk(ledger, book, self._watches, clock, self.teller)
        self.desk.kicks.append(self._kick)
        self._newborn = self._held = ""
        self._soon = asyncio.Event()
        self._early = 0
        self._pruned: float | None = None
        self._rounds: asyncio.Task[None] | None = None
        self.reconciler: Reconciler | None = None
        self.take(site)

    @classmethod
    async def open(cls, site: Site, clock: Clock | None = None) -> Keeper:
        """Open the ledger of a site and publish its desk.

        Raises:
            LedgerError: It cannot be used.
        """
        clock = clock or SystemClock()
        info = site.info
        url = ledger_url(site.config, info.state, info.base)
        ledger = await AsyncLedger.open(url, info.hub_id, clock)
        keeper = cls(site, ledger, clock)
        desks.publish(keeper.desk)
        sites.on_publish(keeper.take_published)
        return keeper

    # --- what is looked at -----------------------------------------------------------------------

    def take(self, site: Site) -> None:
        """Look at the targets of a site; one that is not declared any more is looked at on."""
        self._site = site
        # All targets of this machine have one list of processes.
        here = next((self._watches[n] for n, key in self._made.items() if key == _HERE), None)
        for name, target in site.targets.items():
            key = _HERE if target.kind == _HERE else site.factories[name].fingerprint
            if self._made.get(name) == key:
                continue
            watch = here if key == _HERE else None
            watch = watch or self._watch(name, target)
            here = watch if key == _HERE else here
            self._replace(name, watch)
            if watch is not None:
                self._made[name] = key

    def _replace(self, name: str, watch: Watch | None) -> None:
        self._made.pop(name, None)
        old = self._watches.pop(name, None)
        if watch is not None:
            self._watches[name] = watch
        if old is not None and old not in self._watches.values():
            closing = asyncio.ensure_future(old.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def take_published(self) -> None:
        """Look at the targets of the site that was published."""
        site = sites.current()
        if site is not self._site:
            self.take(site)

    def _watch(self, name: str, target: Target) -> Watch | None:
        inventory = target.inventory()
        if inventory is None:
            return None
        return Watch(
            name,
            inventory,
            deadline=_LIST_SECONDS,
            clock=self._clock,
            breaker=Breaker(self._clock, random.SystemRandom()),
            stale=_STALE_ROUNDS * self._site.config.hub.ledger.every,
        )

    # --- rounds ----------------------------------------------------------------------------------

    def begin(self, app: Any) -> None:
        """Begin the rounds of a hub that serves.

        Args:
            app: The JupyterHub.
        """
        side = JupyterHubSide(app, self.desk, lambda: self._newborn, self.teller.tell_user)
        policy = Policy(grace=self._site.config.hub.ledger.grace)
        self.reconciler = Reconciler(self.ledger, side, self._watches, self._clock, policy)
        overview.provide(self)
        self._rounds = asyncio.create_task(self._go_round(side), name="anywhere-rounds")

    def _kick(self) -> None:
        self._early = _EARLY_ROUNDS
        self._soon.set()

    async def _go_round(self, side: JupyterHubSide) -> None:
        while True:
            try:
                await self._round(side)
            except Exception:
                log.exception("A round of the reconciler failed; the next one goes on")
            await self._pause()

    async def _round(self, side: JupyterHubSide) -> None:
        self._newborn = await self._birth(side)
        swept = await self._seat.sweep()
        if swept.hold and swept.hold != self._held:
            log.warning(
                "Nothing is removed by itself, because %s. See `anywhere leaks`.", swept.hold
            )
        self._held = swept.hold
        await self.teller.tell(swept)
        await self._forget_removed(swept)
        await self._prune()

    async def _forget_removed(self, swept: Swept) -> None:
        """Look no more at targets that a reload has removed, once nothing is there any more."""
        if not self._watches.keys() - self._site.targets.keys():
            return
        held = {each.target for each in await self.ledger.active()}
        for name in forgotten(self._watches, self._site.targets, held, swept.slow):
            log.info("target %s is not declared any more, and nothing is there", name)
            self._replace(name, None)
            self.teller.forget(name)

    async def _prune(self) -> None:
        """Forget what has been gone for long; at the first round, then each hour."""
        now = self._clock.elapsed()
        if self._pruned is None or now - self._pruned >= _PRUNE_SECONDS:
            await self.ledger.prune(self._clock.now() - self._history)
            self._pruned = now

    async def _birth(self, side: JupyterHubSide) -> str:
        """Why the hub's own database cannot be taken at its word; empty where it can."""
        leases = await self.ledger.active()
        # After the ledger: what it has by then, the database has too.
        servers, users = side.servers(), side.users()
        return birth.doubt(leases, users, side.rows, servers)

    @property
    def _history(self) -> timedelta:
        return timedelta(seconds=self._site.config.hub.ledger.history)

    async def _pause(self) -> None:
        every = self._site.config.hub.ledger.every
        if self._early > 0:
            self._early -= 1
            await asyncio.sleep(min(_SOON, every))
            return
        self._soon.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every * random.uniform(0.9, 1.1)):  # noqa: S311 - jitter, no secret
                await self._soon.wait()

    async def close(self) -> None:
        """End the rounds and close the ledger."""
        if self._rounds is not None:
            self._rounds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rounds
        if self.reconciler is not None:
            await self.reconciler.close()
        for watch in set(self._watches.values()):
            await watch.close()
        sites.no_more_on_publish(self.take_published)
        if self._closing:
            await asyncio.wait(self._closing)
        overview.provide(None)
        self.teller.close()
        desks.publish(None)
        await self.ledger.close()

    # --- what people ask -------------------------------------------------------------------------

    @property
    def _seat(self) -> Reconciler:
        if self.reconciler is None:
            raise NoRoundsError("The hub has not come so far yet.", hint="Try again in a moment.")
        return self.reconciler

    async def facts(self) -> Known:
        """Everything that was found out, see `Reconciler.known`."""
        return await self._seat.known()

    async def clean(self, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Remove what a person names, see `Reconciler.clean`."""
        return await self._seat.clean(keys)

    async def adopt(self, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Make servers of what a person names, see `Reconciler.adopt`."""
        return await self._seat.adopt(keys)

    async def lift(self) -> None:
        """A person says that this hub may remove things again."""
        await self._seat.lift()
