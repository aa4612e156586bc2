"""What a hub that runs has noticed of its targets, for `anywhere doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.spawner import left, versions, watchdog
from jupyterhub_anywhere.targets.machines import turned_away

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.targets.base import Finding


def findings(paths: StatePaths) -> list[Finding]:
    """Everything of the last days; reads files of the state folder and asks nobody."""
    refused = turned_away.book(paths.hub).findings()
    return [*left.findings(paths), *watchdog.findings(paths), *versions.findings(paths), *refused]
