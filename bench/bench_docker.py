"""Docker through Anywhere, side by side with DockerSpawner alone, at a real engine.

As root, in a room of its own (``tools/bench`` opens it). Three measurements:

- the hub's own time of a start: from the POST to the answer without the child's own ``start``.
  Goal: at most 1.05 times the bare spawner's time, or at most 20 ms more;
- POST to ready, as a report;
- ten starts at once while an image of 1 GB is pulled from a registry on loopback, as slowly as the
  starts last, and without a pull. Goal: not slower; measured with both hubs, ours first.

The server is the stub of the tests: it answers as soon as its Python runs.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.docker_hubs import clean, make, times
from bench.pairs import paired, verdict
from tests.engines.registry import Registry

from engines import room
from engines.docker import images
from engines.docker.engine import DockerEngine

if TYPE_CHECKING:
    from tests.hub.harness import Hub

PAIRS = 20
GOAL_RATIO = 1.05
GOAL_SECONDS = 0.020
STARTS = 10
ROUNDS = 3
PULLED = 1_000_000_000
# What two hubs of one machine differ by without any reason: a ratio below this is no difference.
NOISE = 1.10


def own_time(hub: Hub, user: str) -> float:
    """Seconds of one start that were neither the child's nor the server's."""
    hub.add_user(user)
    begin = time.time()
    answer = hub.api("POST", f"users/{user}/server", json={}, timeout=120)
    end = time.time()
    if answer.status_code != 201:
        raise SystemExit(f"the start of {user} answered {answer.status_code}: {answer.text}")
    child = times(hub, user)
    hub.stop_server(user)
    return (child["start"] - begin) + (end - child["started"])


def to_ready(hub: Hub, user: str) -> float:
    """Seconds from the POST until the API says that the server is ready."""
    begin = time.perf_counter()
    hub.start_server(user)
    taken = time.perf_counter() - begin
    hub.stop_server(user)
    return taken


def together(hub: Hub, prefix: str) -> list[float]:
    """Seconds from POST to ready of ten starts at once; their servers are stopped again."""

    def one(number: int) -> float:
        begin = time.perf_counter()
        hub.start_server(f"{prefix}{number}", seconds=300)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(STARTS) as pool:
        found = list(pool.map(one, range(STARTS)))
        list(pool.map(lambda number: hub.stop_server(f"{prefix}{number}"), range(STARTS)))
    return found


def with_pull(hub: Hub, registry: Registry, options: dict[str, object], prefix: str) -> list[float]:
    """The same while somebody else's image is pulled; the pull outlasts the starts."""
    before = len(registry.requests)
    hub.add_user(f"{prefix}puller")

    def pull() -> None:
        path = f"users/{prefix}puller/server"
        hub.api("POST", path, json={"user_options": options}, timeout=600)

    puller = threading.Thread(target=pull)
    puller.start()
    while not any("/blobs/" in path for path in registry.requests[before:]):
        time.sleep(0.05)
    try:
        return together(hub, prefix)
    finally:
        registry.bytes_per_second = None
        puller.join()
        # The hub has answered long before the pull is over; then it finds no program to run.
        while (hub.server(f"{prefix}puller") or {}).get("pending"):
            time.sleep(0.2)


def main() -> int:
    """Run all three; 0 when the goals are met."""
    with ExitStack() as stack:
        engine = stack.enter_context(DockerEngine(room.current() / "bench", name="bench"))
        engine.load(images.tar_of(images.STUB_IMAGE))
        found = paired(_hubs(engine), PAIRS, own_time)
        found.report("hub's own time of a Docker start", ("DockerSpawner", "through Anywhere"))
        code = verdict(found, GOAL_RATIO, GOAL_SECONDS)
        ready = paired(_hubs(engine), PAIRS // 2, to_ready)
        names = ("DockerSpawner", "through Anywhere")
        ready.report("POST to ready of a stub in a container (a report, no goal)", names)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-registry-")))
        registry = stack.enter_context(Registry(folder))
        return max(code, _pulls(engine, registry))


def _hubs(engine: DockerEngine) -> dict[str, Hub]:
    return {"bare": make("bare", engine), "ours": make("ours", engine)}


def _pulls(engine: DockerEngine, registry: Registry) -> int:
    """Ten starts with and without a pull, in both hubs."""
    ratios = {}
    for kind in ("ours", "bare"):
        hub = make(kind, engine)
        try:
            hub.start()
            together(hub, "warm")
            quiet, busy = [], []
            for number in range(ROUNDS):
                quiet += together(hub, f"quiet{number}-")
                image = registry.add_filler(f"{kind}{number}", PULLED)
                registry.bytes_per_second = PULLED / 120
                options: dict[str, object] = {"image": image}
                if kind == "ours":
                    options = {"profile": "lab", "target": "lab", "child": options}
                busy += with_pull(hub, registry, options, f"busy{number}-")
                with contextlib.closing(engine.client()) as client:
                    client.images.remove(image, force=True)
        finally:
            hub.close()
            clean(engine, hub)
        ratios[kind] = statistics.median(busy) / statistics.median(quiet)
        name = "through Anywhere" if kind == "ours" else "DockerSpawner"
        print(f"{STARTS} starts at once, POST to ready, median of {len(quiet)}: {name}")
        print(f"  without a pull      {statistics.median(quiet):7.2f} s")
        print(f"  while 1 GB is pulled {statistics.median(busy):6.2f} s   ratio {ratios[kind]:.2f}")
    met = ratios["ours"] <= NOISE
    print(f"  goal (not slower; noise up to {NOISE}): {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
