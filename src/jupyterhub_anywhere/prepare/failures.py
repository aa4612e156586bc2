"""From what OpenStack's services answer to what a person can do about it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from keystoneauth1 import exceptions as auth_errors
from openstack import exceptions as errors

from jupyterhub_anywhere.prepare.things import ForbiddenError, PrepareError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
TOO_LARGE: Final = 413
_SERVER_FAULTS: Final = 500
_LONGEST: Final = 300


def words(error: Exception) -> str:
    """What a service said, in one line that is not too long."""
    details = getattr(error, "details", None) or getattr(error, "message", None) or str(error)
    text = " ".join(str(details).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@contextmanager
def told(action: str) -> Iterator[None]:
    """Turn what the SDK raises into a `PrepareError`.

    Args:
        action: What was tried, as `make the network jupyterhub-net`.

    Raises:
        PrepareError: It failed.
    """
    try:
        yield
    except PrepareError:
        raise
    except (auth_errors.ClientException, errors.SDKException) as error:
        raise meaning(error, action) from error


def meaning(error: Exception, action: str) -> PrepareError:
    """What a failure means to a person."""
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None) or 0
    text = words(error)
    if isinstance(error, auth_errors.Unauthorized) or status == UNAUTHORIZED:
        return PrepareError(
            f"The cloud does not accept this login, so that it could not {action}.",
            hint="The password is wrong, or the application credential has expired or was deleted:"
            " make a new one in the web console, and take its clouds.yaml.",
        )
    if isinstance(error, auth_errors.SSLError):
        return PrepareError(
            f"The certificate of the cloud's API cannot be verified: {text}",
            hint="Name its authority in clouds.yaml, as `cacert: FILE`.",
        )
    if isinstance(error, auth_errors.EndpointNotFound | auth_errors.EmptyCatalog):
        return PrepareError(
            f"The cloud has no such service for this project and region: {text}",
            hint="Look at region_name of clouds.yaml, and at `openstack catalog list`.",
        )
    if "quota" in text.lower() and status in {FORBIDDEN, CONFLICT, TOO_LARGE}:
        return PrepareError(
            f"It could not {action}, for a quota is exhausted: {text}",
            hint="Remove what nobody needs, or ask the cloud's operators for more.",
        )
    return _by_status(int(status), error, action, text)


def _by_status(status: int, error: Exception, action: str, text: str) -> PrepareError:
    if status == FORBIDDEN:
        role = _policy(text)
        return ForbiddenError(
            f"This login may not {action}: {text}",
            hint="Ask an administrator of the project for the role member"
            f"{f', or for the right {role}' if role else ''}.",
        )
    if status == NOT_FOUND:
        return PrepareError(
            f"It could not {action}, for something it needs has gone: {text}", hint="Run it again."
        )
    if status == CONFLICT:
        return PrepareError(
            f"It could not {action}, for something else uses it or has its name: {text}",
            hint="Remove that, or name another; then run it again.",
        )
    if status >= _SERVER_FAULTS:
        return PrepareError(
            f"It could not {action}, for the cloud failed with {status}: {text}",
            hint="Run it again later; what was made is written down.",
        )
    if isinstance(error, auth_errors.ConnectFailure | auth_errors.ConnectTimeout):
        return PrepareError(
            f"The cloud cannot be reached to {action}: {text}",
            hint="Look at auth_url of clouds.yaml and at the network; then run it again.",
        )
    return PrepareError(
        f"It could not {action}: {text or type(error).__name__}",
        hint="Run it again; what was made is written down.",
    )


def _policy(text: str) -> str:
    """The right that is missing, where the service names it, as `create_router`."""
    found = re.search(r"(?:rule:|Policy doesn't allow |action: )([a-z_:]+)", text)
    return found[1] if found else ""
