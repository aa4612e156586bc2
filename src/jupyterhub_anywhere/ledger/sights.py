"""Since when something is doubtful: counted in this process, by a clock that nobody sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing of which it is not clear whether it is to be.

    Attributes:
        kind: ``stray`` (what has no lease), ``causeless`` (a lease that the hub knows no server
            of), ``undone`` (a start that the hub knows nothing of), ``awake`` (what is kept and
            runs), ``replaced`` (a lease whose name another's resource has), ``token`` or
            ``client``.
        target: The target's name; empty for tokens and clients.
        name: The resource's name, or the id of the lease, the token or the client.
    """

    kind: str
    target: str
    name: str


@dataclass(frozen=True, slots=True)
class Sight:
    """When something was seen first.

    Attributes:
        at: The time of day.
        elapsed: The clock's seconds.
    """

    at: datetime
    elapsed: float


class Sights:
    """The memory of first sights.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[Doubt, Sight] = {}

    @property
    def all(self) -> Mapping[Doubt, Sight]:
        """Every doubt there is."""
        return dict(self._seen)

    def ages(self) -> Mapping[Doubt, float]:
        """Seconds since each was seen first; what was never seen before is missing."""
        now = self._clock.elapsed()
        return {doubt: now - sight.elapsed for doubt, sight in self._seen.items()}

    def update(self, target: str, doubts: Collection[Doubt]) -> None:
        """Note what is doubtful at a target that could be looked at; the rest of it is forgotten.

        Args:
            target: The target's name; empty for what is at none.
            doubts: All of its doubts.
        """
        for doubt in [each for each in self._seen if each.target == target and each not in doubts]:
            del self._seen[doubt]
        now = Sight(self._clock.now(), self._clock.elapsed())
        for doubt in doubts:
            self._seen.setdefault(doubt, now)
