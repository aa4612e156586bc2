"""How long a hub takes to answer, and how much memory it holds, beside plain JupyterHub.

Launched in turn, each on a folder of its own, with the same proxy: ``anywhere up`` and
``jupyterhub`` with a configuration file. The first start of each counts like the others; what a
first start alone does, as making passwords, is part of the figure. A report without a goal.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

from tests.hub.harness import Hub, wait_for

PAIRS = 6
SECONDS = 60.0
SITE = {"targets": {"here": {"kind": "process"}}}
KINDS: dict[str, Literal["up", "plain"]] = {"plain": "plain", "ours": "up"}


class Figures(NamedTuple):
    """What one hub took.

    Attributes:
        seconds: From the launch to the first answer through the proxy.
        mebibytes: The hub process's resident memory after it.
    """

    seconds: float
    mebibytes: float


def resident(pid: int) -> float:
    """A process's resident memory in MiB.

    Raises:
        OSError: It does not run any more.
    """
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kibibytes) / 1024


def measure(kind: str) -> Figures:
    """Start a new hub, once it answers look at its memory, and end it."""
    hub = Hub(mode=KINDS[kind], site=SITE)
    try:
        begin = time.perf_counter()
        process = hub.launch()
        wait_for(hub.answers, seconds=SECONDS, what="an answer of the hub")
        taken = time.perf_counter() - begin
        # A page with templates and a session, as the first visitor causes it.
        hub.client().get("hub/login").raise_for_status()
        return Figures(taken, resident(process.pid))
    finally:
        hub.close()


def main() -> int:
    """Run the pairs and print the figures."""
    for kind in KINDS:
        measure(kind)
    pairs = []
    for number in range(PAIRS):
        order = list(KINDS) if number % 2 else list(reversed(KINDS))
        found = {kind: measure(kind) for kind in order}
        pairs.append((found["plain"], found["ours"]))
    print(f"a new hub, median of {PAIRS} pairs (a report, no goal)")
    report("launch to answer", "s", [(a.seconds, b.seconds) for a, b in pairs])
    report("resident memory", "MiB", [(a.mebibytes, b.mebibytes) for a, b in pairs])
    return 0


def report(what: str, unit: str, pairs: list[tuple[float, float]]) -> None:
    """Print the medians of pairs, plain JupyterHub first."""
    plain = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    more = statistics.median(pair[1] - pair[0] for pair in pairs)
    print(f"  {what}")
    print(f"    jupyterhub  {plain:7.2f} {unit}")
    print(f"    anywhere up {ours:7.2f} {unit}")
    print(f"    ratio       {ours / plain:7.3f}   paired difference {more:+.2f} {unit}")


if __name__ == "__main__":
    sys.exit(main())
