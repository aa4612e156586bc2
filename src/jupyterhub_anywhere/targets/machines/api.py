"""The hub's door for machines: ``/hub/api/anywhere/machines/``, as `docs/adr/0016` says.

These are no handlers of JupyterHub: whoever asks here is no user, has no cookie, and nothing of a
browser's protection applies. What a machine may is decided by its ticket or credential alone.
"""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import jupyterhub.apihandlers
from prometheus_client import Counter
from tornado import web

from jupyterhub_anywhere.targets.machines import tickets, tunnels, waiting, wire
from jupyterhub_anywhere.targets.machines.tickets import Reason, Refusal
from jupyterhub_anywhere.targets.machines.waiting import Caller, JobRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyterhub_anywhere.targets.machines.waiting import Awaited

log = logging.getLogger(__name__)

PREFIX: Final = "/api/anywhere/machines"
_SCHEME: Final = "anywhere "
_REFUSALS: Final = Counter(
    "jupyterhub_anywhere_machine_refusals",
    "Tickets and credentials of machines that were refused, by reason",
    ("reason",),
)
_WORDS: Final = {
    Reason.UNKNOWN: "No server of this hub waits for this machine. Start the server again.",
    Reason.USED: "This ticket was redeemed before. If that was not this machine, tell the"
    " administrator; start the server again.",
    Reason.LATE: "This ticket has ended. Start the server again.",
    Reason.STOPPED: "The server of this machine was stopped.",
    Reason.ELSEWHERE: "This ticket is of a machine at another address.",
    Reason.TOO_MANY: "Too many were refused. Wait a minute.",
}


def install() -> None:
    """Serve machines in this process' hub; may be called again, and before or after its start.

    A hub that has made its handlers already gets these by `hub.handlers_late`.
    """
    routes: list[Any] = jupyterhub.apihandlers.default_handlers
    if ROUTES[0] not in routes:
        routes[:0] = ROUTES
    waiting.hub.on_refusal(_count)


def _count(refusal: Refusal, _address: str, _whose: str) -> None:
    _REFUSALS.labels(str(refusal.reason)).inc()


def caller_address(request: Any) -> str:
    """Where a request really comes from.

    Anybody can write ``X-Forwarded-For``. It counts from loopback, where the hub's own proxy is,
    and from the proxies that the hub was told of.
    """
    context = getattr(request.connection, "context", None)
    address = getattr(context, "address", None)
    peer = str(address[0]) if isinstance(address, tuple) else ""
    trusted = getattr(context, "trusted_downstream", ())
    if not peer or peer in trusted or _loopback(peer):
        return tickets.normal(str(request.remote_ip))
    return tickets.normal(peer)


def _loopback(address: str) -> bool:
    try:
        return ip_address(tickets.normal(address)).is_loopback
    except ValueError:
        return False


class MachineHandler(web.RequestHandler):
    """What the handlers of this module share: no cookies, answers in JSON, nothing raised."""

    def check_xsrf_cookie(self) -> None:
        """No browser asks here."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - set already
        """Tell an error without anything of what was sent."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        text = error.log_message if isinstance(error, web.HTTPError) else None
        self.finish({"message": text or self._reason})

    def tell(self, status: int, reason: str, message: str) -> None:
        """Refuse, in words."""
        self.set_status(status)
        self.finish({"reason": reason, "message": message})

    def turn_away(self, refusal: Refusal) -> None:
        """Refuse a ticket or a credential."""
        reason = Reason.UNKNOWN if refusal.reason is Reason.WRONG else refusal.reason
        status = 429 if reason is Reason.TOO_MANY else 403
        self.tell(status, str(reason), _WORDS[reason])

    def admitted(self) -> tuple[str, Awaited] | None:
        """Who this machine works for; None where it was turned away."""
        header = self.request.headers.get("Authorization", "")
        credential = header[len(_SCHEME) :] if header.startswith(_SCHEME) else ""
        found = waiting.hub.admit(credential, caller_address(self.request))
        if isinstance(found, Refusal):
            self.turn_away(found)
            return None
        return found


@web.stream_request_body
class _Posted(MachineHandler):
    """What takes a body: no longer than it has to be, and an object."""

    def prepare(self) -> None:
        """Before the body is read: say how much of it will be."""
        self._body = bytearray()
        self.request.connection.set_max_body_size(wire.MOST_BODY)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a part of it."""
        self._body += chunk
        if len(self._body) > wire.MOST_BODY:
            raise web.HTTPError(413)
        return None

    async def post(self) -> None:
        """Answer; whatever is wrong with what came is the sender's fault."""
        try:
            await self.answer(wire.parsed(bytes(self._body)))
        except wire.ShapeError as error:
            self.tell(400, "shape", f"What came is not of an agent: {error}.")
        except JobRefusedError as error:
            self.tell(409, "refused", str(error))

    async def answer(self, data: dict[str, Any]) -> None:
        """Answer what came."""
        raise NotImplementedError


class RedeemHandler(_Posted):
    """``POST redeem``."""

    async def answer(self, data: dict[str, Any]) -> None:
        """A ticket, or a credential, becomes a job."""
        address = caller_address(self.request)
        machine = wire.machine_of(data)
        machine["addresses"] = machine["addresses"] or [address]
        if "ticket" not in data:
            await self._again(Caller(address, machine, again=True))
            return
        if tickets.credential_record("x", data.get("credential")) is None:
            raise wire.ShapeError("credential is none")
        found = await waiting.hub.redeem(
            data["ticket"], data["credential"], Caller(address, machine)
        )
        if isinstance(found, Refusal):
            self.turn_away(found)
        else:
            self.finish({"job": dict(found)})

    async def _again(self, caller: Caller) -> None:
        known = self.admitted()
        if known is not None:
            self.finish({"job": dict(await known[1].redeemed(caller))})


class ReportHandler(_Posted):
    """``POST report``."""

    async def answer(self, data: dict[str, Any]) -> None:
        """How far a machine is becomes what it is to do."""
        known = self.admitted()
        if known is not None:
            self.finish(dict(await known[1].reported(wire.report_of(data))))


class TunnelHandler(MachineHandler):
    """``GET tunnel``."""

    async def get(self) -> None:
        """Give the connection to the tunnels, where it is to be upgraded."""
        known = self.admitted()
        if known is None:
            return
        if self.request.headers.get("Upgrade", "").lower() != "anywhere-tunnel":
            self.tell(426, "upgrade", "This address is for tunnels: Upgrade: anywhere-tunnel.")
            return
        stream = self.detach()
        lines = ("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade")
        head = "\r\n".join((*lines, "Upgrade: anywhere-tunnel", "", ""))
        try:
            await stream.write(head.encode())
        except OSError as error:
            log.info("A tunnel of %s ended before it began: %s", known[0], error)
            return
        task = asyncio.ensure_future(tunnels.hub.serve(known[0], stream))
        _serving.add(task)
        task.add_done_callback(_serving.discard)


_serving: Final[set[asyncio.Future[None]]] = set()


ROUTES: Final[list[Any]] = [
    (rf"{PREFIX}/redeem", RedeemHandler),
    (rf"{PREFIX}/report", ReportHandler),
    (rf"{PREFIX}/tunnel", TunnelHandler),
]
