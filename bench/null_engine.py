"""A Docker Engine that has any number of servers, and one HTTP server that answers for all of them.

Nothing runs: the engine is a socket that says so, and counts what it is asked.
"""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class NullEngine(socketserver.ThreadingUnixStreamServer):
    """Answers as an engine with some servers that all run.

    Attributes:
        asked: The paths of what was asked, without the version of the API.
        changes: What was asked that changes something.
    """

    daemon_threads = True
    # A stock hub polls all servers at once.
    request_queue_size = 1024

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Engine)
        self.list = b"[]"
        self.asked: list[str] = []
        self.changes: list[str] = []

    def hold(self, hub: str, leases: Mapping[str, str]) -> None:
        """Have a server of each user.

        Args:
            hub: The id of the hub whose they are.
            leases: User to the id of the lease.
        """
        entries = [
            {
                "Id": name_of(user),
                "Names": [f"/{name_of(user)}"],
                "Image": "lab",
                "State": "running",
                "Status": "Up 1 hour",
                "Created": 1_772_366_400,
                "Labels": labels.of_server(
                    labels.Owner(hub, "lab", user, ""), keep=False, lease=lease, gpus=()
                ),
            }
            for user, lease in leases.items()
        ]
        self.list = json.dumps(entries).encode()


def name_of(user: str) -> str:
    """The name, and the id, of a user's container."""
    return f"jupyter-{user}"


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        """A socket of this machine has no address."""
        return "here"

    def log_message(self, *_args: Any) -> None:
        """Nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Engine(_Quiet):
    server: NullEngine

    def do_GET(self) -> None:
        """Answer, and count."""
        path = self.path.partition("?")[0].split("/", 2)[-1]
        self.server.asked.append(path)
        if path.endswith("containers/json"):
            body = self.server.list
        elif path.endswith("/json"):
            state = {"Status": "running", "Running": True}
            body = json.dumps({"Id": path.split("/")[-2], "State": state}).encode()
        else:
            body = json.dumps({"ApiVersion": "1.45", "ID": "null"}).encode()
        self._answer(body)

    def _change(self) -> None:
        self.server.changes.append(f"{self.command} {self.path}")
        self._answer(b"{}")

    do_POST = do_DELETE = do_PUT = _change  # noqa: N815 - the library's names


class _Servers(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 4096

    def handle_error(self, *_args: Any) -> None:
        """A hub that waited for too long has hung up."""


class _Server(_Quiet):
    def do_GET(self) -> None:
        """As a server that is ready."""
        self._answer(b"{}")


@contextmanager
def null_engine(folder: Path) -> Iterator[tuple[NullEngine, str, int]]:
    """Serve an engine and its servers.

    Args:
        folder: Where its socket is made.

    Yields:
        The engine, its URL, and the port of this machine at which every server answers.
    """
    path = folder / "engine.sock"
    with NullEngine(path) as engine, _Servers(("127.0.0.1", 0), _Server) as servers:
        threads = [
            threading.Thread(target=each.serve_forever, args=(0.1,), daemon=True)
            for each in (engine, servers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield engine, f"unix://{path}", servers.server_address[1]
        finally:
            for each, thread in zip((engine, servers), threads, strict=True):
                each.shutdown()
                thread.join()
