"""Stands for a single-user server: what the hub asks of one, and no more. Standard library only.

``STUB`` says how it behaves: ``fail`` writes three lines to stderr and exits with 7; ``deaf``
never listens; anything else serves. ``STUB_HUB_VERSION`` is the version it claims to be of.

Below its prefix it answers 200 to everything, with the hub's version in ``X-JupyterHub-Version``;
``…/stub/about`` tells what it is, ``…/stub/hub`` what the hub's API answers from in here,
``…/stub/files/NAME`` reads (GET) or writes (PUT) a file of the home, and ``…/stub/eat`` takes
memory until there is none. From SIGUSR1 to SIGUSR2 it takes questions and ends each connection
without an answer.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import ssl
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

VERSION = os.environ.get("STUB_HUB_VERSION", "")
PREFIX = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
KEY, CERT, CA = (
    os.environ.get(f"JUPYTERHUB_SSL_{name}") for name in ("KEYFILE", "CERTFILE", "CLIENT_CA")
)

# Set while questions are answered.
ANSWERS = threading.Event()
PIECE = 16 << 20


def about() -> dict[str, object]:
    """What this process is; the names of its environment only, for values may be secret."""
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "cwd": str(Path.cwd()),
        "home": str(Path.home()),
        "argv": sys.argv,
        "environment": sorted(os.environ),
    }


def ask_hub() -> dict[str, object]:
    """What the hub's API answers to a server in here: a status, or why there is none."""
    url = os.environ.get("JUPYTERHUB_API_URL", "")
    try:
        tls = context(ssl.Purpose.SERVER_AUTH)
        with urllib.request.urlopen(url, timeout=5, context=tls) as answer:  # noqa: S310  (our hub's)
            return {"url": url, "status": answer.status, "body": json.load(answer)}
    except urllib.error.HTTPError as error:
        return {"url": url, "status": error.code}
    except (OSError, ValueError) as error:
        return {"url": url, "status": 0, "error": str(error)}


def eat() -> None:
    """Take memory, and use it, until the kernel ends this."""
    taken = []
    while True:
        taken.append(b"x" * PIECE)


def context(purpose: ssl.Purpose) -> ssl.SSLContext | None:
    """The hub's internal TLS, where it is on."""
    if not (KEY and CERT and CA):
        return None
    made = ssl.create_default_context(purpose, cafile=CA)
    made.load_cert_chain(CERT, KEY)
    if purpose is ssl.Purpose.CLIENT_AUTH:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything below the prefix."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes) -> None:
        """Send one answer with the hub's version."""
        self.send_response(status)
        self.send_header("X-JupyterHub-Version", VERSION)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self) -> Path | None:
        """The file of the home that the address names."""
        _, found, name = urlsplit(self.path).path.partition("/stub/files/")
        return Path.home() / Path(name).name if found else None

    def do_GET(self) -> None:
        """Answer, whatever is asked."""
        if not ANSWERS.is_set():
            self.close_connection = True
            return
        path, file = urlsplit(self.path).path, self.file()
        if file is not None:
            self.answer(200, file.read_bytes()) if file.is_file() else self.answer(404, b"{}")
        elif path.endswith("/stub/about"):
            self.answer(200, json.dumps(about()).encode())
        elif path.endswith("/stub/hub"):
            self.answer(200, json.dumps(ask_hub()).encode())
        elif path.endswith("/stub/eat"):
            eat()
        else:
            self.answer(200, json.dumps({"version": VERSION}).encode())

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_PUT(self) -> None:
        """Write a file of the home."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        file = self.file()
        if file is None:
            self.answer(404, b"{}")
            return
        file.write_bytes(content)
        self.answer(201, b"{}")


def main() -> None:
    """Behave as STUB says."""
    # Process 1 of a container gets no signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ANSWERS.set()
    signal.signal(signal.SIGUSR1, lambda *_: ANSWERS.clear())
    signal.signal(signal.SIGUSR2, lambda *_: ANSWERS.set())
    behaviour = os.environ.get("STUB", "")
    if behaviour == "fail":
        sys.stderr.write("reading the configuration\n<b>bad luck</b>\nRuntimeError: the end\n")
        sys.exit(7)
    if behaviour == "deaf":
        signal.pause()
    url = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "http://0.0.0.0:8888/"))
    server = http.server.ThreadingHTTPServer((url.hostname or "0.0.0.0", url.port or 8888), Handler)  # noqa: S104  (a container's own network)
    tls = context(ssl.Purpose.CLIENT_AUTH)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    print(f"stub serves {PREFIX} on {url.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
