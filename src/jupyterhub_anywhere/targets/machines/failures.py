"""Why a start on a machine failed, in words for its user and for the administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.scrubbing import scrubbed
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.machines import shapes
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.said import cause_and_cure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CONFLICT: Final = 409
_LINES: Final = 40
_TELL: Final = "Please tell the administrator of this hub."
_AGAIN: Final = (
    "Try again, or choose another size or image; if that does not help, tell the administrator of"
    " this hub."
)
# What the agent calls its failures → cause.
_OF_AGENT: Final = {
    "exited": FailureCause.CRASHED,
    "silent": FailureCause.TIMEOUT,
    "agent": FailureCause.INTERNAL,
}


def of_provider(error: ProviderError, title: str) -> StartError:
    """What a provider could not do.

    Args:
        error: Its error.
        title: The target's, for the user.
    """
    text = f"{title}: {error.message} {error.hint or _TELL}"
    return StartError(text, reason=str(error.cause), log_message=str(error), cause=error.cause)


def broken(fault: str, state: str) -> StartError:
    """The cloud says that the machine has failed."""
    # Nova ends its sentences with a stop and a blank.
    said = (fault or state or "no reason was given").strip().rstrip(" .")
    cause, cure = cause_and_cure(said) or (FailureCause.INTERNAL, _AGAIN)
    return StartError(
        f"The cloud could not build your machine: {said}. {cure}",
        reason=str(cause),
        cause=cause,
        stage="building",
    )


def vanished() -> StartError:
    """The machine was there, and is not any more."""
    return StartError(
        f"Your machine was removed while it was started. Try again; if that happens again: {_TELL}",
        reason="gone",
        cause=FailureCause.CRASHED,
    )


def of_agent(report: Mapping[str, Any], secrets: Iterable[str]) -> StartError:
    """The machine says why it cannot run the server, or that it has ended at once.

    Args:
        report: The agent's.
        secrets: What is not to be shown.
    """
    known = list(secrets)
    detail = scrubbed(str(report.get("detail") or ""), known).strip()
    status, lines = report.get("status"), report.get("log") or []
    if isinstance(lines, str):
        lines = lines.splitlines()
    log = scrubbed("\n".join(str(each) for each in lines[-_LINES:]), known).strip()
    ended = report.get("stage") == "ended" or status is not None
    text = detail or "The server ended as soon as it was started"
    if status is not None and "status" not in text:
        text = f"{text.rstrip('.')}, with exit status {status}"
    word = str(report.get("cause") or "")
    cause = _OF_AGENT.get(word, FailureCause.CRASHED if ended else FailureCause.CONFIG)
    if word == "configure":
        text = f"What sets the machine up has failed: {text}"
    text = f"{text.rstrip('.')}."
    if cause is FailureCause.CONFIG and "administrator" not in text:
        text = f"{text} {_TELL}"
    if log:
        text = f"{text} The end of its log:\n{log}"
    return StartError(text, reason="exited" if ended else str(cause), cause=cause, stage="machine")


def late(words: str, url: str, where: str, console: str = "") -> StartError:
    """Time is up.

    Args:
        words: How far it was.
        url: The hub's address as machines have it.
        where: Where the server is said to listen; empty where nobody said so.
        console: The end of the machine's console, without secrets; empty where nobody has it.
    """
    if where:
        return StartError(
            f"Jupyter listens on your machine ({where}), and the hub does not reach it. {_TELL}",
            reason="unreachable",
            log_message=f"{where} does not answer: let the hub in by the security group of the"
            " machines, or use reach: dial",
            cause=FailureCause.UNREACHABLE,
            stage="listening",
        )
    return StartError(
        f"Your machine was not ready in time; it was at: {words or 'nothing yet'}. Try again; if"
        f" that does not help: {_TELL}",
        reason="timeout",
        log_message=f"the machine did not report from {words!r} on; look whether it reaches {url},"
        f" and at its console{f', which ends:{chr(10)}{console}' if console else ''}",
        cause=FailureCause.TIMEOUT,
        stage="machine",
    )


def contested(address: str) -> StartError:
    """Somebody else had the ticket."""
    return StartError(
        "The ticket of your machine was used by somebody else before the machine had it, so the"
        f" start was ended. {_TELL}",
        reason="ticket",
        log_message=f"a ticket was redeemed twice, the second time from {address}: who can read the"
        " machine's user-data can use it",
        cause=FailureCause.REFUSED,
    )


def no_address(title: str, cause: str, cure: str) -> StartError:
    """Machines cannot be told where the hub is."""
    return StartError(
        f"{title} cannot start machines: {cause}. {_TELL}",
        reason="config",
        log_message=f"{cause}; {cure}",
        cause=FailureCause.CONFIG,
    )


def shared_and_kept(title: str, on_stop: str) -> StartError:
    """A machine that servers share ends with the last of them, whatever is to be kept."""
    return no_address(title, shapes.not_kept(on_stop), f"set {shapes.NOT_KEPT_CURE}")


def taken(name: str, why: str) -> StartError:
    """A machine of this name is there that can be neither used nor removed."""
    return StartError(
        f"A machine of yours ({name}) is kept, and {why}. {_TELL}",
        reason="name-conflict",
        log_message=f"{name} is kept and {why}: save its files and delete it at the cloud",
        status_code=_CONFLICT,
        cause=FailureCause.NAME_CONFLICT,
    )


def explained(error: Exception, title: str) -> Exception:
    """An error of a start as its user may read it; one that is no target's is left as it is."""
    if isinstance(error, ProviderError):
        return of_provider(error, title)
    if isinstance(error, AnywhereError):
        return StartError(
            f"{title}: {error.message} {_TELL}",
            reason="config",
            log_message=str(error),
            cause=FailureCause.CONFIG,
        )
    return error
