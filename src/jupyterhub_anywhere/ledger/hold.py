"""Why nothing may be removed for the time being.

A hub's database or a ledger that is new or empty, while a target holds what carries this hub's
label, is a sign of a mistake: of a lost file, a wrong path, a restored copy. So is a label of this
hub with a lease that this ledger never gave: every lease is written down before its thing is made,
so another ledger of the same hub has given it, a later one that is lost, or one of a hub elsewhere
that was copied with its id. Whoever removes then
what nobody seems to want removes everything. So that is noted before anything else is written, over
restarts too, and stands until nothing is left that could be removed, or a person says so.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.ports import Leases

KEY: Final = "hold"
_NEW: Final = "the ledger is new"
FOREIGN: Final = (
    "a target holds what has this hub's label and a lease that this ledger never gave: the ledger"
    " is older than what runs, or another hub has the same id"
)
# Whole looks at every target, with nothing to remove, after which it ends by itself.
_QUIET: Final = 2


class Hold:
    """The hold of one hub.

    Args:
        ledger: Remembers it.
        clock: The time.
    """

    def __init__(self, ledger: Leases, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._loaded = False
        self._quiet = 0
        # What each reason was that somebody has answered already, so that it is not asked again.
        self._settled: list[str] = []
        # Labels that this ledger never gave, of which a person knows.
        self._told: frozenset[str] = frozenset()
        self.reason = ""
        self.since: datetime | None = None

    async def look(self, newborn: str) -> None:
        """Read what was remembered, and begin a hold where there is a new reason.

        Args:
            newborn: Why the hub's own database gives a reason; empty where it does not.
        """
        if not self._loaded:
            await self._load()
        fresh = f"{_NEW}, of {self._ledger.born:%Y-%m-%d %H:%M:%S} UTC"
        reasons = [newborn] if newborn else []
        reasons += [fresh] if self._ledger.fresh else []
        # What is not a reason any more may become a new one later.
        settled = [each for each in self._settled if each in {newborn, fresh}]
        new = [each for each in reasons if each not in settled and each not in self.reason]
        if not new and settled == self._settled:
            return
        self._settled = settled
        if new:
            self._begin(new)
        await self._save()

    async def meet(self, labels: Collection[str]) -> None:
        """Begin a hold where there is what this ledger never gave, and nobody knows of it.

        Args:
            labels: The leases in the labels of such things.
        """
        # Of what is there, a new ledger has given nothing, which is said already.
        said = FOREIGN in self.reason or (self._ledger.fresh and _NEW in self.reason)
        if not said and not self._told.issuperset(labels):
            self._begin([FOREIGN])
            await self._save()

    def _begin(self, reasons: list[str]) -> None:
        self.reason = "; ".join([*([self.reason] if self.reason else []), *reasons])
        self.since = self.since or self._clock.now()
        self._quiet = 0

    async def quiet(self, *, whole: bool, candidates: int) -> None:
        """After a look at all targets: end the hold where it holds nothing.

        Args:
            whole: Whether every target answered, with a list that can be trusted.
            candidates: How many things are there that could be removed.
        """
        self._quiet = self._quiet + 1 if whole and not candidates else 0
        if self.reason and self._quiet >= _QUIET:
            await self.lift(())

    async def lift(self, foreign: Collection[str]) -> None:
        """A person has said what is to be done, or nothing is held.

        Args:
            foreign: The labels, never given here, of all that is there and of which it was said.
        """
        self._settled = list({*self._settled, *filter(None, self.reason.split("; "))})
        self._told = frozenset(foreign)
        self.reason, self.since = "", None
        await self._save()

    async def _load(self) -> None:
        found = json.loads(await self._ledger.recall(KEY) or "{}")
        self.reason = found.get("reason", "")
        since = found.get("since")
        self.since = datetime.fromisoformat(since) if since else None
        self._settled = found.get("settled", [])
        self._told = frozenset(found.get("told", ()))
        self._loaded = True

    async def _save(self) -> None:
        text = {
            "reason": self.reason,
            "since": self.since.isoformat() if self.since else None,
            "settled": self._settled,
            "told": sorted(self._told),
        }
        await self._ledger.remember(KEY, json.dumps(text))
