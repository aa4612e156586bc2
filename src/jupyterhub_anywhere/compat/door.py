"""``GET …/include/TICKET``: once, what a custom template has rendered, for cloud-init."""

from __future__ import annotations

import secrets
from typing import Any, Final

import jupyterhub.apihandlers
from jupyterhub.apihandlers.base import APIHandler

from jupyterhub_anywhere.targets.machines import waiting
from jupyterhub_anywhere.targets.machines.tickets import Refusal
from jupyterhub_anywhere.targets.machines.waiting import Caller, JobRefusedError

PATH: Final = "/api/anywhere/machines/include/"
TEXT: Final = "include"
_SECRET_BYTES: Final = 32


class IncludeAPI(APIHandler):
    """Whoever has the ticket is the machine: nobody logs in here."""

    def prepare(self) -> None:
        """Neither a cookie nor a token counts; and the ticket is not for the log."""
        path = self.request.path
        head, _, self._ticket = path.rpartition("/")
        self.request.uri = self.request.path = f"{head}/-"

    def check_xsrf_cookie(self) -> None:
        """There is no cookie."""

    async def get(self, _: str) -> None:
        """Hand it out."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        caller = Caller(self.request.remote_ip, {})
        # A machine that runs a template reports nothing: the credential is nobody's.
        credential = secrets.token_urlsafe(_SECRET_BYTES)
        try:
            found = await waiting.hub.redeem(self._ticket, credential, caller)
        except JobRefusedError as error:
            self._turn_away(410, str(error))
            return
        text = None if isinstance(found, Refusal) else found.get(TEXT)
        if text is None:
            # Which reason it was stands in the hub's log.
            self._turn_away(404, "There is nothing here.")
            return
        self.finish(text)

    def _turn_away(self, status: int, text: str) -> None:
        self.set_status(status)
        self.finish(f"{text}\n")


_ROUTE: Final[tuple[str, Any]] = (rf"{PATH}([^/]+)", IncludeAPI)


def install() -> None:
    """Put the door into the hub's API; may be called again."""
    if _ROUTE not in jupyterhub.apihandlers.default_handlers:
        jupyterhub.apihandlers.default_handlers.insert(0, _ROUTE)
