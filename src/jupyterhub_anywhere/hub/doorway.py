"""What passes through a door: requests to the hub's API, without the words of a proxy.

The hub takes ``X-Forwarded-For`` and its kin from whoever connects, since on loopback that is its
own proxy. A server on a door's network is none: it would choose the address it comes from, and so
whom wrong passwords are counted for and what the log says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.routing import PathMatches, Rule, RuleRouter

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import (
        HTTPConnection,
        HTTPHeaders,
        RequestStartLine,
        ResponseStartLine,
    )

_OF_PROXIES: Final = ("forwarded", "x-forwarded-", "x-real-ip", "x-scheme")


class Doorway(HTTPServerConnectionDelegate):
    """An application behind a door.

    Args:
        application: The hub's.
        api: The path that is let through, with a slash at its end; all else is not found.
    """

    def __init__(self, application: Any, api: str) -> None:
        # A server asks for the hub's version without the slash.
        paths = PathMatches(re.escape(api.rstrip("/")) + "(/.*)?")
        self._router = RuleRouter([Rule(paths, application)])

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Take a request."""
        return _WithoutProxy(self._router.start_request(server_conn, request_conn))

    def on_close(self, server_conn: object) -> None:
        """Pass it on."""
        self._router.on_close(server_conn)


class _WithoutProxy(HTTPMessageDelegate):
    def __init__(self, inner: HTTPMessageDelegate) -> None:
        self._inner = inner

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        for name in list(headers):
            if name.lower().startswith(_OF_PROXIES):
                del headers[name]
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
