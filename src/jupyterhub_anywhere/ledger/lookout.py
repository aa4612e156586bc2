"""Looking: what the ledger, a target and the hub say at one moment, brought together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.ledger.ports import PRUNED
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.ledger.strays import strays
from jupyterhub_anywhere.ledger.view import HubFacts, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Resource, Sweep, Watching
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.ledger.hubside import HubSide
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.policy import Policy
    from jupyterhub_anywhere.ledger.ports import Leases
    from jupyterhub_anywhere.ledger.sights import Sights

# How many ended leases of one user are looked through for the last one of a server.
_HISTORY: Final = 200


# How many leases are looked at before the event loop gets its turn.
AT_A_TIME: Final = 250


def kin(watches: Mapping[str, Watching], target: str) -> frozenset[str]:
    """The targets that share a target's list, itself included."""
    watch = watches.get(target)
    if watch is None:
        return frozenset({target})
    shared = {name for name, other in watches.items() if other is watch}
    return frozenset(shared | {target})


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger and the hub said at one moment."""

    leases: Sequence[Lease]
    hub: HubFacts


class Lookout:
    """Makes views.

    Args:
        ledger: Every lease.
        hub: The hub.
        watches: Target name to what looks at it.
        clock: The time.
        policy: How patient the reconciler is.
        sights: What is doubtful, since when.
    """

    def __init__(  # noqa: PLR0913 - each is one of the things that it looks at
        self,
        ledger: Leases,
        hub: HubSide,
        watches: Mapping[str, Watching],
        *,
        clock: Clock,
        policy: Policy,
        sights: Sights,
    ) -> None:
        self._ledger, self._hub, self._watches = ledger, hub, watches
        self._clock, self._policy, self._sights = clock, policy, sights
        # Lease id to the step that it was seen in first, and when, by the clock that nobody sets.
        self._starts: dict[str, tuple[datetime, float]] = {}

    async def look(self) -> Look:
        """Ask the ledger, then the hub.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        leases = await self._ledger.active()
        self._notice(leases)
        last = await self._last_of(leases)
        hub = HubFacts(
            users=frozenset(self._hub.users()),
            servers=dict(self._hub.servers()),
            tokens=tuple(self._hub.tokens()),
            clients=tuple(self._hub.clients()),
            busy=frozenset(each.id for each in leases if self._hub.in_charge(each.id)),
            last=last,
        )
        return Look(leases, hub)

    def _notice(self, leases: Sequence[Lease]) -> None:
        elapsed, before = self._clock.elapsed(), self._starts
        self._starts = {}
        for lease in leases:
            known, made = before.get(lease.id), _made(lease)
            same = known is not None and known[0] == made
            self._starts[lease.id] = known if known and same else (made, elapsed)

    def _since(self, lease: Lease) -> datetime:
        """When it was made, at the latest.

        The ledger has the time of day, which somebody may have set twice since then without being
        noticed. That the lease was there at an earlier look is certain, and so is how long ago.
        """
        _, elapsed = self._starts[lease.id]
        return self._clock.now() - timedelta(seconds=self._clock.elapsed() - elapsed)

    async def _last_of(self, leases: Sequence[Lease]) -> dict[tuple[str, str], Lease]:
        """The last lease, which is gone, of servers that the hub counts and that have none."""
        held = {(each.user, each.server) for each in leases}
        found: dict[tuple[str, str], Lease] = {}
        bare = {key for key, known in self._hub.servers().items() if known.active} - held
        for user in sorted({user for user, _ in bare}):
            for lease in await self._ledger.history(limit=_HISTORY, user=user):
                found.setdefault((lease.user, lease.server), lease)
        return {key: found[key] for key in bare if key in found}

    async def view(self, target: str, look: Look, sweep: Sweep | None) -> View:
        """What is known of one target.

        Args:
            target: Its name; empty for what is at none.
            look: Made after the list, so that it has the lease of all that is in it.
            sweep: The list; None where there can be none.
        """
        ended, foreign = await self._without_lease(look.leases, sweep)
        view = View(
            target=target,
            leases=look.leases,
            sweep=sweep,
            hub=look.hub,
            now=self._clock.now(),
            policy=self._policy,
            ages=self._sights.ages(),
            ended=ended,
            foreign=foreign,
            kin=kin(self._watches, target),
        )
        watch = self._watches.get(target)
        observed: dict[str, Observation] = {}
        for number, lease in enumerate(view.here):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            if watch is not None:
                name = self._name(view, lease)
                watch.made_at(name, _engine(lease, view.resource(lease)))
                observed[lease.id] = watch.observe(name, self._since(lease))
            elif self._to_be_asked(view, lease):
                observed[lease.id] = await self._hub.ask(lease)
        return replace(view, observations=observed)

    def strays(self, target: str, look: Look) -> list[Resource]:
        """What the last list of a target has and no lease is for."""
        sweep = self._watches[target].latest
        view = View(target, look.leases, sweep, look.hub, self._clock.now(), self._policy)
        return strays(replace(view, kin=kin(self._watches, target)))

    @staticmethod
    def _name(view: View, lease: Lease) -> str:
        found = view.resource(lease)
        return found.name if found is not None else lease.name

    @staticmethod
    def _to_be_asked(view: View, lease: Lease) -> bool:
        """Whether a lease's own spawner is asked: the hub does that for what it knows itself."""
        if lease.id in view.hub.busy or lease.state in {State.WANTED, State.QUEUED, State.KEPT}:
            return False
        return lease.state in {State.STARTING, State.STOPPING} or not view.wanted(lease)

    async def _without_lease(
        self, leases: Sequence[Lease], sweep: Sweep | None
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Labels of what has no lease: those whose lease has ended, and those never given here."""
        if sweep is None or not sweep.succeeded:
            return frozenset(), frozenset()
        labelled = {each.lease: each for each in sweep.resources.values() if each.lease}
        labels = labelled.keys() - {each.id for each in leases}
        ended = {each for each in labels if await self._ledger.get(each) is not None}
        unknown = labels - ended
        pruned = await self._ledger.recall(PRUNED) if unknown else None
        foreign = {each for each in unknown if not _may_be_pruned(labelled[each], pruned)}
        return frozenset(ended), frozenset(foreign)


def _may_be_pruned(resource: Resource, pruned: str | None) -> bool:
    """Whether its lease may have been forgotten: it was made before the last of those ended."""
    if not pruned:
        return False
    return resource.created is None or resource.created <= datetime.fromisoformat(pruned)


def _made(lease: Lease) -> datetime:
    """When it was made, as far as it is known."""
    return lease.made or max(lease.steps.values())


def _engine(lease: Lease, found: Resource | None) -> str:
    """The engine that it was made at, which a new process would else have to take on trust."""
    runs = found is not None and found.alive is not False and found.lease == lease.id
    engine = found.handle.get("engine") if found is not None and runs else None
    engine = engine or lease.child.get("engine")
    return engine if isinstance(engine, str) else ""
