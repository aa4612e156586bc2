"""How long a real server takes from POST to ready, through Anywhere and with the bare spawner.

Two hubs run at once and start the same JupyterLab in turn: one by the process target, one by
JupyterHub's SimpleLocalProcessSpawner. A report without a goal: most of the time is the server's
own, and varies more than what we add; `bench_delegation` measures that. The two also wait in
different ways: for the bare spawner's server the hub looks after random pauses that grow to 5 s,
while the process target looks every quarter of a second. So a ratio below one says how soon a
server is noticed, and not that it starts faster.
"""

from __future__ import annotations

import statistics
import sys
import time

from tests.hub.harness import Hub

PAIRS = 8
USER = "ann"
SITE = {"targets": {"here": {"kind": "process"}}}

BARE = """
c.JupyterHub.spawner_class = "simple"
"""
OURS = """
from jupyterhub_anywhere import setup
setup(c, FILE, state=STATE)
c.ProcessSpawner.share_account = True
"""


def make(kind: str) -> Hub:
    """A hub with the bare spawner, or with ours."""
    hub = Hub(mode="plain", site=SITE)
    head = f"FILE = {str(hub.file)!r}\nSTATE = {str(hub.state.root)!r}\n"
    bare = BARE + f"c.SimpleLocalProcessSpawner.home_dir_template = {str(hub.folder / 'home')!r}\n"
    # The bare spawner runs its servers as the hub's own account, which root has to allow.
    bare += 'c.Spawner.args = ["--allow-root"]\n'
    hub.write_config(head + (bare if kind == "bare" else OURS))
    return hub


def measure(hub: Hub) -> float:
    """Seconds from the POST until the API says that the server is ready."""
    begin = time.perf_counter()
    hub.start_server(USER)
    taken = time.perf_counter() - begin
    hub.stop_server(USER)
    return taken


def main() -> int:
    """Run the pairs and print the figures."""
    hubs = {"bare": make("bare"), "ours": make("ours")}
    pairs = []
    try:
        for hub in hubs.values():
            hub.start()
            measure(hub)
        for number in range(PAIRS):
            order = ("bare", "ours") if number % 2 else ("ours", "bare")
            times = {kind: measure(hubs[kind]) for kind in order}
            pairs.append((times["bare"], times["ours"]))
    finally:
        for hub in hubs.values():
            hub.close()
    bare = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    more = statistics.median(pair[1] - pair[0] for pair in pairs)
    print(f"POST to ready of a JupyterLab, median of {PAIRS} pairs (a report, no goal)")
    print(f"  SimpleLocalProcessSpawner {bare:6.2f} s")
    print(f"  process target            {ours:6.2f} s")
    print(f"  ratio                     {ours / bare:6.3f}   paired difference {more:+.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
