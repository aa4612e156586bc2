"""One target, listed once an interval for all its servers.

Nothing here asks about a single server: the cost of looking does not grow with their number. A
target that fails, hangs or lies is no reason to call anything gone; what its answers prove is
decided in `evidence`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.inventory import Health, Resource, Sweep
from jupyterhub_anywhere.targets.evidence import Evidence, Listing, said
from jupyterhub_anywhere.targets.moments import Moments
from jupyterhub_anywhere.targets.reasons import reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Inventory
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.targets.breaker import Breaker
    from jupyterhub_anywhere.targets.moments import Moment

log = logging.getLogger(__name__)

# Seconds for which what ran in the last list counts as running: three intervals of ten.
STALE: Final = 30.0
# Seconds after which a listing that never ended is forgotten, so that another one can begin.
FORGOTTEN: Final = 300.0


class Watch:
    """Looks at one target; implements `core.inventory.Watching`.

    Args:
        target: The target's name.
        inventory: What is asked. Where it has `source` (`core.inventory.Identified`), it is also
            asked which engine answers, but only while something is missing.
        deadline: Seconds for one look.
        clock: The time.
        breaker: Leaves a target alone that fails again and again.
        stale: Seconds for which what ran in the last whole list counts as running: three
            intervals, so that one lost call changes nothing.
    """

    def __init__(  # noqa: PLR0913 - four of them are named
        self,
        target: str,
        inventory: Inventory,
        *,
        deadline: float,
        clock: Clock,
        breaker: Breaker,
        stale: float = STALE,
    ) -> None:
        self._target, self._inventory = target, inventory
        self._deadline, self._breaker = deadline, breaker
        self._moments = Moments(clock)
        identified = callable(getattr(inventory, "source", None))
        self._evidence = Evidence(target, stale, identified)
        self._latest: Sweep | None = None
        self._sweeping: asyncio.Task[Sweep] | None = None
        # What the target was asked; one that took too long stays here until it ends.
        self._asking: asyncio.Task[Listing | str] | None = None
        self._asked = self._moments.now()

    @property
    def target(self) -> str:
        """The target's name."""
        return self._target

    @property
    def inventory(self) -> Inventory:
        """What is asked."""
        return self._inventory

    @property
    def latest(self) -> Sweep | None:
        """The last sweep that has ended; None before the first."""
        return self._latest

    @property
    def health(self) -> Health:
        """How well it can be asked."""
        evidence = self._evidence
        failing, last = evidence.failing, evidence.last
        observed = last.ended.at if last is not None else None
        if failing is None:
            return Health(observed=observed)
        return Health(
            failing.since, failing.reason, failing.count, self._breaker.next_try, observed
        )

    @property
    def source(self) -> str:
        """The id of the engine that answered when it was asked last; empty where nobody knows."""
        return self._evidence.source or ""

    def made_at(self, name: str, source: str) -> None:
        """Say at which engine something was made, so that another one's word is no proof.

        Said once: at the hub's start for what it finds in the ledger, and after a start.

        Args:
            name: The resource's name.
            source: The engine's id, as `Identified.source` gives it; empty says nothing.
        """
        self._evidence.made_at(name, source)

    # --- looking ---------------------------------------------------------------------------------

    async def sweep(self) -> Sweep:
        """List now; who asks meanwhile gets the same answer. Never raises, bounded in time."""
        if self._sweeping is None or self._sweeping.done():
            name = f"anywhere-sweep-{self._target}"
            self._sweeping = asyncio.create_task(self._sweep(), name=name)
        # Whoever stops waiting does not end it for the others.
        return await asyncio.shield(self._sweeping)

    async def _sweep(self) -> Sweep:
        began = self._moments.now()
        if self._still_asking(began):
            text = f"the answer to the question of {said(self._asked.at)} is still awaited"
            return self._failed(began, text, asked=False)
        if not self._breaker.allows():
            failing = self._evidence.failing
            reason = failing.reason if failing is not None else "it is left alone for a while"
            return self._failed(began, reason, asked=False)
        found = await self._ask(began)
        if isinstance(found, str):
            self._breaker.failed()
            return self._failed(began, found, asked=True)
        self._breaker.succeeded()
        return self._succeeded(found)

    def _still_asking(self, now: Moment) -> bool:
        """Whether a question of before is still on its way: a second one would only wait too."""
        if self._asking is None or self._asking.done():
            return False
        if now.elapsed - self._asked.elapsed < FORGOTTEN:
            return True
        log.warning("target %s: a list that was never answered is given up", self._target)
        self._asking.cancel()
        return False

    async def _ask(self, began: Moment) -> Listing | str:
        """The answer; a text why there is none."""
        name = f"anywhere-list-{self._target}"
        self._asked, self._asking = began, asyncio.create_task(self._listing(began), name=name)
        # Not cancelled when it takes too long: its thread would go on, and nobody know of it.
        await asyncio.wait({self._asking}, timeout=self._deadline)
        if not self._asking.done():
            return f"no answer within {self._deadline:g} seconds"
        if self._asking.cancelled():
            return "the question was cancelled"
        return self._asking.result()

    async def _listing(self, began: Moment) -> Listing | str:
        try:
            resources = by_name(await self._inventory.owned())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign class raises anything
            return reason_of(error)
        source, doubt = None, ""
        if self._evidence.needs_source(resources):
            try:
                # A list proves what is in it, also where this fails.
                source = str(await self._inventory.source())  # type: ignore[attr-defined]  # `Identified`
                resources = {name: _at(each, source) for name, each in resources.items()}
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                doubt = reason_of(error)
        return Listing(began, self._moments.now(), resources, source, doubt)

    def _failed(self, began: Moment, reason: str, *, asked: bool) -> Sweep:
        if self._evidence.failing is None:
            log.warning("target %s cannot be asked: %s", self._target, reason)
        self._evidence.fail(began, reason, asked=asked)
        ended = self._moments.now()
        self._latest = Sweep(self._target, began.at, ended.at, reason=reason)
        return self._latest

    def _succeeded(self, found: Listing) -> Sweep:
        failing, before = self._evidence.failing, self._evidence.source
        if failing is not None:
            log.info("target %s answers again, after %s", self._target, failing.reason)
        trusted = self._evidence.take(found)
        if before is not None and found.source not in {None, before}:
            log.warning(
                "target %s: another engine answers (%s) than before (%s); what was made there is"
                " kept as unknown",
                self._target,
                found.source,
                before,
            )
        self._latest = Sweep(
            self._target, found.began.at, found.ended.at, found.resources, trusted=trusted
        )
        return self._latest

    # --- what it says ----------------------------------------------------------------------------

    def observe(self, name: str, since: datetime) -> Observation:
        """What the sweeps so far say of a resource; asks nobody.

        Args:
            name: The resource's name.
            since: From when on it has to be there: when the call that makes it was about to be
                sent; once that call has answered, when it had. Sweeps that began earlier are no
                argument for its absence, nor for its end.

        Returns:
            Running or gone where there is proof, else unknown with the reason.
        """
        return self._evidence.observe(name, self._moments.latest(since), self._moments.now())

    async def close(self) -> None:
        """Give up what is under way; at the hub's end."""
        for task in (self._sweeping, self._asking):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        close = getattr(self._inventory, "close", None)
        if callable(close):
            # Threads and connections; who asks again opens new ones.
            await close()


def _at(resource: Resource, source: str) -> Resource:
    """Of the engine that has just said who it is; the list was made when nobody knew yet."""
    if resource.handle.get("engine") == source:
        return resource
    return replace(resource, handle={**resource.handle, "engine": source})


def by_name(answer: Any) -> dict[str, Resource]:
    """Name to resource of what an inventory has answered.

    Raises:
        TypeError: It is no list of resources: a foreign class has written it.
    """
    if not isinstance(answer, list | tuple) or not all(
        isinstance(each, Resource) for each in answer
    ):
        raise TypeError(f"a list of resources was expected, not {type(answer).__name__}")
    found: dict[str, Resource] = {}
    for each in answer:
        if each.name not in found or each.alive:
            found[each.name] = each
    return found
