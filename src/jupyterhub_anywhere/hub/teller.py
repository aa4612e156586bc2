"""Who is told after each round: Prometheus, the pages, and the line of starts."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.hub import notices
from jupyterhub_anywhere.hub.metrics import Metrics, moments
from jupyterhub_anywhere.ledger.actions import Adopt, Move, Reap
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.spawner import starts
from jupyterhub_anywhere.spawner.limits import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.aio import AsyncLedger
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.reconcile import Swept

# How many of the past starts of a profile say what the next one takes.
_PAST: Final = 20
_ENDS: Final = frozenset({Cause.PROVE_GONE, Cause.REST})


class Teller:
    """Takes down what each round has come to.

    Args:
        ledger: Every lease.
        clock: The time.
    """

    def __init__(self, ledger: AsyncLedger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._metrics = Metrics(clock=clock)
        self._board = notices.Board()
        self._leases: Sequence[Lease] = ()
        self._told: dict[str, datetime] = {}
        self._looked: float | None = None
        # Profile and target to seconds; None for one that was asked and is not known yet.
        self._medians: dict[tuple[str, str], float | None] = {}
        notices.provide(self._board.of)
        starts.connect(medians=self._median, standing=self._standing, clock=clock)

    def close(self) -> None:
        """Tell nobody any more."""
        notices.provide(None)
        starts.connect()

    def _median(self, profile: str, target: str) -> float | None:
        return self._medians.setdefault((profile, target), None)

    def _standing(self) -> list[Standing]:
        return [
            Standing(each.user, each.server, each.target, str(each.choice.get("profile") or ""))
            for each in self._leases
            if each.live
        ]

    def forget(self, target: str) -> None:
        """A target is not declared any more, and nothing is there."""
        self._metrics.forget(target)
        self._told.pop(target, None)

    def failed(self, target: str, cause: str) -> None:
        """A start failed."""
        self._metrics.failed(target, cause)

    async def tell(self, swept: Swept) -> None:
        """Take down one round.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        self._leases = await self._ledger.active()
        self._board.update(self._leases, self._clock.now())
        self._metrics.counts(await self._ledger.counts())
        self._sweeps(swept)
        self._unknown()
        for each in swept.done:
            action = each.action
            if each.error:
                continue
            if isinstance(action, Reap):
                self._metrics.reaped(action.target)
            elif isinstance(action, Adopt):
                self._metrics.adopted(action.target)
            elif isinstance(action, Move) and action.cause in _ENDS:
                self._ended(action.lease)
        for profile, target in self._medians:
            past = await self._ledger.durations(profile=profile, target=target, limit=_PAST)
            self._medians[profile, target] = median(past) if past else None

    def _sweeps(self, swept: Swept) -> None:
        for name, sweep in swept.sweeps.items():
            if self._told.get(name) != sweep.ended:
                self._told[name] = sweep.ended
                seconds = (sweep.ended - sweep.began).total_seconds()
                self._metrics.swept(name, sweep.succeeded, seconds)

    def _unknown(self) -> None:
        now, before = self._clock.elapsed(), self._looked
        self._looked = now
        if before is None:
            return
        lost = Counter(each.target for each in self._leases if each.state is State.UNKNOWN)
        for target, number in lost.items():
            self._metrics.unknown(target, number * (now - before))

    def _ended(self, before: Lease) -> None:
        """The end of a stop that was not proven at once."""
        began = before.steps.get(State.STOPPING)
        if before.state is State.STOPPING and began is not None:
            self._metrics.stopped(before.target, (self._clock.now() - began).total_seconds())

    def tell_user(self, user: str, server: str, text: str) -> None:
        """Have a user read something of a server that is gone."""
        self._board.tell(user, server, text, self._clock.now())

    def ended(self, lease: Lease, text: str) -> None:
        """A server has ended by itself, and the hub is the first to notice."""
        self.tell_user(lease.user, lease.server, text)

    def started(self, lease: Lease) -> None:
        """A server runs."""
        self._board.started(lease.user, lease.server)
        seconds = moments(lease.steps, State.STARTING, State.RUNNING)
        if seconds is not None:
            self._metrics.spawned(lease.target, seconds)

    def stopped(self, lease: Lease) -> None:
        """A server is proven gone, or kept."""
        end = State.KEPT if lease.state is State.KEPT else State.GONE
        seconds = moments(lease.steps, State.STOPPING, end)
        if seconds is not None:
            self._metrics.stopped(lease.target, seconds)
