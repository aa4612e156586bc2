"""What an engine or a registry says when something fails → cause and cure for the user.

The texts are those of Docker Engine 20.10 and later (``daemon/*.go``, ``distribution/errors.go``)
and of docker-py 7; they are matched in lower case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.scrubbing import without
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.docker.pulling import PullError
from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Characters of an engine's own words that are shown.
_LONGEST: Final = 300
_TELL: Final = "Please tell the administrator of this hub"


@dataclass(frozen=True, slots=True)
class Place:
    """What was to be started, for the texts.

    Attributes:
        target: The target's name.
        url: The engine's address.
        image: The image.
        container: The container's name.
        network: The network that it was to join.
    """

    target: str
    url: str
    image: str
    container: str
    network: str


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    reason: str
    text: str
    cause: FailureCause | None = None


def _rule(pattern: str, reason: str, text: str, cause: FailureCause | None = None) -> _Rule:
    return _Rule(re.compile(pattern), reason, text, cause)


_NO_NAME: Final = _rule(
    r"invalid reference format|invalid tag|repository name must be",
    "image",
    "{image} cannot be the name of an image. Correct it, as in `name:tag`.",
)
# The first that matches counts: the special before the general.
_ENGINE_RULES: Final = (
    _NO_NAME,
    _rule(
        r"no space left on device",
        "disk-full",
        "The disk of target {target} is full. {tell}: `docker system df` there shows what takes"
        " the room, `docker image prune` frees some.",
    ),
    _rule(
        r"no such image|image .* not found",
        "image",
        "There is no image {image} at target {target}. Choose another one, or correct its name;"
        " an image that was built there is used with pull_policy `never`.",
    ),
    _rule(
        r"could not select device driver|nvidia-container-cli|unknown( or invalid)? runtime"
        r"|no known gpu vendor|unresolvable cdi devices|unknown runtime specified",
        "gpu",
        "Target {target} cannot give GPUs to containers. {tell}: the NVIDIA container toolkit"
        " belongs on that machine (`nvidia-ctk runtime configure --runtime=docker`), or the asked"
        " device is not there.",
        FailureCause.CONFIG,
    ),
    _rule(
        r"is already in use by container",
        "name-conflict",
        "The name {container} belongs to another container at target {target}. {tell}:"
        " `docker rm {container}` frees it, or give the target a `name_template` of its own.",
    ),
    _rule(
        r"network .* not found|could not find an? .*network",
        "network",
        "There is no network {network} at target {target}. {tell}:"
        " `docker network create {network}` makes it.",
    ),
    _rule(
        r"port is already allocated|address already in use|cannot assign requested address",
        "port",
        "The port or the address that the container was to be published at cannot be had at target"
        " {target}. {tell}: leave ports to the engine, and see that `host_ip` is an address of its"
        " machine.",
    ),
    _rule(
        r"minimum memory limit|memory limit should be|minimum memory reservation"
        r"|memoryswap limit should",
        "memory",
        "The memory limit is smaller than a container can have. Choose more memory.",
    ),
    _rule(
        r"range of cpus is from|cpu cfs quota|cpu shares",
        "cpu",
        "The engine of target {target} cannot give that many CPU cores. Choose fewer.",
    ),
    _rule(
        r"bind source path does not exist|invalid mount|error while mounting volume"
        r"|failed to mount local volume|error mounting|invalid volume specification"
        r"|not a shared mount",
        "volume",
        "A folder or volume of this server cannot be mounted at target {target}. {tell}; the"
        " engine says: {said}",
    ),
    _rule(
        r"executable file not found|no such file or directory: unknown|no command specified"
        r"|exec format error",
        "command",
        "The image {image} cannot start a server: {said} Choose another image; it needs"
        " jupyterhub-singleuser, and the machine's kind of processor.",
    ),
)
_PULL_RULES: Final = (
    *_ENGINE_RULES[:2],
    _rule(
        r"toomanyrequests|rate limit",
        "registry",
        "The registry gives image {image} to this machine no more for now: too many were pulled."
        " Try again later. {tell}: a login at the registry, or an own one, raises the limit.",
        FailureCause.QUOTA,
    ),
    _rule(
        r"no such host|dial tcp|i/o timeout|connection refused|connection reset|tls handshake"
        r"|timeout exceeded|context deadline exceeded|network is unreachable|x509|eof$"
        r"|server gave http response|server misbehaving|bad gateway|service unavailable",
        "registry",
        "The registry of image {image} cannot be reached from target {target}. Try again, or"
        " choose an image that is there. {tell}; the engine says: {said}",
    ),
    _rule(
        r"pull access denied|manifest unknown|manifest for .* not found|repository does not exist"
        r"|not found|name unknown|no matching manifest|does not match the specified platform",
        "image",
        "There is no image {image}, or it may not be pulled without a login. Choose another one,"
        " or correct its name. {tell} if it ought to be there: `docker pull {image}` at target"
        " {target} shows why.",
    ),
    _rule(
        r"unauthorized|no basic auth|denied|forbidden|authentication required",
        "image",
        "The registry does not let target {target} have image {image}. {tell}: `docker login` for"
        " the account of the hub.",
        FailureCause.PULL_DENIED,
    ),
)
_NO_ENGINE_RULES: Final = (
    _rule(
        r"permission denied|permissionerror",
        "engine",
        "This hub may not talk to the engine of target {target} ({url}). {tell}: the hub's account"
        " belongs into the group `docker`.",
    ),
    _rule(
        r"certificate|ssl|tls",
        "engine",
        "The engine of target {target} ({url}) and this hub do not trust each other. {tell}: the"
        " certificates of `tls` have to be there, to fit, and not be expired.",
    ),
    _rule(
        r"timed out|timeout",
        "engine",
        "The engine of target {target} ({url}) does not answer in time. Try again in a minute, or"
        " choose another place.",
    ),
    _rule(
        r"",
        "engine",
        "The engine of target {target} ({url}) cannot be reached. Try again in a minute, or choose"
        " another place. {tell}: Docker has to run there.",
    ),
)


def explain(error: BaseException, place: Place, secrets: Iterable[str] = ()) -> StartError | None:
    """Word an error of a start.

    Args:
        error: What was raised.
        place: What was to be started.
        secrets: Texts that nobody may see.

    Returns:
        None for an error that is none of Docker's.
    """
    if isinstance(error, StartError):
        return error
    if isinstance(error, TargetError):
        return StartError(str(error), reason="target")
    rules = _rules_for(error)
    if rules is None:
        return None
    said = without(_said(error), secrets)
    for rule in rules:
        if rule.pattern.search(said.lower()):
            return _worded(rule, place, said)
    refuses = "The engine of target {target} refuses: {said}"
    rule = _rule("", "engine", refuses, FailureCause.REFUSED)
    return _worded(rule, place, said)


def _worded(rule: _Rule, place: Place, said: str) -> StartError:
    shown = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    shown = shown if shown.endswith((".", "…")) else f"{shown}."
    text = rule.text.format(
        tell=_TELL,
        said=shown,
        target=place.target,
        url=place.url,
        image=place.image,
        container=place.container,
        network=place.network,
    )
    log_message = f"target {place.target}: {said}"
    return StartError(text, reason=rule.reason, log_message=log_message, cause=rule.cause)


def _rules_for(error: BaseException) -> tuple[_Rule, ...] | None:
    import requests
    from docker.errors import APIError, DockerException

    if isinstance(error, PullError):
        return _PULL_RULES
    if isinstance(error, APIError):
        # A registry's refusal may come as the answer itself, before the first line of a pull.
        path = str(getattr(getattr(error, "response", None), "url", "") or "")
        return _PULL_RULES if "/images/create" in path else _ENGINE_RULES
    if isinstance(error, DockerException | requests.exceptions.RequestException):
        # What has the engine's own words did reach it.
        return _ENGINE_RULES if getattr(error, "explanation", "") else _NO_ENGINE_RULES
    return None


def _said(error: BaseException) -> str:
    """The engine's own words, on one line; for what never reached it, the chain of causes."""
    explanation = getattr(error, "explanation", None)
    if explanation or isinstance(error, PullError):
        return " ".join(str(explanation or error).split())
    return " ".join(" / ".join(_chain(error)).split())


def _chain(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__
