"""What stands for jupyterhub-singleuser where only the hub is tested: it answers everything."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"the server {os.environ['JUPYTERHUB_SERVICE_PREFIX']}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Nothing is logged."""


if __name__ == "__main__":
    port = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port or 0
    ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
