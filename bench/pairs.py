"""Paired measurements: two hubs run at once and are measured in turn, in changing order.

What disturbs the machine disturbs both; the difference of a pair is what counts.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.hub.harness import Hub


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of each pair: the bare spawner's, and ours."""

    values: tuple[tuple[float, float], ...]

    @property
    def bare(self) -> float:
        """The bare spawner's median, in seconds."""
        return statistics.median(bare for bare, _ in self.values)

    @property
    def ours(self) -> float:
        """Our median, in seconds."""
        return statistics.median(ours for _, ours in self.values)

    @property
    def more(self) -> float:
        """The median of the paired differences, in seconds."""
        return statistics.median(ours - bare for bare, ours in self.values)

    @property
    def ratio(self) -> float:
        """Our median by the bare spawner's."""
        return self.ours / self.bare

    def report(self, title: str, names: tuple[str, str]) -> None:
        """Print the figures."""
        width = max(map(len, (*names, "ratio")))
        print(f"{title}, median of {len(self.values)} pairs")
        print(f"  {names[0]:<{width}} {self.bare * 1000:9.1f} ms")
        print(f"  {names[1]:<{width}} {self.ours * 1000:9.1f} ms")
        more = f"paired difference {self.more * 1000:+.1f} ms"
        print(f"  {'ratio':<{width}} {self.ratio:9.3f}     {more}")


def paired(hubs: Mapping[str, Hub], pairs: int, measure: Callable[[Hub, str], float]) -> Pairs:
    """Start both hubs, measure once to warm up, then in turn; the hubs are closed at the end.

    Args:
        hubs: ``bare`` and ``ours``, not started.
        pairs: How many.
        measure: Takes a hub and the name of a user that is new to it; returns seconds.
    """
    found = []
    try:
        for hub in hubs.values():
            hub.start()
            measure(hub, "warm-up")
        for number in range(pairs):
            order = ("bare", "ours") if number % 2 else ("ours", "bare")
            times = {kind: measure(hubs[kind], f"user{number}") for kind in order}
            found.append((times["bare"], times["ours"]))
    finally:
        for hub in hubs.values():
            hub.close()
    return Pairs(tuple(found))


def verdict(pairs: Pairs, ratio: float, seconds: float) -> int:
    """Print whether a goal is met; 0 when it is, as an exit code."""
    met = pairs.ratio <= ratio or pairs.more <= seconds
    goal = f"≤ {ratio} or ≤ {seconds * 1000:.0f} ms"
    print(f"  goal ({goal}): {'met' if met else 'MISSED'}")
    return 0 if met else 1
