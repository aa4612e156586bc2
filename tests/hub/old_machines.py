"""LibcloudSpawner's states of both generations, with a web server where its VMs would be.

As a module: the spawner that a target of a test builds. As a program: the "VMs" at a port of this
machine; it says that they are there, and ends when its input does.
"""

from __future__ import annotations

import http.server
import sys
import threading
from typing import Any

from jupyterhub.spawner import Spawner


class LibcloudSpawner(Spawner):
    """Knows its machine by the state alone; never makes one."""

    machine: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        self.machine = {}
        super().__init__(**kwargs)

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        known = ("machineid", "serverport", "userserver_id", "userserver_port")
        self.machine = {name: state[name] for name in known if name in state}

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), **self.machine}

    def clear_state(self) -> None:
        super().clear_state()
        self.machine = {}

    async def start(self) -> tuple[str, int]:
        raise NotImplementedError

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - as it is called
        self.machine = {}

    async def poll(self) -> int | None:
        return None if self.machine else 0


class Answer(http.server.BaseHTTPRequestHandler):
    """A server that is there."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("here", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
