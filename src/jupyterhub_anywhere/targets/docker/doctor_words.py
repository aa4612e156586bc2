"""Words that all looks at an engine share: whose finding it is, why an engine cannot be asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

_NO_ENGINE: Final = (
    (
        r"dockerexception: tls\.(ca|cert|key): ",
        "Correct the path, which starts from the file's folder, or let the hub's account read it.",
    ),
    (
        r"filenotfounderror|no such file",
        "Nothing listens there: start Docker (`systemctl start docker`), or correct `url`.",
    ),
    (
        r"permissionerror|permission denied",
        "Let the hub's account use the socket: `usermod -aG docker ACCOUNT`, then log in anew.",
    ),
    (
        r"connection ?refused",
        "Nothing answers there: start Docker (`systemctl start docker`), or correct `url`.",
    ),
    (
        r"certificate|ssl|tls",
        "Let ca, cert and key of `tls` fit the engine's, not be expired, and name its host.",
    ),
    (
        r"too old|too new|minimum supported",
        "Upgrade that engine, or the package docker beside JupyterHub.",
    ),
    (
        r"name or service|name resolution|gaierror",
        "Correct the host in `url`, or the machine's DNS.",
    ),
)
_SLOW_ENGINE: Final = "Look whether the engine hangs (`docker ps` there), and at the firewall."


def unreachable(subject: str, url: str, error: BaseException) -> Finding:
    """What hinders, and the cure."""
    chain = " / ".join(_chain(error))
    cure = next((cure for text, cure in _NO_ENGINE if re.search(text, chain.lower())), _SLOW_ENGINE)
    reason = " ".join(str(_innermost(error)).split())[:300]
    return Finding(Level.ERROR, subject, f"{url} cannot be asked: {reason}", cure)


def _chain(error: BaseException | None) -> Iterable[str]:
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__


def _innermost(error: BaseException) -> BaseException:
    # requests wraps urllib3 wraps the system's own words, each with more brackets.
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return inner


def owner(target: DockerTarget) -> labels.Owner:
    """What a container of the doctor is labelled with: nobody's in particular."""
    return labels.Owner(target.site.hub_id, target.name, "", "")


def subject_of(target: DockerTarget, what: str) -> str:
    """What a finding is of."""
    return f"target {target.name}: {what}"
