"""Why a start failed, in one word: for metrics, and for what a user can do about it."""

from __future__ import annotations

import asyncio
import enum
import re
from typing import TYPE_CHECKING, Final

from tornado import web

from jupyterhub_anywhere.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class FailureCause(enum.StrEnum):
    """Why a server could not be started."""

    NO_CAPACITY = "no-capacity"
    """There is no room for it now: disk, GPUs, nodes."""
    IMAGE_NOT_FOUND = "image-not-found"
    PULL_DENIED = "pull-denied"
    """The registry does not give the image out to this target."""
    QUOTA = "quota"
    """Somebody's allowance is used up: at a registry, a cluster, or in the limits of the file."""
    OOM = "oom"
    """It used more than its memory limit."""
    CRASHED = "crashed"
    """It ended as soon as it was started."""
    UNREACHABLE = "unreachable"
    """The target, its engine or the registry cannot be reached."""
    REFUSED = "refused"
    """By policy, or since what was asked for cannot be had."""
    TIMEOUT = "timeout"
    NAME_CONFLICT = "name-conflict"
    CONFIG = "config"
    """The administrator has to change something."""
    CANCELLED = "cancelled"
    """Whoever wanted it does not want it any more."""
    INTERNAL = "internal"
    """None of these."""


# What the metric of JupyterHub says → cause.
OF_REASON: Final[Mapping[str, FailureCause]] = {
    "account": FailureCause.REFUSED,
    "capacity": FailureCause.NO_CAPACITY,
    "choice": FailureCause.REFUSED,
    "command": FailureCause.CONFIG,
    "config": FailureCause.CONFIG,
    "cpu": FailureCause.REFUSED,
    "disk-full": FailureCause.NO_CAPACITY,
    "engine": FailureCause.UNREACHABLE,
    "exited": FailureCause.CRASHED,
    "gone": FailureCause.CRASHED,
    "gpu": FailureCause.NO_CAPACITY,
    "group_overrides": FailureCause.CONFIG,
    "image": FailureCause.IMAGE_NOT_FOUND,
    "limit": FailureCause.QUOTA,
    "memory": FailureCause.REFUSED,
    "name-conflict": FailureCause.NAME_CONFLICT,
    "network": FailureCause.CONFIG,
    "port": FailureCause.CONFIG,
    "process": FailureCause.INTERNAL,
    "registry": FailureCause.UNREACHABLE,
    "stopping": FailureCause.NAME_CONFLICT,
    "target": FailureCause.CONFIG,
    "ticket": FailureCause.REFUSED,
    "timeout": FailureCause.TIMEOUT,
    "unreachable": FailureCause.UNREACHABLE,
    "volume": FailureCause.CONFIG,
}
# What foreign spawners and their libraries say, in lower case; the first that matches counts.
_SAID: Final = tuple(
    (re.compile(pattern), cause)
    for pattern, cause in (
        (r"exceeded quota|quota exceeded|toomanyrequests|rate limit", FailureCause.QUOTA),
        (r"oomkilled|out of memory|out-of-memory", FailureCause.OOM),
        (
            (
                r"insufficient (cpu|memory|nvidia)|nodes are available|no space left"
                r"|out of capacity|insufficient capacity|no valid host"
            ),
            FailureCause.NO_CAPACITY,
        ),
        (
            r"no such image|manifest unknown|repository does not exist|invalidimagename",
            FailureCause.IMAGE_NOT_FOUND,
        ),
        (r"pull access denied|unauthorized: |no basic auth", FailureCause.PULL_DENIED),
        (r"already in use by container|already exists", FailureCause.NAME_CONFLICT),
        (
            (
                r"connection refused|connection reset|no route to host|name or service not known"
                r"|network is unreachable|max retries exceeded|cannot connect to"
            ),
            FailureCause.UNREACHABLE,
        ),
    )
)
_CLIENT_ERRORS: Final = range(400, 500)


def failure_cause(error: BaseException | None) -> FailureCause:
    """The cause of a failed start.

    Args:
        error: What it ended with; None stands for a start that was cancelled.
    """
    if error is None:
        return FailureCause.CANCELLED
    chain = list(_chain(error))
    for each in chain:
        declared = getattr(each, "cause", None)
        if isinstance(declared, FailureCause):
            return declared
    for each in chain:
        found = _of_type(each)
        if found is not None:
            return found
    for each in chain:
        said = _of_words(each)
        if said is not None:
            return said
    return FailureCause.INTERNAL


def _of_type(error: BaseException) -> FailureCause | None:  # noqa: PLR0911 - one line a type
    if isinstance(error, asyncio.CancelledError):
        return FailureCause.CANCELLED
    if isinstance(error, TimeoutError):
        return FailureCause.TIMEOUT
    if isinstance(error, errors.ChoiceError):
        return FailureCause.REFUSED
    if isinstance(error, errors.ConfigError | errors.StateError):
        return FailureCause.CONFIG
    if isinstance(error, web.HTTPError) and error.status_code in _CLIENT_ERRORS:
        return FailureCause.REFUSED
    if isinstance(error, ConnectionError):
        return FailureCause.UNREACHABLE
    return None


def _of_words(error: BaseException) -> FailureCause | None:
    said = f"{error} {getattr(error, 'log_message', '') or ''}".lower()
    return next((cause for pattern, cause in _SAID if pattern.search(said)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
