"""How long a real server takes from POST to ready, through Anywhere and with the bare spawner.

Two hubs run at once and start the same JupyterLab in turn: one by the process target, one by
JupyterHub's SimpleLocalProcessSpawner. A report without a goal: most of the time is the server's
own, and varies more than what we add; `bench_delegation` measures that. The two also wait in
different ways: for the bare spawner's server the hub looks after random pauses that grow to 5 s,
while the process target looks every quarter of a second. So a ratio below one says how soon a
server is noticed, and not that it starts faster.
"""

from __future__ import annotations

import sys
import time

from bench.pairs import paired
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


def measure(hub: Hub, _user: str) -> float:
    """Seconds from the POST until the API says that the server is ready; one user for all."""
    begin = time.perf_counter()
    hub.start_server(USER)
    taken = time.perf_counter() - begin
    hub.stop_server(USER)
    return taken


def main() -> int:
    """Run the pairs and print the figures."""
    found = paired({"bare": make("bare"), "ours": make("ours")}, PAIRS, measure)
    names = ("SimpleLocalProcessSpawner", "process target")
    found.report("POST to ready of a JupyterLab (a report, no goal)", names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
