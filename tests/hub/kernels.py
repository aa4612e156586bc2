"""A kernel of a server behind a hub, spoken to as JupyterLab does: by one websocket."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx
from websockets.sync.client import connect

if TYPE_CHECKING:
    from tests.hub.harness import Hub

_SECONDS = 60.0


class Kernel:
    """A Python kernel on a user's server; one websocket from the beginning to `close`.

    Args:
        hub: The hub, through whose proxy everything goes.
        user: Whose server.
        server: Its name, empty for the default one.
    """

    def __init__(self, hub: Hub, user: str, server: str = "") -> None:
        token = hub.user_token(user)
        prefix = f"user/{user}/{server}/" if server else f"user/{user}/"
        answer = httpx.post(
            f"{hub.url}{prefix}api/kernels",
            headers={"Authorization": f"token {token}"},
            json={"name": "python3"},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        self.id = str(answer.json()["id"])
        address = f"ws{hub.url.removeprefix('http')}{prefix}api/kernels/{self.id}/channels"
        self._open = ExitStack()
        self.socket = self._open.enter_context(
            connect(
                address,
                additional_headers={"Authorization": f"token {token}"},
                open_timeout=_SECONDS,
                max_size=None,
            )
        )

    def execute(self, code: str) -> str:
        """Run code and return what it printed.

        Raises:
            AssertionError: The code failed; with its error.
        """
        identity = uuid.uuid4().hex
        self.socket.send(json.dumps(_request(identity, code)))
        printed = ""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=_SECONDS))
            if message["parent_header"].get("msg_id") != identity:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed += content["text"]
            assert kind != "error", content
            if kind == "status" and content["execution_state"] == "idle":
                return printed.strip()

    def close(self) -> None:
        """Close the websocket; the kernel goes on."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _request(identity: str, code: str) -> dict[str, Any]:
    return {
        "header": {
            "msg_id": identity,
            "msg_type": "execute_request",
            "session": identity,
            "username": "",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    }
