"""A hub that starts while 1,000 servers run, and how late its event loop is with 5,000 of them.

The hub with DockerSpawner alone and the one with ours are started in turn, each alone, over
databases that say that all servers run; the engine is a null one, and one HTTP server answers for
all. The bare hub's servers are as many; only ours is measured with 5,000.

Goals: ours serves within 10 s and stops none; and the 99th percentile of the lateness of its loop
is at most 50 ms while every target is listed as often as it always is.

``--short`` has 50 servers, to see that it works.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from bench.full_hubs import FullHub, Restart
from bench.null_engine import null_engine

SERVERS, MANY, SHORT = 1_000, 5_000, 50
SECONDS, SHORT_SECONDS = 40.0, 5.0
GOAL_SERVES = 10.0
GOAL_LAG = 0.050
NAMES = {"bare": "DockerSpawner", "ours": "through Anywhere"}


def measure(kind: str, number: int, seconds: float) -> tuple[Restart, list[float]]:
    """Fill a new hub, start it anew, and look at its loop."""
    with tempfile.TemporaryDirectory() as folder, null_engine(Path(folder)) as (engine, url, port):
        full = FullHub(kind, engine, url, port, number)
        with closing(full.hub):
            full.fill()
            found = full.restart()
            return found, full.lags(seconds)


def report(kind: str, number: int, found: Restart, lags: list[float]) -> float:
    """Print a line; returns the 99th percentile of the lags, in seconds."""
    worst = lags[int(len(lags) * 0.99)]
    started = f"{number:>7} {found.serves:>8.1f} s {found.ready:>8.1f} s {found.missing:>8}"
    late = f"{worst * 1000:>9.1f} ms {lags[-1] * 1000:>7.0f} ms"
    print(f"  {NAMES[kind]:<18} {started} {found.changes:>8} {late}", flush=True)
    return worst


def main(arguments: list[str]) -> int:
    """Measure, print, and say whether the goals are met."""
    short = "--short" in arguments
    number, many = (SHORT, SHORT) if short else (SERVERS, MANY)
    seconds = SHORT_SECONDS if short else SECONDS
    print("a hub's start while servers run, and the lateness of its event loop afterwards")
    print(
        f"  {'':<18} {'servers':>7} {'serves':>10} {'all ready':>10} {'missing':>8} {'changed':>8}"
        f" {'late, p99':>12} {'worst':>10}"
    )
    met = True
    for kind in ("bare", "ours"):
        found, lags = measure(kind, number, seconds / 2)
        report(kind, number, found, lags)
    kept = not found.missing and not found.changes
    met = kept and found.serves <= GOAL_SERVES
    print(f"  goal (serves in {GOAL_SERVES:.0f} s, none stopped): {'met' if met else 'MISSED'}")
    found, lags = measure("ours", many, seconds)
    worst = report("ours", many, found, lags)
    calm = worst <= GOAL_LAG and not found.missing and not found.changes
    print(f"  goal (p99 at most {GOAL_LAG * 1000:.0f} ms): {'met' if calm else 'MISSED'}")
    return 0 if met and calm else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
