"""A server whose ``jupyterhub`` is newer or older than the hub's.

JupyterHub's own rule (``_version.py``, ``_check_version``): one major version fits, another may
fail to log people in. It is logged there once for each pair of versions, and told to nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jupyterhub
from packaging.version import InvalidVersion, Version

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two versions that differ by more than corrections.

    Attributes:
        server: The server's version.
        hub: The hub's.
        major: Whether the major versions differ, so that logging in may fail.
    """

    server: str
    hub: str
    major: bool

    @property
    def for_user(self) -> str:
        """What it means, for the user of the server."""
        which = f"This server has JupyterHub {self.server}, the hub has {self.hub}."
        if not self.major:
            return f"{which} That should work."
        return (
            f"{which} If it does not let you in, or sends you round in circles, stop it and choose"
            " another environment, or tell your administrator."
        )

    @property
    def cure(self) -> str:
        """What an administrator does about it."""
        hub = Version(self.hub)
        return (
            f'Install "jupyterhub=={hub.major}.{hub.minor}.*" in the image or environment of these'
            " servers; those that run keep what they have."
        )


def compare(server: str | None, hub: str = jupyterhub.__version__) -> Mismatch | None:
    """Compare two versions by major and minor number.

    Args:
        server: What the server says in ``X-JupyterHub-Version``; None where it says nothing, as
            servers that are no JupyterHub servers do.
        hub: The hub's version.
    """
    try:
        mine, its = Version(hub), Version(server or hub)
    except InvalidVersion:
        return None
    if mine.release[:2] == its.release[:2]:
        return None
    return Mismatch(str(its), str(mine), major=mine.major != its.major)


class Versioned:
    """Takes the version that the hub has seen, and tells; mixed into AnywhereSpawner."""

    log: Any
    site: Any
    _log_name: str
    _envelope: Any
    _server_version: str | None = None

    @property
    def _jupyterhub_version(self) -> str | None:
        """The version of the running server; the hub sets it once the server answers."""
        return self._server_version

    @_jupyterhub_version.setter
    def _jupyterhub_version(self, version: str | None) -> None:
        self._server_version = version
        found = compare(version)
        if found is None:
            return
        target = self._envelope.target
        text = f"The server of {self._log_name} at target {target} has JupyterHub {found.server}"
        tell = self.log.warning if found.major else self.log.info
        tell("%s, the hub has %s. %s", text, found.hub, found.cure)
        _journal(self.site.info.state).note(
            f"{target} {found.server}", target=target, server=found.server
        )

    @property
    def version_notice(self) -> str:
        """What the user should know of the running server; empty where there is nothing."""
        found = compare(self._server_version)
        return found.for_user if found is not None else ""


def _journal(paths: StatePaths) -> Journal:
    return Journal(paths.hub / "versions.json")


def findings(paths: StatePaths) -> list[Finding]:
    """Which versions servers have had lately that do not fit, for the doctor."""
    found = []
    for each in _journal(paths).entries():
        mismatch = compare(str(each.get("server")))
        if mismatch is None:
            continue  # the hub has been brought up to it since
        often = "once" if each["times"] == 1 else f"{each['times']} times"
        message = f"servers had JupyterHub {mismatch.server} ({often}), the hub has {mismatch.hub}"
        # One major version fits by JupyterHub's own rule: worth a line, not a warning.
        level = Level.WARNING if mismatch.major else Level.OK
        found.append(Finding(level, f"target {each.get('target')}", message, mismatch.cure))
    return found
