"""The error a start ends with, worded so that the user may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub.spawner import SpawnException

from jupyterhub_anywhere.targets.causes import OF_REASON, FailureCause

if TYPE_CHECKING:
    from collections.abc import Mapping


class StartError(SpawnException):
    """A server that cannot be started, with a text for the user.

    JupyterHub 6.1 shows ``str(exception)``, private log text included, wherever
    ``jupyterhub_message`` is not set, and `SpawnException` does not set it (``utils.py``,
    ``format_exception``). This class does.

    Args:
        message: What happened and what to do, for the user.
        reason: A short label for the metrics, as ``timeout`` or ``choice``.
        log_message: What only the administrator may read.
        html: The message as HTML, escaped by the caller; empty for the plain text.
        status_code: HTTP status of the answer.
        errors: Field of the menu to the text beside it, for a refused choice.
        cause: Why; default: what goes with the reason.
        stage: How far the start was, where that is what failed; else empty.

    Attributes:
        cause: Why, in one word.
        stage: How far the start was; may be empty.
    """

    def __init__(  # noqa: PLR0913 - the arguments of SpawnException and some more
        self,
        message: str,
        *,
        reason: str,
        log_message: str = "",
        html: str = "",
        status_code: int = 500,
        errors: Mapping[str, str] | None = None,
        cause: FailureCause | None = None,
        stage: str = "",
    ) -> None:
        super().__init__(
            message,
            reason=reason,
            log_message=log_message,
            message_html=html,
            status_code=status_code,
        )
        self.jupyterhub_message = message
        if html:
            self.jupyterhub_html_message = html
        self.errors = dict(errors or {})
        self.cause = cause or OF_REASON.get(reason, FailureCause.INTERNAL)
        self.stage = stage
