"""The figures of `bench_cloud_calls` at a real OpenStack, whose machines never boot.

Both programs of `cloud_sides` ask the same Keystone, Glance, Nova and Neutron of our own
(`engines/openstack`), one after the other, each with a hundred servers of the flavor `fake.nano`:
for Nova they are servers like others, on a host that pretends. How many calls a spawn takes depends
on how long such a cloud needs until a machine runs; both ask again after a second.

Goal: one call a poll interval, however many servers there are.
"""

from __future__ import annotations

import socket
import sys
import time

from bench.cloud_sides import NAMES, Side, Where, measure, table

from engines import room
from engines.ancestors import supplies
from engines.openstack import layout as at
from engines.openstack.cloud import OpenStack


def emptied(cloud: OpenStack) -> None:
    """Remove all servers, and wait until they are gone."""
    while servers := cloud.servers():
        for each in servers:
            if each["OS-EXT-STS:task_state"] != "deleting":
                cloud.admin.delete("compute", f"/servers/{each['id']}")
        time.sleep(2)


def main() -> int:
    """Measure both, and say whether ours keeps its goal."""
    folder = supplies.fetch()
    found = []
    with (
        OpenStack(room.current() / "openstack") as cloud,
        socket.create_server(("127.0.0.1", 0), backlog=1024) as door,
    ):
        where = Where(
            url=cloud.auth_url,
            base=at.AUTH_URL.removesuffix("/v3"),
            user=cloud.credential_id,
            secret=cloud.credential_secret,
            image="debian-stub",
            size="fake.nano",
            network="hubnet",
            key="",
            door=door.getsockname()[1],
        )
        for name in NAMES:
            side = Side(name, where, folder)
            found.append(measure(side))
            side.end()
            emptied(cloud)
    table(found)
    polls = [value for key, value in found[1].items() if key.startswith("poll") and "calls" in key]
    print("goal kept" if max(polls) <= 1 else "GOAL MISSED")
    return 0 if max(polls) <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
