"""Errors of libcloud and of clouds as causes that a person can act on.

Pure. A cloud's own words are shown, one line of them, without the secrets of the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import requests
from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError

from jupyterhub_anywhere.core.scrubbing import scrubbed
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.said import cause_and_cure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST: Final = 300
_SERVER_ERRORS: Final = range(500, 600)
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
_TOO_LARGE, _TOO_MANY, _BAD_REQUEST = 413, 429, 400
# What a status means where the words say nothing.
_CODES: Final[dict[int, tuple[FailureCause, str]]] = {
    _BAD_REQUEST: (
        FailureCause.CONFIG,
        "The cloud does not take what it was asked for: look at the profile.",
    ),
    FORBIDDEN: (
        FailureCause.REFUSED,
        "The credential may not do that: give it the role `member` in the project.",
    ),
    NOT_FOUND: (FailureCause.CONFIG, "Look whether it is still there."),
    CONFLICT: (FailureCause.NAME_CONFLICT, "It is in use, or busy: try again in a minute."),
    _TOO_LARGE: (FailureCause.QUOTA, "Too much at once, or the project's allowance is used up."),
    _TOO_MANY: (FailureCause.QUOTA, "The cloud is asked too often: try again in a minute."),
}


@dataclass(frozen=True, slots=True)
class Doing:
    """What a call was for.

    Attributes:
        what: As ``the machine alice-abc cannot be made``.
        place: The cloud, for people.
        changes: Whether the call changes something: then an answer that never came leaves open
            whether it did.
    """

    what: str
    place: str
    changes: bool = False


class Missing(Exception):  # noqa: N818 - no failure by itself: a look-up that found nothing
    """A name that the cloud does not know.

    Args:
        message: Names it.
        cause: What that means for a start.
        hint: The nearest name.
    """

    def __init__(
        self, message: str, *, cause: FailureCause = FailureCause.CONFIG, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.cause, self.hint = cause, hint


class Refused(Missing):
    """Something that cannot be done as it was asked for: nothing was made."""


class NoneOfOurs(Refused):
    """Nothing of that name is ours: it is somebody else's, or the cloud has no such things."""


def code_of(error: BaseException) -> int:
    """The HTTP status that a cloud refused with; 0 where there is none."""
    code = getattr(error, "code", None) or getattr(error, "http_code", None)
    return code if isinstance(code, int) else 0


def explain(error: BaseException, doing: Doing, secrets: Iterable[str] = ()) -> ProviderError:
    """Type an error of a call to a cloud."""
    if isinstance(error, ProviderError):
        return error
    cause, hint, sure = _typed(error)
    said = scrubbed(" ".join(_words(error).split()), secrets)
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    text = f"{doing.what} at {doing.place}: {said}".rstrip(". ") + "."
    return ProviderError(text, cause=cause, hint=hint, sure=sure or not doing.changes)


def _typed(error: BaseException) -> tuple[FailureCause, str, bool]:
    """Cause, hint, and whether certainly nothing was changed."""
    if isinstance(error, Missing):
        return error.cause, error.hint, True
    code = code_of(error)
    if isinstance(error, NotImplementedError | InvalidCredsError) or code == UNAUTHORIZED:
        hint = "Leave that setting out, or use a driver that can."
        if not isinstance(error, NotImplementedError):
            hint = "Look at `user` and `key` of the target: wrong, expired, or revoked."
        return FailureCause.CONFIG, hint, True
    if code:
        return _of_code(code, _words(error))
    if isinstance(error, requests.RequestException | OSError):
        return _of_connection(error)
    return _of_library(error)


def _of_library(error: BaseException) -> tuple[FailureCause, str, bool]:
    """What libcloud raises itself: of an answer that it cannot read, or before it asks."""
    if isinstance(error, MalformedResponseError):
        hint = "Something else than the cloud's API answers: a proxy, or a wrong address."
        return FailureCause.UNREACHABLE, hint, False
    found = cause_and_cure(_words(error))
    if found:
        return *found, isinstance(error, LibcloudError)
    if isinstance(error, LibcloudError | ValueError | TypeError | AttributeError | LookupError):
        hint = "Look at `driver`, `options` and `create_options` of the target."
        return FailureCause.CONFIG, hint, False
    return FailureCause.INTERNAL, "", False


def _of_code(code: int, said: str) -> tuple[FailureCause, str, bool]:
    if code in _SERVER_ERRORS:
        hint = "The cloud has a fault of its own: try again, and tell those who run it."
        return FailureCause.UNREACHABLE, hint, False
    # How often it is asked is another matter than what the project may have.
    found = cause_and_cure(said) if code != _TOO_MANY else None
    return *(found or _CODES.get(code) or (FailureCause.REFUSED, "")), True


def _of_connection(error: BaseException) -> tuple[FailureCause, str, bool]:
    found = cause_and_cure(" ".join(str(each) for each in _chain(error)))
    names = {type(each).__name__ for each in _chain(error)}
    if isinstance(error, requests.exceptions.SSLError) or "SSLCertVerificationError" in names:
        hint = (
            "Its certificate is not from an authority that `verify` names, is for another name, or"
            " has expired."
        )
        return FailureCause.CONFIG, hint, True
    # Such a call never reached anybody.
    before = bool(
        names & {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "gaierror"}
        or names & {"ConnectionRefusedError", "NameResolutionError", "ProxyError"}
    )
    if isinstance(error, requests.Timeout | TimeoutError):
        hint = "The cloud does not answer in time: try again in a minute."
        return FailureCause.TIMEOUT, hint, before
    if found and found[0] is FailureCause.UNREACHABLE:
        return *found, True
    hint = "The cloud cannot be reached: try again in a minute, or look at its address."
    return FailureCause.UNREACHABLE, hint, before


def _words(error: BaseException) -> str:
    if isinstance(error, InvalidCredsError):
        return "it refuses the credentials"
    if isinstance(error, MalformedResponseError):
        return f"an answer that cannot be read ({error.value})"
    if isinstance(error, BaseHTTPError):
        return str(error.message)
    if isinstance(error, LibcloudError):
        return str(error.value)
    if isinstance(error, requests.RequestException | OSError):
        # requests' own text repeats the address and, in it, whatever was in the query.
        deepest = list(_chain(error))[-1]
        return f"{type(deepest).__name__}: {deepest}"
    return str(error) or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        reason = getattr(error, "reason", None)
        inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        error = error.__cause__ or (
            reason if isinstance(reason, BaseException) else inner or error.__context__
        )
