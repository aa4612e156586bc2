"""Two programs that ask a cloud, each in a process of its own that counts what it asks.

* `Theirs`: LibcloudSpawner 2.3.3 from PyPI under JupyterHub 6.1. It cannot be imported there, since
  it needs `async_generator` and does not say so: that package is laid beside it, and not a line of
  it is changed. Its `NodeManager` makes all of its calls, and is driven here as its `start`,
  `poll` and `load_state` drive it; machines answer at a port of this machine at once.
* `Ours`: the provider `libcloud` and the listing that all servers of a target share.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

COUNTS: Final = (1, 10, 50)
SERVERS_AT_START: Final = 100
SPAWNS: Final = 5
NAMES: Final = ("LibcloudSpawner", "ours")


@dataclass(frozen=True, slots=True)
class Where:
    """A cloud, and what machines are made of there.

    Attributes:
        url: The identity service, as ours takes it.
        base: The same as theirs takes it.
        user: The id of an application credential.
        secret: Its secret.
        image: The image's name.
        size: The flavor's.
        network: The network's.
        key: The key pair's; empty for none.
        door: A port of this machine where somebody listens.
    """

    url: str
    base: str
    user: str
    secret: str
    image: str
    size: str
    network: str
    key: str
    door: int


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

    def __init__(self, where: Where) -> None:
        from jupyterhub_anywhere.targets.machines.place import Place
        from jupyterhub_anywhere.targets.machines.provider import Access
        from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider

        self._where = where
        options = {"ex_force_auth_version": "3.x_appcred"}
        access = Access(
            title="cloud",
            user=where.user,
            key=where.secret,
            auth_url=where.url,
            region="RegionOne",
            options=options,
        )
        self.place = Place("hub", "cloud", lambda: LibcloudProvider(access))
        self.ids: list[str] = []

    async def spawn(self, number: int) -> None:
        """Make a machine, and look until it runs."""
        from jupyterhub_anywhere.targets.machines import marks
        from jupyterhub_anywhere.targets.machines.provider import Power, Wanted

        wanted = Wanted(
            name=f"user{number}",
            image=self._where.image,
            size=self._where.size,
            networks=(self._where.network,),
            key=self._where.key,
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

    def __init__(self, where: Where) -> None:
        from libcloudspawner.manager import nodemanager  # type: ignore[import-not-found]

        self._class = nodemanager.NodeManager
        self._where = where
        # Machines of this world have addresses that nobody answers at.
        real = socket.create_connection
        nodemanager.socket = SimpleNamespace(
            create_connection=lambda _, timeout: real(("127.0.0.1", where.door), timeout).close()
        )
        self._params = {
            "arg_user_id": where.user,
            "arg_key": where.secret,
            "ex_force_auth_version": "3.x_appcred",
            "ex_force_auth_url": where.base,
            "ex_force_service_region": "RegionOne",
        }
        self.managers: list[Any] = []

    def _manager(self, number: int) -> Any:
        conf = SimpleNamespace(
            libcloud_driver_params=self._params,
            userserver_images=[(self._where.image, self._where.image)],
            userserver_sizes=[(self._where.size, self._where.size)],
            userserver_net=self._where.network,
            userserver_keyname=self._where.key,
            userdata_template_module="libcloudspawner",
            userdata_template_name="userdata.sh.j2",
            forceuser="",
            user=SimpleNamespace(name=f"user{number}"),
            user_options={
                "userserver_image": self._where.image,
                "userserver_size": self._where.size,
            },
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


def counted() -> Callable[[], int]:
    """Count this process' requests from now on; what is given tells those since the last time."""
    lock, count, send = threading.Lock(), 0, requests.Session.send

    def counting(session: Any, request: Any, **more: Any) -> Any:
        nonlocal count
        with lock:
            count += 1
        return send(session, request, **more)

    def told() -> int:
        nonlocal count
        with lock:
            found, count = count, 0
        return found

    requests.Session.send = counting  # type: ignore[method-assign,assignment]
    return told


async def run_side(name: str, where: Where) -> None:
    """Do what standard input says, one word a line; tell seconds, lag and calls of each."""
    calls = counted()
    side: Ours | Theirs = Ours(where) if name == "ours" else Theirs(where)
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
        seconds, lag = await lag_during(work)
        print(json.dumps([seconds, lag, calls()]), flush=True)
    await side.close()


class Side:
    """A side's process.

    Args:
        name: Which of `NAMES`.
        where: The cloud.
        folder: Where LibcloudSpawner is.
    """

    def __init__(self, name: str, where: Where, folder: Path) -> None:
        here = Path(__file__).parent.parent
        path = [str(here / "src"), str(here), *([str(folder)] if name != "ours" else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.cloud_sides", name, json.dumps(asdict(where))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )

    def do(self, words: str) -> tuple[float, float, int]:
        """Seconds, the longest time that the loop was held, and calls of some work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        taken, lag, calls = json.loads(self._process.stdout.readline())
        return taken, lag, calls

    def end(self) -> None:
        """End it."""
        self._process.communicate("end\n")


def measure(side: Side) -> dict[str, float]:
    """All figures of one side: what, to calls, milliseconds or seconds."""
    told: dict[str, float] = {"first spawn, calls": side.do("spawn 1")[2]}
    have = 1
    for count in COUNTS:
        if count > have:
            side.do(f"spawn {count - have}")
            have = count
        _, lag, calls = side.do("poll")
        told[f"poll of {have} servers, calls"] = calls
        told[f"poll of {have} servers, loop held, ms"] = 1000 * lag
    spawned = [side.do("spawn 1") for _ in range(SPAWNS)]
    have += SPAWNS
    told["spawn, calls"] = statistics.median(calls for _, _, calls in spawned)
    told["spawn, loop held, ms"] = 1000 * statistics.median(lag for _, lag, _ in spawned)
    side.do(f"spawn {SERVERS_AT_START - have}")
    taken, lag, calls = side.do("start")
    told[f"hub start with {SERVERS_AT_START}, calls"] = calls
    told[f"hub start with {SERVERS_AT_START}, seconds"] = taken
    told[f"hub start with {SERVERS_AT_START}, loop held, ms"] = 1000 * lag
    return told


def table(found: Sequence[dict[str, float]]) -> None:
    """Print the figures of both, in the order of `NAMES`."""
    theirs, ours = found
    print(f"{'':44}{NAMES[0]:>18}{NAMES[1]:>12}")
    for key, value in theirs.items():
        print(f"{key:44}{value:18.1f}{ours[key]:12.1f}")


if __name__ == "__main__":
    asyncio.run(run_side(sys.argv[1], Where(**json.loads(sys.argv[2]))))
