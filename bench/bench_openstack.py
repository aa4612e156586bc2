"""From the click until a server answers, at a real OpenStack with real machines.

Three things take turns, each with the image `debian-stub`, whose server is there in two seconds,
and the same flavor, network and cloud of our own (`engines/openstack`):

* ``the machine alone``: Nova's create call by a client of a few lines, until the machine's
  user-data says so by one request. What no program can be faster than.
* ``LibcloudSpawner``: 2.3.3 from PyPI, its `NodeManager` driven as its `start` drives it, with a
  custom template whose user-data starts the server; until its port takes a connection. Not a line
  of it is changed; `async_generator`, which it needs and does not name, is laid beside it.
* ``ours``: a whole hub, from the API's POST until the user's page hears ``ready``.

Goal: ours by the machine alone at most 1.1 once what the server needs to come up on the machine is
taken off, that is: the seconds between the agent's report ``starting`` and ``listening``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from tests.engines.openstack_hub import OpenStackHub, followed, openstack_hub, steps_of

from engines import room
from engines.ancestors import supplies
from engines.openstack import layout as at
from engines.openstack.cloud import OpenStack

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS: Final = 5
GOAL: Final = 1.1
IMAGE, SIZE, NETWORK = "debian-stub", "m1.tiny", "hubnet"
# As an administrator of LibcloudSpawner would write it for an image without systemd.
TEMPLATE: Final = """#!/bin/sh
export JUPYTERHUB_SERVICE_URL=http://0.0.0.0:8000/
setsid jupyterhub-singleuser --ip=0.0.0.0 --port=8000 {{ notebookargs }} >/dev/null 2>&1 &
"""


# --- the machine alone ---------------------------------------------------------------------------


class Ear(ThreadingHTTPServer):
    """Hears one request of a machine."""

    daemon_threads = True

    def __init__(self, gateway: str) -> None:
        self.heard = threading.Event()
        super().__init__((gateway, 0), _Handler)
        self.url = f"http://{gateway}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Ear

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()
        self.server.heard.set()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def ear(cloud: OpenStack) -> Iterator[Ear]:
    """One that listens."""
    server = Ear(cloud.gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def alone(cloud: OpenStack) -> float:
    """Seconds from the create call until user-data runs."""
    with ear(cloud) as server, cloud.client() as project:
        data = base64.b64encode(f"#!/bin/sh\ncurl -s {server.url}\n".encode()).decode()
        body = {
            "name": "alone",
            "imageRef": cloud.seeded.images[IMAGE],
            "flavorRef": cloud.seeded.flavors[SIZE],
            "networks": [{"uuid": cloud.seeded.networks[NETWORK]}],
            "user_data": data,
            "config_drive": True,
        }
        # As any program that knows the cloud: logged in already.
        project.get("compute", "/limits")
        began = time.monotonic()
        machine = project.post("compute", "/servers", {"server": body})["server"]["id"]
        if not server.heard.wait(600):
            raise TimeoutError(f"{machine} said nothing")
        taken = time.monotonic() - began
        cloud.destroy_behind_our_back(machine)
    return taken


# --- LibcloudSpawner -----------------------------------------------------------------------------


def theirs(cloud: OpenStack, folder: Path) -> float:
    """Seconds from its create until its port answers, in a process with its package."""
    path = [str(folder), str(supplies.folder()), *sys.path]
    done = subprocess.run(
        [sys.executable, "-m", "bench.bench_openstack", "--theirs"],
        input=json.dumps({"id": cloud.credential_id, "secret": cloud.credential_secret}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
    )
    told = json.loads(done.stdout.splitlines()[-1])
    cloud.destroy_behind_our_back(told["machine"])
    return float(told["seconds"])


async def their_start(credential: dict[str, str]) -> dict[str, Any]:
    """As its `start`: create, then look each second until the port answers."""
    from libcloudspawner.manager import nodemanager  # type: ignore[import-not-found]

    conf = SimpleNamespace(
        libcloud_driver_params={
            "arg_user_id": credential["id"],
            "arg_key": credential["secret"],
            "ex_force_auth_version": "3.x_appcred",
            "ex_force_auth_url": at.AUTH_URL.removesuffix("/v3"),
            "ex_force_service_region": at.REGION,
        },
        userserver_images=[(IMAGE, IMAGE)],
        userserver_sizes=[(SIZE, SIZE)],
        userserver_net=NETWORK,
        userserver_keyname="",
        userdata_template_module="bench_templates",
        userdata_template_name="stub.sh.j2",
        forceuser="",
        user=SimpleNamespace(name="ann"),
        user_options={"userserver_image": IMAGE, "userserver_size": SIZE},
    )
    began = time.monotonic()
    manager = nodemanager.NodeManager(conf, logging.getLogger("upstream"))
    await manager.create_node({}, [], None, 8000)
    while await manager.get_node_status() is not None:  # noqa: ASYNC110 - as it does
        await asyncio.sleep(1)
    return {"seconds": time.monotonic() - began, "machine": manager.node.id}


def templates(folder: Path) -> None:
    """A module with one template, as LibcloudSpawner finds such."""
    data = folder / "bench_templates" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    (data / "stub.sh.j2").write_text(TEMPLATE)


# --- ours ----------------------------------------------------------------------------------------


def ours(hub: OpenStackHub, user: str) -> tuple[float, float]:
    """Seconds from the POST until ready, and of those the server's own on its machine.

    Raises:
        RuntimeError: It did not start.
    """
    told = followed(hub, user)
    if not told[-1][1].get("ready"):
        raise RuntimeError(f"{told[-1]}\n{hub.logs(100)}")
    steps = steps_of(told)
    own = steps["listening"] - steps["starting"]
    hub.stop_server(user, seconds=300)
    return told[-1][0], own


# --- all -----------------------------------------------------------------------------------------


def main(rounds: int) -> int:
    """Measure in turn; 0 where the goal is kept."""
    found: dict[str, list[float]] = {"alone": [], "theirs": [], "ours": [], "own": []}
    with tempfile.TemporaryDirectory(prefix="bench-openstack-") as name:
        folder = Path(name)
        templates(folder)
        with (
            OpenStack(room.current() / "openstack") as cloud,
            openstack_hub(cloud, image=IMAGE, size=SIZE) as hub,
        ):
            alone(cloud)  # the image comes to the host
            ours(hub, "warm")
            for number in range(rounds):
                found["alone"].append(alone(cloud))
                seconds, own = ours(hub, f"ann{number}")
                found["ours"].append(seconds)
                found["own"].append(own)
                found["theirs"].append(theirs(cloud, folder))
                line = {name: round(each[-1], 1) for name, each in found.items()}
                print(f"round {number + 1}: {line}", flush=True)
    return verdict(found)


def verdict(found: dict[str, list[float]]) -> int:
    """Print the medians and ratios."""
    middle = {name: statistics.median(each) for name, each in found.items()}
    pairs = zip(found["alone"], found["ours"], found["own"], strict=True)
    ratio = statistics.median((whole - own) / bare for bare, whole, own in pairs)
    print(f"median of {len(found['ours'])} rounds")
    print(f"  the machine alone   {middle['alone']:6.1f} s   create call to user-data")
    print(f"  LibcloudSpawner     {middle['theirs']:6.1f} s   create to an open port")
    print(f"  ours                {middle['ours']:6.1f} s   click to ready")
    print(f"  of that the server  {middle['own']:6.1f} s   starting to listening, on the machine")
    print(f"  (ours - server) / machine alone {ratio:.2f}; goal {GOAL}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--theirs"]:
        print(json.dumps(asyncio.run(their_start(json.load(sys.stdin)))))
        sys.exit(0)
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
