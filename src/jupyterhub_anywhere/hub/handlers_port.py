"""``/api/batchspawner``: the job of a starting server tells the port it was given.

batchspawner's own handler (1.3.0, ``batchspawner/api.py``) sets every attribute that the body names
on the spawner of whoever holds a server's token: a user's notebook could set ``exec_prefix`` or
``batch_cancel_cmd``, which the hub runs. Ours takes the port and nothing else.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner

_LAST_PORT: Final = 65535


class PortAPI(APIHandler):
    """Takes the port of a server that is being started by one of batchspawner's classes."""

    @web.authenticated
    def post(self) -> None:
        """Set the port; the server is known by its own token.

        Raises:
            HTTPError: 403 for any other token; 409 for a server that waits for no port; 400 for
                a body that is no port.
        """
        wrapper = self._server()
        child = getattr(wrapper, "child", wrapper)
        if not wrapper._spawn_pending or not _is_batch(child):  # noqa: SLF001 - the hub's own flag
            raise web.HTTPError(409, "This server waits for no port.")
        child.port = _port(self.get_json_body())
        self.set_status(201)
        # The words of batchspawner's own handler.
        self.finish(json.dumps({"message": "BatchSpawner data configured"}))

    def _server(self) -> Any:
        token = (self.get_auth_token() or "").encode()
        spawners = getattr(self.current_user, "spawners", {})
        for spawner in spawners.values():
            own = (spawner.api_token or "").encode()
            if token and own and hmac.compare_digest(own, token):
                return spawner
        raise web.HTTPError(403, "Only a server's own token can set its port.")


def _is_batch(child: Spawner | None) -> bool:
    """Whether a class of the package batchspawner is behind it; without importing that."""
    return any(cls.__module__.partition(".")[0] == "batchspawner" for cls in type(child).__mro__)


def _port(body: object) -> int:
    if not isinstance(body, dict) or "port" not in body:
        raise web.HTTPError(400, 'The body has to be an object, as {"port": 12345}.')
    unknown = sorted(set(body) - {"port"})
    if unknown:
        raise web.HTTPError(400, f"Only the port can be set, not {', '.join(unknown)[:80]}.")
    port = body["port"]
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= _LAST_PORT:
        raise web.HTTPError(400, f"The port has to be a number from 1 to {_LAST_PORT}.")
    return port
