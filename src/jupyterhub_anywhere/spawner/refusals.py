"""Errors as the hub and the user need them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from jupyterhub.spawner import SpawnException
from tornado import web

from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.errors import ChoiceError


# There is no room for it now; see `limits`.
_CONFLICT: Final = 409
_UNWRITTEN: Final = (
    "No server can be started at the moment, for this hub cannot write down what it starts. Servers"
    " that run go on. Please tell the administrator of this hub."
)


def public_text(error: Exception) -> str:
    """What an exception itself declares to be for users, else a text that gives nothing away."""
    if isinstance(error, SpawnException):
        return str(error.message)
    if isinstance(error, web.HTTPError) and error.log_message:
        # The hub's own convention: its error page shows this text.
        return str(error.log_message % error.args if error.args else error.log_message)
    if isinstance(error, LedgerError):
        return _UNWRITTEN
    return "The server could not be started. Its administrator finds the cause in the hub's log."


def refusal(error: ChoiceError) -> StartError:
    """A refused choice as the hub wants it: an HTTP error with a text for each field."""
    lines = "".join(f"<li>{html.escape(text)}</li>" for text in error.errors.values())
    return StartError(
        error.message,
        reason="limit" if error.status == _CONFLICT else "choice",
        html=f"<ul>{lines}</ul>" if len(error.errors) > 1 else "",
        status_code=error.status,
        errors=error.errors,
    )
