"""The small OpenStack of the other tests, with something that runs on its machines.

A machine does what its user-data says, as far as a hub can tell: it answers at the port that
LibcloudSpawner's script tells its server, or redeems its ticket and reports as our agent does.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import secrets
import socketserver
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import jupyterhub

from jupyterhub_anywhere.testing.worlds.openstack import Cloud

_CONFIG: Final = re.compile(r"<<'END_OF_CONFIG'\n(.*?)\nEND_OF_CONFIG\n", re.DOTALL)
_PORT: Final = re.compile(r"JUPYTERHUB_SERVICE_URL=https?://[^:/]*:(\d+)/")
_TOKEN: Final = re.compile(r"JUPYTERHUB_API_TOKEN=(\S{32,})")


class Machines(Cloud):
    """A cloud whose machines run, each at an address of this machine.

    Attributes:
        silent: Whether new machines never say anything.
        jobs: Id of a machine to what our hub told it to run.
        wanted: All that was ever asked for: the bodies of creation.
        knocks: How often somebody has connected to a server.
    """

    def __init__(self) -> None:
        super().__init__()
        self.silent = False
        self.jobs: dict[str, dict[str, Any]] = {}
        self.wanted: list[dict[str, Any]] = []
        self.knocks = 0
        self._doors: dict[str, ThreadingHTTPServer] = {}
        # No address twice: a server of an earlier machine is never taken for a later one's.
        self._addresses = (f"127.9.{high}.{low}" for high in itertools.count() for low in range(9))

    # --- what happens here -----------------------------------------------------------------------

    def make_server(self, wanted: dict[str, Any]) -> dict[str, Any]:
        made = super().make_server(wanted)
        self.wanted.append(wanted)
        return made

    def connect(self, server: dict[str, Any]) -> None:
        super().connect(server)
        address = next(self._addresses)
        [entries] = server["addresses"].values()
        entries[0]["addr"] = address
        if not self.silent:
            told = (server["id"], address, user_data(server["_wanted"]))
            threading.Thread(target=self._boot, args=told, daemon=True).start()

    def remove(self, server_id: str) -> None:
        super().remove(server_id)
        self._close(server_id)

    def deafen(self) -> None:
        """No server answers any more; the machines run."""
        for each in list(self._doors):
            self._close(each)

    def away(self) -> None:
        """Let the API answer by errors, until `back`."""
        for method in ("GET", "POST", "DELETE"):
            self.order(
                method, "/compute/|/image/|/network/|auth", "status", times=10**6, status=503
            )

    def back(self) -> None:
        """Let the API answer again."""
        with self.lock:
            self.orders.clear()

    def fresh(self) -> None:
        """No machines, no troubles, nothing counted."""
        self.back()
        self.silent, self.broken, self.knocks = False, "", 0
        with self.lock:
            for each in list(self.servers):
                self.remove(each)
            self.calls.clear()
        self.wanted.clear()
        self.jobs.clear()

    def tokens_told(self) -> set[str]:
        """The API tokens of all servers that it was asked for."""
        found = {token for each in self.wanted for token in _TOKEN.findall(user_data(each))}
        return found | {each["env"]["JUPYTERHUB_API_TOKEN"] for each in self.jobs.values()}

    # --- what runs on a machine ------------------------------------------------------------------

    def _boot(self, server_id: str, address: str, text: str) -> None:
        told = _CONFIG.search(text)
        if told is not None:
            # Who is refused, or whose hub was killed, starts nothing.
            with contextlib.suppress(OSError, RefusedError):
                self._agent(server_id, address, json.loads(told[1]))
            return
        found = _PORT.search(text)
        # A server that is told port 0 takes none that its hub knows.
        if found is not None and found[1] != "0":
            self._open(server_id, address, int(found[1]))

    def _agent(self, server_id: str, address: str, config: dict[str, Any]) -> None:
        ticket, secret = config["ticket"], secrets.token_urlsafe(32)
        about = {
            "addresses": [address],
            "hostname": "machine",
            "python": "3.11.2",
            "singleuser": jupyterhub.__version__,
            "agent": "1",
            "host_keys": [],
            "boot": "one",
        }
        sent = {"ticket": ticket, "credential": secret, "machine": about}
        job = self.jobs[server_id] = _ask(address, config["hub"], "redeem", sent)["job"]
        port = job["ports"][0][0]
        self._open(server_id, address, port)
        name = f"anywhere {ticket.split('.')[1]}.{secret}"
        _ask(address, config["hub"], "report", {"stage": "listening", "port": port}, name)

    def _open(self, server_id: str, address: str, port: int) -> None:
        door = _Door((address, port), _answers(self))
        self._doors[server_id] = door
        told = {"poll_interval": 0.05}
        threading.Thread(target=door.serve_forever, kwargs=told, daemon=True).start()

    def _close(self, server_id: str) -> None:
        door = self._doors.pop(server_id, None)
        if door is not None:
            door.shutdown()
            door.server_close()


def user_data(wanted: dict[str, Any]) -> str:
    """What a machine was given."""
    return base64.b64decode(wanted["user_data"]).decode()


class RefusedError(Exception):
    """A hub did not let a machine in."""


def _ask(
    address: str, hub: str, call: str, body: dict[str, Any], credential: str = ""
) -> dict[str, Any]:
    """What a hub answers to a machine, asked from the machine's own address."""
    parts = urlsplit(hub)
    # In this world, each name is this machine's.
    connection = HTTPConnection("127.0.0.1", parts.port, timeout=30, source_address=(address, 0))
    headers = {"Content-Type": "application/json"}
    if credential:
        headers["Authorization"] = credential
    try:
        path = f"{parts.path.rstrip('/')}/api/anywhere/machines/{call}"
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 400:
        raise RefusedError(text)
    found: dict[str, Any] = json.loads(text)
    return found


class _Door(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def server_bind(self) -> None:
        # The base would ask a name server for the address' name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]


def _answers(cloud: Machines) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def setup(self) -> None:
            cloud.knocks += 1
            super().setup()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-JupyterHub-Version", jupyterhub.__version__)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's
            """Nothing."""

    return Answer
