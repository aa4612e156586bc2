#!/usr/bin/python3 -I
"""Stands for `jupyterhub-singleuser` on a machine: listens where it is told, and says who it is."""

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

if "--version" in sys.argv:
    print(os.environ.get("STUB_VERSION", "6.1.1"))
    sys.exit(0)
said = os.environ.get("STUB", "")
if said == "fail":
    print(f"bad luck with {os.environ['JUPYTERHUB_API_TOKEN']}", flush=True)
    sys.exit(9)
child = 0
if said == "family":
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(sleep, start_new_session=True).pid
if said == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Handler(http.server.BaseHTTPRequestHandler):
    """Says who it is, and gives back what is sent."""

    def _say(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """Who it is."""
        if self.path.endswith("/end"):
            os._exit(4)
        about = {
            "uid": os.getuid(),
            "groups": os.getgroups(),
            "cwd": str(Path.cwd()),
            "pid": os.getpid(),
            "child": child,
            "env": dict(os.environ),
            "argv": sys.argv,
        }
        self._say(json.dumps(about).encode())

    def do_POST(self) -> None:
        """What was sent."""
        self._say(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """One that many ask at the same time."""

    daemon_threads = True
    request_queue_size = 100


url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
if said == "taken":
    time.sleep(600)
Server((url.hostname or "", url.port or 0), Handler).serve_forever()
