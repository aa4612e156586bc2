"""The small OpenStack, answering over HTTP or TLS on 127.0.0.1, with the troubles on order."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from jupyterhub_anywhere.testing.worlds.openstack import Cloud, Trouble
from jupyterhub_anywhere.testing.worlds.openstack_api import Answer, Asked, answer

if TYPE_CHECKING:
    import socket
    import ssl
    from types import TracebackType

# What the one who asks has long given up.
_HOLD = 60.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Fifty clients come at once in benchmarks.
    request_queue_size = 256

    def __init__(self, cloud: Cloud, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = cloud
        self.context = context
        self.open: set[socket.socket] = set()

    def get_request(self) -> tuple[Any, Any]:
        request, address = super().get_request()
        self.open.add(request)
        return request, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the thread of the connection: a handshake must not keep the others waiting.
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
            self.open.add(request)
        super().finish_request(request, client_address)
        with contextlib.suppress(OSError):
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked may have hung up."""

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; with the other side's delay they would take 40 ms each.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's
        """Nothing."""

    def _any(self) -> None:
        cloud = self.server.cloud
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        order = cloud.ordered(str(self.command), self.path)
        how = order.how if order is not None else ""
        if how == "cut":
            self.close_connection = True
            return
        if order is not None and how == "hold":
            order.let.wait(_HOLD)
        if order is not None and how in {"status", "html"}:
            with cloud.lock:
                cloud.calls.append((str(self.command), self.path))
            if how == "html":
                self._send(Answer(order.status, "<html><h1>Not here</h1></html>"))
            else:
                self._send(_error(Trouble(order.status, order.message)))
            return
        time.sleep(cloud.delay)
        found = self._answered(cloud, raw)
        if how == "lost":
            self.close_connection = True
            return
        if how == "keyless" and isinstance(found.body, dict):
            found.body = {"nothing": []}
        self._send(found)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _any  # noqa: N815 - the base's

    def _answered(self, cloud: Cloud, raw: bytes) -> Answer:
        parts = urlsplit(self.path)
        scheme = "https" if self.server.context is not None else "http"
        asked = Asked(
            method=str(self.command),
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            body=json.loads(raw) if raw else None,
            token=str(self.headers.get("X-Auth-Token") or ""),
            base=f"{scheme}://{self.headers.get('Host')}",
        )
        with cloud.lock:
            cloud.calls.append((asked.method, self.path))
            try:
                return answer(cloud, asked)
            except Trouble as error:
                return _error(error)

    def _send(self, found: Answer) -> None:
        plain = isinstance(found.body, str)
        body = found.body.encode() if plain else json.dumps(found.body).encode()
        body = b"" if found.body is None else body
        # A proxy may say anything of its page.
        kind = "text/html" if plain else "application/json"
        self.send_response_only(found.status)
        now = datetime.now(UTC) + self.server.cloud.skew
        self.send_header("Date", format_datetime(now.replace(microsecond=0), usegmt=True))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in found.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _error(error: Trouble) -> Answer:
    body = {error.kind: {"code": error.status, "message": error.message}}
    return Answer(error.status, body)


class OpenStackWorld:
    """A cloud that answers; a context manager.

    Args:
        cloud: What is there.
        context: What it encrypts with; None for plain HTTP.
    """

    def __init__(self, cloud: Cloud | None = None, context: ssl.SSLContext | None = None) -> None:
        self.cloud = cloud or Cloud()
        self._server = _Server(self.cloud, context)
        scheme = "https" if context is not None else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Answer no more; whoever is connected is hung up on."""
        for order in self.cloud.orders:
            order.let.set()
        self._server.shutdown()
        for each in list(self._server.open):
            with contextlib.suppress(OSError):
                each.shutdown(2)
        self._server.server_close()
        self._thread.join()
