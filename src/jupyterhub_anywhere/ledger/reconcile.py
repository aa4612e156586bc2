"""The reconciler: after each look, what the ledger, the targets and the hub say is made to agree.

It can be killed anywhere: whatever it does is written down before, or found out again after. It
does not decide (`decide`, `strays`) and does not act (`execute`); it looks, and sees to the order.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.actions import Action, End, subject, wary
from jupyterhub_anywhere.ledger.decide import decide_leases
from jupyterhub_anywhere.ledger.execute import Done, Executor
from jupyterhub_anywhere.ledger.hold import Hold
from jupyterhub_anywhere.ledger.known import Known
from jupyterhub_anywhere.ledger.lookout import AT_A_TIME, Look, Lookout
from jupyterhub_anywhere.ledger.person import Person
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.renames import decide_names
from jupyterhub_anywhere.ledger.sights import Doubt, Sights
from jupyterhub_anywhere.ledger.strays import (
    decide_servers,
    decide_strays,
    decide_tokens,
    tokens_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Sweep, Watching
    from jupyterhub_anywhere.ledger.hubside import HubSide
    from jupyterhub_anywhere.ledger.person import Key
    from jupyterhub_anywhere.ledger.ports import Leases
    from jupyterhub_anywhere.ledger.view import Decision, View

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one look at everything has come to.

    Attributes:
        sweeps: Target to its last list.
        done: What was done, and what failed.
        hold: Why nothing was removed; empty where it was not held back.
        slow: Targets that have not come to an end yet, and go on.
    """

    sweeps: Mapping[str, Sweep] = field(default_factory=dict)
    done: Sequence[Done] = ()
    hold: str = ""
    slow: frozenset[str] = frozenset()


class Reconciler:
    """Brings the ledger, the targets and the hub together.

    Args:
        ledger: Every lease of this hub.
        hub: The hub.
        watches: Target name to what looks at it; a target that cannot be listed has none.
        clock: The time.
        policy: How patient it is.
        chance: Gives a number of 0 to 1, for the jitter.
    """

    def __init__(  # noqa: PLR0913 - each is one of the things that it brings together
        self,
        ledger: Leases,
        hub: HubSide,
        watches: Mapping[str, Watching],
        clock: Clock,
        policy: Policy | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger, self._hub, self._watches, self._clock = ledger, hub, watches, clock
        self._policy = policy = policy or Policy()
        self._sights = Sights(clock)
        self._hold = Hold(ledger, clock)
        self._executor = Executor(ledger, hub, watches, clock=clock, policy=policy, chance=chance)
        self._lookout = Lookout(
            ledger, hub, watches, clock=clock, policy=policy, sights=self._sights
        )
        self._person = Person(ledger, watches, self._lookout, self._executor, self.sweep)
        self._rounds: dict[str, asyncio.Task[list[Done]]] = {}
        self._ends: dict[str, asyncio.Task[Done]] = {}
        self._hands: dict[str, asyncio.Semaphore] = {}
        self._candidates: dict[str, set[Doubt]] = {}
        # Target to the labels there that this ledger never gave, and that nobody takes up.
        self._foreign: dict[str, set[str]] = {}
        self._one = asyncio.Lock()

    # --- looking ---------------------------------------------------------------------------------

    async def prepare(self) -> str:
        """Before anything else is written: see whether this is a hub that has lost its memory.

        Returns:
            Why nothing will be removed for the time being; empty where something may.

        Raises:
            LedgerError: The ledger cannot be used.
        """
        await self._hold.look(self._hub.newborn())
        return self._hold.reason

    async def sweep(self) -> Swept:
        """Look at every target, side by side, and do what is to be done.

        A target that takes longer than `Policy.patience` goes on by itself and is left out until
        it has come to its end. Only one sweep runs at a time.

        Raises:
            LedgerError: The ledger cannot be used.
        """
        async with self._one:
            await self.prepare()
            targets = {*self._watches, *(each.target for each in await self._ledger.active())}
            for removed in self._candidates.keys() - targets - {""}:
                self._sights.update(removed, ())
                del self._candidates[removed]
                self._foreign.pop(removed, None)
            for target in sorted(targets - set(self._rounds)):
                name = f"anywhere-round-{target}"
                self._rounds[target] = asyncio.create_task(self._round(target), name=name)
            done = await self._collect()
            look = await self._lookout.look()
            done += await self._tokens(look)
            await self._quiet(look)
            return Swept(self._latest(), done, self._hold.reason, frozenset(self._rounds))

    def _latest(self) -> dict[str, Sweep]:
        found = {name: watch.latest for name, watch in self._watches.items()}
        return {name: sweep for name, sweep in found.items() if sweep is not None}

    async def _collect(self) -> list[Done]:
        """Wait for the rounds and for the ends that they began, not longer than is patient."""
        end = self._clock.elapsed() + self._policy.patience
        done: list[Done] = []
        if self._rounds:
            await asyncio.wait(self._rounds.values(), timeout=self._policy.patience)
        if self._ends:
            left = max(end - self._clock.elapsed(), 0.0)
            await asyncio.wait(self._ends.values(), timeout=left)
        failure = None
        for target, task in [*self._rounds.items()]:
            if not task.done():
                log.warning("target %s is slow, and goes on by itself", target)
                continue
            del self._rounds[target]
            failure = failure or task.exception()
            done += [] if task.exception() else task.result()
        for lease, ending in [*self._ends.items()]:
            if ending.done():
                del self._ends[lease]
                done.append(ending.result())
        if failure is not None:
            raise failure
        return done

    async def _round(self, target: str) -> list[Done]:
        watch = self._watches.get(target)
        sweep = await watch.sweep() if watch is not None else None
        # After the list: what is in it has its lease by now.
        look = await self._lookout.look()
        view = await self._lookout.view(target, look, sweep)
        decision = await self._decide(view)
        if sweep is None or sweep.succeeded:
            self._sights.update(target, decision.doubts)
            self._candidates[target] = decision.candidates
            self._foreign[target] = decision.foreign
            await self._hold.meet(decision.foreign)
        return await self._do(target, decision.actions)

    @staticmethod
    async def _decide(view: View) -> Decision:
        decision = decide_names(view)
        for first in range(0, len(view.here), AT_A_TIME):
            decision.add(decide_leases(view, view.here[first : first + AT_A_TIME]))
            await asyncio.sleep(0)
        decision.add(decide_strays(view))
        decision.add(decide_servers(view))
        return decision

    # --- doing -----------------------------------------------------------------------------------

    async def _do(self, target: str, actions: Sequence[Action]) -> list[Done]:
        done = []
        for action in actions:
            if wary(action) and self._hold.reason:
                log.info("%s is left as it is: %s", subject(action), self._hold.reason)
            elif isinstance(action, End):
                self._begin_end(target, action)
            else:
                done.append(await self._executor.do(action))
        return done

    def _begin_end(self, target: str, action: End) -> None:
        """An end may take its time, which its target's other servers do not wait for."""
        if action.lease.id in self._ends:
            return
        hands = self._hands.setdefault(target, asyncio.Semaphore(self._policy.hands))

        async def end() -> Done:
            async with hands:
                return await self._executor.do(action)

        name = f"anywhere-end-{action.lease.id}"
        self._ends[action.lease.id] = asyncio.create_task(end(), name=name)

    async def _tokens(self, look: Look) -> list[Done]:
        """Revoke the tokens and OAuth clients of what is dead."""
        view = await self._lookout.view("", look, None)
        kept = {
            (each.user, each.server)
            for target in self._watches
            for each in self._lookout.strays(target, look)
            if each.keep
        }
        made_with = tokens_of(self._latest().values())
        decision = decide_tokens(view, kept, self._hold.since, made_with)
        self._sights.update("", decision.doubts)
        self._candidates[""] = decision.candidates
        return await self._do("", decision.actions)

    async def _quiet(self, look: Look) -> None:
        """Whether the hold, if there is one, holds nothing."""
        if not self._hold.reason:
            return
        latest = self._latest()
        whole = not self._rounds and latest.keys() == self._watches.keys()
        whole = whole and all(each.succeeded and each.trusted for each in latest.values())
        # What keeps files is never removed by itself, so it is in no danger.
        found = [each for name in latest for each in self._lookout.strays(name, look)]
        left = sum(not each.keep for each in found) + sum(map(len, self._candidates.values()))
        # Also of those which nobody can tell of now, and which would be stopped when they are seen.
        servers = {key for key, known in look.hub.servers.items() if known.active or known.pending}
        left += sum(each.live and (each.user, each.server) not in servers for each in look.leases)
        await self._hold.quiet(whole=whole, candidates=left)

    # --- people ----------------------------------------------------------------------------------

    async def known(self) -> Known:
        """Everything that a report is made from; looks at nothing anew but ledger and hub.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        look = await self._lookout.look()
        sights = self._sights.all.items()
        return Known(
            now=self._clock.now(),
            leases=look.leases,
            sweeps=self._latest(),
            health={name: watch.health for name, watch in self._watches.items()},
            sources={name: watch.source for name, watch in self._watches.items()},
            hub=look.hub.servers,
            tokens=look.hub.tokens,
            clients=look.hub.clients,
            first_seen={(x.target, x.name): at.at for x, at in sights if x.kind == "stray"},
            hold=self._hold.reason,
            held_since=self._hold.since,
            grace=self._policy.grace,
        )

    async def clean(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Remove what a person names, files and all: see `Person.clean`."""
        return await self._person.clean(keys)

    async def adopt(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Make leases for what a person names: see `Person.adopt`."""
        return await self._person.adopt(keys)

    async def lift(self) -> None:
        """A person says that this hub may remove again what nobody wants.

        Raises:
            LedgerError: It cannot be written down.
        """
        await self._hold.lift({label for labels in self._foreign.values() for label in labels})

    async def close(self) -> None:
        """End what goes on; it is found out again by the next process."""
        tasks = [*self._rounds.values(), *self._ends.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task
        self._rounds.clear()
        self._ends.clear()
