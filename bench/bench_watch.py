"""Calls to a back end in one interval, by the number of servers: ours beside stock DockerSpawner's.

The engine is a null one behind a socket that counts what it is asked. The stock hub polls every
server; a watch lists once, and every server's answer is taken from that list.

Goal: one call an interval, however many servers there are; and none of them holds the event loop
for more than 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import socketserver
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import sqlalchemy.orm
from dockerspawner import DockerSpawner
from jupyterhub import orm
from jupyterhub.objects import Hub
from traitlets.config import Config

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.docker import labels
from jupyterhub_anywhere.targets.docker.client import Engine
from jupyterhub_anywhere.targets.docker.inventory import DockerInventory
from jupyterhub_anywhere.targets.watch import Watch

SWEEPS = 5
NUMBERS = (1, 10, 100, 1000)
GOAL_CALLS = 1
GOAL_HELD = 0.050
HUB = "bench"


class NullEngine(socketserver.ThreadingUnixStreamServer):
    """Answers as an engine with some servers that all run."""

    daemon_threads = True
    # A stock hub polls all servers at once.
    request_queue_size = 1024

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Handler)
        self.names: list[str] = []
        self.list = b"[]"
        self.asked: list[str] = []

    def hold(self, number: int) -> None:
        """Have that many servers."""
        self.names = [f"jupyter-user{each}" for each in range(number)]
        entries = [
            {
                "Id": name,
                "Names": [f"/{name}"],
                "Image": "lab",
                "State": "running",
                "Status": "Up 1 hour",
                "Created": 1_772_366_400,
                "Labels": labels.of_server(
                    labels.Owner(HUB, "lab", name, ""), keep=False, lease="0" * 20, gpus=()
                ),
            }
            for name in self.names
        ]
        self.list = json.dumps(entries).encode()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: NullEngine

    def do_GET(self) -> None:
        """Answer, and count."""
        path = self.path.partition("?")[0].split("/", 2)[-1]
        self.server.asked.append(path)
        if path.endswith("containers/json"):
            body = self.server.list
        elif path.endswith("/json"):
            body = json.dumps({"Id": path.split("/")[-2], "State": {"Running": True}}).encode()
        else:
            body = json.dumps({"ApiVersion": "1.45", "ID": "null"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A socket of this machine has no address."""
        return "here"

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


async def ours(engine: NullEngine, url: str) -> tuple[int, float]:
    """Calls of one interval, and the longest that it held the event loop, in seconds."""
    clock = SystemClock()
    way = Engine("lab", lambda: {"base_url": url, "version": "auto"})
    breaker = Breaker(clock, Random(1))
    inventory = DockerInventory(way, HUB, "lab")
    watch = Watch("lab", inventory, deadline=60, clock=clock, breaker=breaker)
    since = clock.now()
    await watch.sweep()
    engine.asked.clear()
    await watch.sweep()
    calls = len(engine.asked)
    # Whatever else the machine does holds it too, now and then.
    held = statistics.median([await longest_hold(watch.sweep()) for _ in range(SWEEPS)])
    for name in engine.names:
        if watch.observe(name, since).phase is not Phase.RUNNING:
            raise SystemExit(f"{name} is not seen to run")
    await asyncio.to_thread(way.close)
    return calls, held


async def longest_hold(work: Any) -> float:
    """The longest time for which the event loop did nothing else while something was done."""
    task, longest = asyncio.ensure_future(work), 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - before)
    await task
    return longest


async def stock(engine: NullEngine, url: str) -> int:
    """Calls of one interval of the stock hub, which polls each server."""
    config = Config({"DockerSpawner": {"client_kwargs": {"base_url": url}}})
    database = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(database)
    with sqlalchemy.orm.Session(database) as session:
        spawners = [spawner_of(session, name, config) for name in engine.names]
        await spawners[0].poll()
        engine.asked.clear()
        answers = await asyncio.gather(*(each.poll() for each in spawners))
        if any(answer is not None for answer in answers):
            raise SystemExit("a server is not seen to run")
    database.dispose()
    return len(engine.asked)


def spawner_of(session: Any, name: str, config: Config) -> DockerSpawner:
    """A bare spawner whose server runs."""
    user = orm.User(name=name)
    row = orm.Spawner(name="", user=user)
    session.add_all([user, row])
    who = SimpleNamespace(
        name=name, url=f"/user/{name}/", escaped_name=name, groups=[], settings={}
    )
    made = DockerSpawner(
        user=who, orm_spawner=row, hub=Hub(ip="127.0.0.1", port=8081), config=config
    )
    made.load_state({"object_id": name, "object_name": name})
    return made


async def measured(engine: NullEngine, url: str) -> bool:
    """Print the figures; whether the goals are met."""
    print("calls to the engine in one interval")
    print(f"  {'servers':>8} {'bare spawner':>14} {'watch':>7} {'held the loop':>15}")
    met = True
    for number in NUMBERS:
        engine.hold(number)
        calls, held = await ours(engine, url)
        bare = await stock(engine, url)
        print(f"  {number:>8} {bare:>14} {calls:>7} {held * 1000:>12.1f} ms")
        met = met and calls <= GOAL_CALLS and held <= GOAL_HELD
    print(f"  goal (1 call, ≤ {GOAL_HELD * 1000:.0f} ms): {'met' if met else 'MISSED'}")
    return met


def main() -> int:
    """Run, print the figures, and say whether the goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sock"
        with NullEngine(path) as engine:
            thread = threading.Thread(target=engine.serve_forever, daemon=True)
            thread.start()
            met = asyncio.run(measured(engine, f"unix://{path}"))
            engine.shutdown()
            thread.join()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
