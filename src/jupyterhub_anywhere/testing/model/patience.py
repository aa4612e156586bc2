"""What a reconciler may not do too soon: nothing at first sight, nothing before its grace."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.actions import REAP
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.testing.model.simulation import Simulation
    from jupyterhub_anywhere.testing.model.world import Thing

# How a lease is stopped of which the hub knows no server.
_CAUSELESS = "the hub knows no such server"
# Seconds: sums of times are not exact.
_NEARLY = 0.001


class Patience:
    """Looks whether the hub's processes have it; what is a person's wish needs none.

    Args:
        world: Whose.
    """

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._booted = 0.0
        # Of this process, by what is never given twice: when it had a thing in a list first, and
        # how often.
        self._first: dict[int, float] = {}
        self._lists: Counter[int] = Counter()
        # When each lease was gone.
        self._ended: dict[str, float] = {}

    def boots(self) -> None:
        """A new process, which has seen nothing yet."""
        self._booted = self._now
        self._first.clear()
        self._lists.clear()

    def lists(self, found: Sequence[Thing]) -> None:
        """The process gets a list."""
        for each in found:
            self._first.setdefault(each.uid, self._now)
            self._lists[each.uid] += 1

    def writes(self, verb: str, lease: Lease) -> None:
        """The process has written a lease."""
        if lease.state is State.GONE:
            self._ended[lease.id] = self._now
        elif lease.state is not State.STOPPING:
            return
        elif verb == "add" and lease.cause == REAP:
            self._reaps(lease)
        elif verb == "move" and lease.error == _CAUSELESS:
            self._wait(self._booted, f"{lease.name} was stopped by itself", "its hub's start")

    def revokes(self, token: int) -> None:
        """The process deletes a token by itself."""
        self._wait(self._booted, f"token {token} was revoked", "its hub's start")

    @property
    def _now(self) -> float:
        return self._world.loop.time()

    def _reaps(self, lease: Lease) -> None:
        if lease.name in self._world.named:
            return
        things = [
            each
            for each in self._world.engines[lease.target].everything
            if each.name == lease.name and each.uid in self._first
        ]
        what = f"{lease.name} at {lease.target} was reaped"
        if not any(self._lists[each.uid] > 1 for each in things):
            self._world.broken.append(f"{what} at first sight")
        for each in things[:1]:
            self._wait(self._first[each.uid], what, "it was seen first")
            self._wait(self._ended.get(each.lease), what, "the end of its lease")

    def _wait(self, since: float | None, what: str, event: str) -> None:
        """Something is done, which takes the grace since an event."""
        if since is None:
            return
        left = self._world.policy.grace - (self._now - since)
        if left > _NEARLY:
            self._world.broken.append(f"{what}, {left:g} s too soon after {event}")
