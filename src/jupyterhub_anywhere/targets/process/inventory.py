"""What runs on this machine under a hub's label."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.base import Resource
from jupyterhub_anywhere.targets.process.blocking import blocking
from jupyterhub_anywhere.targets.process.ending import end_server
from jupyterhub_anywhere.targets.process.labels import Labelled, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


def resources(found: Iterable[Labelled], booted: float | None = None) -> list[Resource]:
    """One resource for each server that has processes; what has none is not there.

    Args:
        found: The processes.
        booted: When this machine was booted, in seconds since 1970; None where nobody knows.
    """
    servers: dict[str, list[Labelled]] = {}
    for each in found:
        if each.server:
            servers.setdefault(each.server, []).append(each)
    return [
        Resource(
            name=name,
            user=members[0].user,
            server=members[0].server_name,
            detail=f"{len(members)} process{'es' if len(members) > 1 else ''}",
            handle={"pids": sorted(each.process.pid for each in members)},
            lease=_lease_of(members),
            created=_created(members, booted),
        )
        for name, members in sorted(servers.items())
    ]


def _lease_of(members: Sequence[Labelled]) -> str:
    """The lease of those that were started last: an earlier life may have left some."""
    return max(members, key=lambda each: each.process.start).lease


def _created(members: Sequence[Labelled], booted: float | None) -> datetime | None:
    if booted is None:
        return None
    ticks = min(each.process.start for each in members)
    return datetime.fromtimestamp(booted + ticks / os.sysconf("SC_CLK_TCK"), UTC)


def boot_time(path: Path = Path("/proc/stat")) -> float | None:
    """When this machine was booted, in seconds since 1970; None where the kernel does not say."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return None
    found = re.search(r"^btime (\d+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


class ProcessInventory:
    """The processes of one hub, found by their label in one pass over ``/proc``.

    Args:
        hub_id: Whose label.
    """

    def __init__(self, hub_id: str) -> None:
        self._hub_id = hub_id

    async def owned(self) -> Sequence[Resource]:
        """Every server of this hub that has processes.

        Raises:
            OSError: The processes of this machine cannot be listed, or not all of them.
        """
        return await blocking(self._owned)

    def _owned(self) -> list[Resource]:
        return resources(scan(self._hub_id), boot_time())

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """Running or gone for each name; unknown where the processes cannot be listed."""
        try:
            found = {each.name: each for each in await self.owned()}
        except OSError as error:
            detail = f"the processes cannot be listed: {error}"
            return {name: Observation(Phase.UNKNOWN, detail) for name in names}
        return {
            name: Observation(Phase.RUNNING, found[name].detail)
            if name in found
            else Observation(Phase.GONE)
            for name in names
        }

    async def destroy(self, resource: Resource) -> bool:
        """End a server with all its processes, gently first; True once none is left.

        Raises:
            OSError: The processes of this machine cannot be listed.
        """
        return await end_server(self._hub_id, resource.name)
