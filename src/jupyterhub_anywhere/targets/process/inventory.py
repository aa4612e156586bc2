"""What runs on this machine under a hub's label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.base import Resource
from jupyterhub_anywhere.targets.process.blocking import blocking
from jupyterhub_anywhere.targets.process.ending import end_server
from jupyterhub_anywhere.targets.process.labels import Labelled, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


def resources(found: Iterable[Labelled]) -> list[Resource]:
    """One resource for each server that has processes."""
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
        )
        for name, members in sorted(servers.items())
    ]


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
            OSError: The processes of this machine cannot be listed.
        """
        return resources(await blocking(scan, self._hub_id))

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
