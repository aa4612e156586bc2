"""What AnywhereSpawner costs the hub at each start, side by side with the bare spawner.

Two hubs run at once and start servers in turn. Counted is the hub's own time: from the POST to the
child's ``start``, and from the child's "ready" to the answer. The server is a stub in the hub, so
nothing else is in the figures but the proxy, which is the same.

Goal: at most 1.05 times the bare spawner's time, or at most 20 ms more.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.pairs import paired, verdict
from tests.hub.harness import SOURCES, Hub

PAIRS = 40
GOAL_RATIO = 1.05
GOAL_SECONDS = 0.020
HERE = Path(__file__).parent

COMMON = """
c.JupyterHub.concurrent_spawn_limit = 0
c.StubSpawner.record = RECORD
"""
BARE = """
from stub import StubSpawner
c.JupyterHub.spawner_class = StubSpawner
"""
OURS = """
from jupyterhub_anywhere import setup
setup(c, FILE, state=STATE)
"""
SITE = {
    "targets": {"lab": {"kind": "custom", "class": "stub.StubSpawner"}},
    "profiles": {
        "python": {
            "targets": ["lab"],
            "options": {
                "memory": {"type": "memory", "default": "1G", "sets": {"mem_limit": "{value}"}}
            },
        }
    },
}


def make(kind: str) -> Hub:
    """A hub with the bare spawner, or with ours."""
    hub = Hub(mode="plain", site=SITE, environment={"PYTHONPATH": f"{SOURCES}:{HERE}"})
    head = f"RECORD = {str(hub.folder / 'record.jsonl')!r}\n"
    head += f"FILE = {str(hub.file)!r}\nSTATE = {str(hub.state.root)!r}\n"
    hub.write_config(head + (BARE if kind == "bare" else OURS) + COMMON)
    return hub


def measure(hub: Hub, user: str) -> float:
    """Seconds of the hub's own time for one start."""
    hub.add_user(user)
    begin = time.time()
    answer = hub.api("POST", f"users/{user}/server", json={}, timeout=60)
    end = time.time()
    if answer.status_code != 201:
        raise SystemExit(f"the start of {user} answered {answer.status_code}: {answer.text}")
    lines = (hub.folder / "record.jsonl").read_text("utf-8").splitlines()
    times = {each["what"]: each["time"] for each in map(json.loads, lines) if each["user"] == user}
    hub.stop_server(user)
    return float(times["start"] - begin + end - times["ready"])


def main() -> int:
    """Run the pairs, print the figures, and say whether the goal is met."""
    found = paired({"bare": make("bare"), "ours": make("ours")}, PAIRS, measure)
    found.report("hub's own time of a start", ("bare spawner", "through Anywhere"))
    return verdict(found, GOAL_RATIO, GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
