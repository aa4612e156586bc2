"""What the starts of one process share: the line, the limits, and what starts usually take.

The hub's own parts connect their sources here: the ledger knows past starts and present servers
better than the hub's memory does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import Clock, SystemClock
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.line import Line
from jupyterhub_anywhere.spawner.queueing import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyterhub_anywhere.spawner.limits import Standing

    Medians = Callable[[str, str], float | None]
    Source = Callable[[], Iterable[Standing]]

# JupyterHub's own default of `concurrent_spawn_limit`.
_STOCK_LIMIT = 100


class Starts:
    """The starts of one process.

    Attributes:
        clock: The time.
        line: Where starts wait for their turn.
        medians: Seconds that starts of a profile at a target usually take, from the call of the
            spawner's `start` until it runs; None where none is known. Answers at once.
        standing: More servers that count for limits beside those that the hub knows of, as the
            ledger has them. Answers at once.
        stock_limit: JupyterHub's `concurrent_spawn_limit`, for files that say nothing.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.line = Line(self.room, self.clock)
        self.medians: Medians = _unknown
        self.standing: Source = tuple
        self.stock_limit = _STOCK_LIMIT
        self._ended: set[tuple[str, str]] = set()
        sites.on_publish(_look)

    def began(self, user: str, server: str) -> None:
        """A server starts: it counts again."""
        self._ended.discard((user, server))

    def ended(self, user: str, server: str) -> None:
        """The hub has ended a server; a source that looked before that still lists it."""
        self._ended.add((user, server))

    def known(self) -> list[Standing]:
        """What the source lists, without what has ended since it looked."""
        found = list(self.standing())
        self._ended &= {(each.user, each.server) for each in found}
        return [each for each in found if (each.user, each.server) not in self._ended]

    def room(self) -> Room:
        """How many may start at the same time, by the file of now."""
        if not sites.published():
            return Room(self.stock_limit)
        config = sites.current().config
        declared = config.hub.starts
        return Room(
            self.stock_limit if declared is None else declared,
            {name: target.starts for name, target in config.targets.items()},
        )


def _unknown(_profile: str, _target: str) -> float | None:
    return None


class _Holder:
    starts: Starts | None = None


def _look() -> None:
    """A new file may have other limits."""
    if _Holder.starts is not None and _Holder.starts.line.waits:
        _Holder.starts.line.look()


def present() -> Starts:
    """The starts of this process."""
    if _Holder.starts is None:
        _Holder.starts = Starts()
    return _Holder.starts


def connect(
    *,
    medians: Medians | None = None,
    standing: Source | None = None,
    clock: Clock | None = None,
) -> Starts:
    """Begin anew, with these sources; for a hub that starts, and for tests.

    Args:
        medians: See `Starts.medians`.
        standing: See `Starts.standing`.
        clock: The time; default: this machine's.
    """
    starts = _Holder.starts = Starts(clock)
    starts.medians = medians or _unknown
    starts.standing = standing or tuple
    return starts
