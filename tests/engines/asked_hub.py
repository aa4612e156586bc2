"""Stands for the hub's API at a gateway: answers its version to everything, and keeps who asked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class AskedHub(http.server.ThreadingHTTPServer):
    """The server; ``asked`` has the paths, ``callers`` the addresses of who asked."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), _Handler)
        self.asked: list[str] = []
        self.callers: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}/hub/api"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: AskedHub

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.path)
        self.server.callers.add(str(self.client_address[0]))
        body = json.dumps({"version": version("jupyterhub")}).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", version("jupyterhub"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  (the name that http.server asks for)

    def log_message(self, *words: object) -> None:
        """Nothing on the terminal."""


@contextlib.contextmanager
def asked_hub(address: str) -> Iterator[AskedHub]:
    """A hub at an address of this machine, at a port of its own."""
    with AskedHub(address) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
