"""What the ledger costs: per start, and to read it when 10,000 servers are in it.

A start is three commits, each on the disk: the wish, the launch, and that it runs. Beside it stand
three writes of a file with fsync: what the disk itself takes. Goals: a start at most 10 ms; all
10,000 leases read, counted and turned into Python in at most 1 s.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.lease import Lease, new_id
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

SERVERS = 10_000
STARTS = 200
READS = 5
GOAL_START = 0.010
GOAL_READ = 1.0


def lease(number: int) -> Lease:
    """A lease as a Docker target has it."""
    return Lease(
        id=new_id(),
        hub="bench",
        user=f"user{number % SERVERS}",
        server="",
        target=f"target{number % 5}",
        name=f"jupyter-user{number % SERVERS}-1",
        choice={"profile": f"profile{number % 20}", "options": {"memory": "2G", "image": "slim"}},
        child={"object_id": new_id() * 3, "object_name": f"jupyter-user{number}"},
    )


def start(ledger: Ledger, number: int) -> Lease:
    """Write what one start writes."""
    added = ledger.add(lease(number))
    return ledger.move(ledger.move(added, Cause.LAUNCH), Cause.STARTED)


def fill(ledger: Ledger) -> None:
    """Let 10,000 servers run; in one transaction, since nobody waits for it."""
    from jupyterhub_anywhere.core.observation import Observation, Phase
    from jupyterhub_anywhere.ledger import rows, schema
    from jupyterhub_anywhere.ledger.lease import Seen

    now = SystemClock().now()
    seen = Seen(Phase.RUNNING, now, now).then(Observation(Phase.RUNNING, "Up 3 hours"), now)
    columns = []
    for number in range(SERVERS):
        running = lease(number).moved(Cause.LAUNCH, now).moved(Cause.STARTED, now, seen=seen)
        columns.append({**rows.to_row(running), "made_for": ""})
    with ledger._database.write() as connection:  # noqa: SLF001 - faster than the public way
        connection.execute(schema.leases.insert(), columns)


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def disk(folder: Path) -> float:
    """Seconds that three small writes take until they are on the disk."""
    with (folder / "probe").open("ab") as stream:
        begin = time.perf_counter()
        for _ in range(3):
            stream.write(b"x" * 8192)
            stream.flush()
            os.fsync(stream.fileno())
        return time.perf_counter() - begin


def measure(folder: Path) -> int:
    """Measure, print, and say how many goals are missed."""
    with closing(
        Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}", "bench", SystemClock())
    ) as it:
        fill(it)
        pairs = [(disk(folder), timed(partial(start, it, number))) for number in range(STARTS)]
        reads = statistics.median(timed(lambda: (it.active(), it.counts())) for _ in range(READS))
        one = statistics.median(timed(lambda: it.of_server("user77", "")) for _ in range(100))
    per_start = statistics.median(mine for _, mine in pairs)
    bare = statistics.median(probe for probe, _ in pairs)
    worst = sorted(mine for _, mine in pairs)[int(STARTS * 0.99)]
    print(f"the ledger with {SERVERS} servers in it")
    print(f"  a start: {per_start * 1000:.2f} ms, p99 {worst * 1000:.2f} ms", end="")
    print(f" (three writes with fsync alone: {bare * 1000:.2f} ms)")
    print(
        f"  all leases, and counts: {reads * 1000:.0f} ms; those of one server: {one * 1e6:.0f} µs"
    )
    missed = 0
    for name, value, goal in (("start", per_start, GOAL_START), ("read", reads, GOAL_READ)):
        met = value <= goal
        missed += not met
        print(f"  goal of a {name} (≤ {goal * 1000:.0f} ms): {'met' if met else 'MISSED'}")
    return missed


def main() -> int:
    """Measure in a folder of this clone's disk, which is no file system in memory."""
    with tempfile.TemporaryDirectory(prefix=".bench-ledger-", dir=Path(__file__).parent) as folder:
        return 1 if measure(Path(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
