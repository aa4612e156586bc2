"""What a cloud is asked, and what the hub's loop is kept from, beside LibcloudSpawner 2.3.3.

Both programs talk to the same small OpenStack (`testing/worlds/openstack`), which answers after 50
ms, in a process of its own; each side is a process of its own, too.

* The other side is LibcloudSpawner 2.3.3 from PyPI under JupyterHub 6.1. It cannot be imported
  there, since it needs `async_generator` and does not say so: that package is installed beside it,
  and not a line of it is changed. Its `NodeManager` makes all of its calls, and is driven here as
  its `start`, `poll` and `load_state` drive it; machines answer at a port of this machine at once.
* This side is the provider `libcloud` and the listing that all servers of a target share.

Goals: no more than two calls a spawn once lists are known; one call a poll interval, however many
servers there are; the loop is never held for more than 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from engines.ancestors import supplies
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection

COUNTS: Final = (1, 10, 50)
SERVERS_AT_START: Final = 100
SPAWNS: Final = 5
DELAY: Final = 0.05
GOAL_LAG: Final = 0.050
SIDES: Final = ("LibcloudSpawner", "ours")


# --- the cloud -----------------------------------------------------------------------------------


def cloud_process(pipe: Connection) -> None:
    """Serve, and tell how often each kind of call was made since the last question."""
    with OpenStackWorld() as world:
        world.cloud.delay = DELAY
        pipe.send(world.url)
        while pipe.recv() != "end":
            with world.cloud.lock:
                counts = len(world.cloud.calls)
                world.cloud.calls.clear()
            pipe.send(counts)


@contextmanager
def cloud() -> Iterator[tuple[str, Callable[[], int]]]:
    """Its address, and what tells the calls since the last time."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=cloud_process, args=(theirs,))
    process.start()
    try:
        url: str = ours.recv()

        def calls() -> int:
            ours.send("count")
            told: int = ours.recv()
            return told

        yield url, calls
    finally:
        ours.send("end")
        process.join()


# --- one side, in a process of its own -----------------------------------------------------------


async def lag_during(work: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """Seconds that some work took, and the longest time that the loop was held meanwhile."""
    worst, done = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not done:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - before - 0.001)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    worst = 0.0
    began = time.perf_counter()
    await work()
    taken = time.perf_counter() - began
    await asyncio.sleep(0.01)
    done = True
    await ticker
    return taken, worst


class Ours:
    """The provider, and the listing that all servers of a target share."""

    def __init__(self, url: str, door: int) -> None:
        from jupyterhub_anywhere.targets.machines.place import Place
        from jupyterhub_anywhere.targets.machines.provider import Access
        from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider

        del door
        options = {"ex_force_auth_version": "3.x_appcred"}
        access = Access(
            title="cloud", user="credential", key="open sesame", auth_url=url, options=options
        )
        self.place = Place("hub", "cloud", lambda: LibcloudProvider(access))
        self.ids: list[str] = []

    async def spawn(self, number: int) -> None:
        """Make a machine, and look until it runs."""
        from jupyterhub_anywhere.targets.machines import marks
        from jupyterhub_anywhere.targets.machines.provider import Power, Wanted

        wanted = Wanted(
            name=f"user{number}",
            image="debian",
            size="small",
            networks=("inside",),
            key="admin",
            userdata="#!/bin/sh\n",
            marks=marks.of_place("hub", "cloud"),
        )
        made = await self.place.provider.create(wanted)
        self.ids.append(made.id)
        while made.power is not Power.RUNNING:
            await asyncio.sleep(1)
            made = (await self.place.glance(1))[made.id]

    async def poll(self) -> None:
        """What all servers do at one interval."""
        self.place.changed()
        await asyncio.gather(*(self.place.glance(15) for _ in self.ids))

    async def start_hub(self) -> None:
        """Find all servers again: spawners ask nobody when they are made."""
        await self.place.close()
        self.place.changed()
        await self.place.glance(15)

    async def close(self) -> None:
        """End the threads."""
        await self.place.close()


class Theirs:
    """LibcloudSpawner's `NodeManager`, one a server, as its spawner uses it."""

    def __init__(self, url: str, door: int) -> None:
        from libcloudspawner.manager import nodemanager  # type: ignore[import-not-found]

        self._class = nodemanager.NodeManager
        self._door = door
        # Machines of this world have addresses that nobody answers at.
        real = socket.create_connection
        nodemanager.socket = SimpleNamespace(
            create_connection=lambda _, timeout: real(("127.0.0.1", door), timeout).close()
        )
        self._params = {
            "arg_user_id": "credential",
            "arg_key": "open sesame",
            "ex_force_auth_version": "3.x_appcred",
            "ex_force_auth_url": f"{url}/identity",
            "ex_force_service_region": "RegionOne",
        }
        self.managers: list[Any] = []

    def _manager(self, number: int) -> Any:
        conf = SimpleNamespace(
            libcloud_driver_params=self._params,
            userserver_images=[("Debian", "debian")],
            userserver_sizes=[("Small", "small")],
            userserver_net="inside",
            userserver_keyname="admin",
            userdata_template_module="libcloudspawner",
            userdata_template_name="userdata.sh.j2",
            forceuser="",
            user=SimpleNamespace(name=f"user{number}"),
            user_options={"userserver_image": "debian", "userserver_size": "small"},
        )
        return self._class(conf, logging.getLogger("upstream"))

    async def spawn(self, number: int) -> None:
        """As its `start`: create, then poll each second until the server answers."""
        manager = self._manager(number)
        self.managers.append(manager)
        await manager.create_node({}, [], None, 8000)
        for _ in range(600):
            if await manager.get_node_status() is None:
                return
            await asyncio.sleep(1)

    async def poll(self) -> None:
        """As each server's `poll`, one after the other: it never gives the loop back."""
        for manager in self.managers:
            await manager.get_node_status()

    async def start_hub(self) -> None:
        """As its constructor and `load_state` for each server, one after the other."""
        for number, old in enumerate(self.managers):
            self._manager(number).retrieve_node(old.node.id)

    async def close(self) -> None:
        """Nothing: it has no threads."""


async def run_side(name: str, url: str, door: int) -> None:
    """Do what standard input says, one word a line, and tell seconds and lag of each."""
    side: Ours | Theirs = Ours(url, door) if name == "ours" else Theirs(url, door)
    made = 0
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "end":
            break
        if word == "spawn":
            first, made = made, made + int(number)

            async def work(start: int = first, end: int = made) -> None:
                await asyncio.gather(*(side.spawn(each) for each in range(start, end)))
        elif word == "poll":
            work = side.poll  # type: ignore[assignment]
        else:
            work = side.start_hub  # type: ignore[assignment]
        print(json.dumps(await lag_during(work)), flush=True)
    await side.close()


class Side:
    """A side's process."""

    def __init__(self, name: str, url: str, door: int, folder: Path) -> None:
        here = Path(__file__).parent.parent
        path = [str(here / "src"), str(here), *([str(folder)] if name != "ours" else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.bench_cloud_calls", "--side", name, url, str(door)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )

    def do(self, words: str) -> tuple[float, float]:
        """Seconds and lag of some work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        taken, lag = json.loads(self._process.stdout.readline())
        return taken, lag

    def end(self) -> None:
        """End it."""
        self._process.communicate("end\n")


# --- both ----------------------------------------------------------------------------------------


def measure(name: str, folder: Path, door: int) -> dict[str, Any]:
    """All figures of one side."""
    told: dict[str, Any] = {}
    with cloud() as (url, calls):
        side = Side(name, url, door, folder)
        side.do("spawn 1")
        told["first spawn, calls"] = calls()
        have = 1
        for count in COUNTS:
            if count > have:
                side.do(f"spawn {count - have}")
                have = count
            calls()
            _, lag = side.do("poll")
            told[f"poll of {have} servers, calls"] = calls()
            told[f"poll of {have} servers, loop held, ms"] = 1000 * lag
        spawned = [side.do("spawn 1") for _ in range(SPAWNS)]
        have += SPAWNS
        told["spawn, calls"] = calls() / SPAWNS
        told["spawn, loop held, ms"] = 1000 * statistics.median(lag for _, lag in spawned)
        side.do(f"spawn {SERVERS_AT_START - have}")
        calls()
        taken, lag = side.do("start")
        told[f"hub start with {SERVERS_AT_START}, calls"] = calls()
        told[f"hub start with {SERVERS_AT_START}, seconds"] = taken
        told[f"hub start with {SERVERS_AT_START}, loop held, ms"] = 1000 * lag
        side.end()
    return told


def main() -> int:
    """Measure both, and say whether ours keeps its goals."""
    folder = supplies.fetch()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
        port = door.getsockname()[1]
        theirs, ours = (measure(name, folder, port) for name in SIDES)
    print(f"{'':44}{SIDES[0]:>18}{SIDES[1]:>12}")
    for key, value in theirs.items():
        print(f"{key:44}{value:18.1f}{ours[key]:12.1f}")
    polls = [value for key, value in ours.items() if key.startswith("poll") and "calls" in key]
    held = [value for key, value in ours.items() if "held" in key]
    kept = ours["spawn, calls"] <= 2.5 and max(polls) <= 1 and max(held) <= 1000 * GOAL_LAG
    print("goals kept" if kept else "GOALS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        asyncio.run(run_side(sys.argv[2], sys.argv[3], int(sys.argv[4])))
        sys.exit(0)
    sys.exit(main())
