"""Stands for the server on a machine that LibcloudSpawner left. Standard library only.

To whoever comes it tells who that is, which it asks the hub, and it tells the hub, by its own
token, that it is used: both as ``jupyterhub-singleuser`` does.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import os
import urllib.error
import urllib.request
from urllib.parse import urlsplit

API = os.environ["JUPYTERHUB_API_URL"]
USER = os.environ["JUPYTERHUB_USER"]
OWN = "token " + os.environ["JUPYTERHUB_API_TOKEN"]


def ask(path: str, authorization: str, body: object = None) -> tuple[int, dict[str, object]]:
    """Status and answer of the hub's API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{API}/{path}", data, {"Authorization": authorization})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything."""

    def do_GET(self) -> None:
        """Say who comes; the hub itself, which only looks, brings no name."""
        found: dict[str, object] = {"host": os.uname().nodename.partition(".")[0]}
        came = self.headers.get("Authorization", "")
        if came:
            now = dt.datetime.now(dt.UTC).isoformat()
            body = {"servers": {"": {"last_activity": now}}}
            found["visitor"] = ask("user", came)[1].get("name", "")
            found["used"] = ask(f"users/{USER}/activity", OWN, body)[0]
        text = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "4.1.6")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    """Listen where the hub said."""
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    http.server.ThreadingHTTPServer(("0.0.0.0", url.port or 0), Handler).serve_forever()


if __name__ == "__main__":
    main()
