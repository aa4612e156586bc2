"""What a cloud is asked, and what the hub's loop is kept from, beside LibcloudSpawner 2.3.3.

Both programs of `cloud_sides` talk to the same small OpenStack (`testing/worlds/openstack`), which
answers after 50 ms, in a process of its own. `bench_openstack_calls` is the same at a real one.

Goals: no more than two calls a spawn once lists are known; one call a poll interval, however many
servers there are; the loop is never held for more than 50 ms.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bench.cloud_sides import NAMES, Side, Where, measure, table

from engines.ancestors import supplies
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

DELAY: Final = 0.05
GOAL_LAG: Final = 0.050


def cloud_process(pipe: Connection) -> None:
    """Serve until somebody says end."""
    with OpenStackWorld() as world:
        world.cloud.delay = DELAY
        pipe.send(world.url)
        pipe.recv()


@contextmanager
def cloud() -> Iterator[str]:
    """The address of an empty one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=cloud_process, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def main() -> int:
    """Measure both, and say whether ours keeps its goals."""
    folder = supplies.fetch()
    found = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
        for name in NAMES:
            with cloud() as url:
                where = Where(
                    url=url,
                    base=f"{url}/identity",
                    user="credential",
                    secret="open sesame",
                    image="debian",
                    size="small",
                    network="inside",
                    key="admin",
                    door=door.getsockname()[1],
                )
                side = Side(name, where, folder)
                found.append(measure(side))
                side.end()
    table(found)
    ours = found[1]
    polls = [value for key, value in ours.items() if key.startswith("poll") and "calls" in key]
    held = [value for key, value in ours.items() if "held" in key]
    kept = ours["spawn, calls"] <= 2.5 and max(polls) <= 1 and max(held) <= 1000 * GOAL_LAG
    print("goals kept" if kept else "GOALS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
