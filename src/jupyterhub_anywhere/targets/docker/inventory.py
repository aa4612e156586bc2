"""What exists at an engine under a hub's label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.base import Resource
from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.targets.docker.client import Engine

# Docker's states in which a container has a process, paused or not.
_ALIVE = frozenset({"running", "paused", "restarting"})


def resource_of(answer: Mapping[str, Any]) -> Resource:
    """One entry of the engine's list of containers."""
    owner = labels.owner_of(answer)
    names = answer.get("Names") or [answer["Id"]]
    return Resource(
        name=str(names[0]).lstrip("/"),
        user=owner.user if owner else "",
        server=owner.server if owner else "",
        detail=f"{answer.get('Image', '')}, {answer.get('Status', '')}",
        handle={"id": answer["Id"], "state": answer.get("State", "")},
    )


def observation_of(resource: Resource) -> Observation:
    """Running, or gone: a stopped container serves nobody, though it may be kept."""
    if resource.handle.get("state") in _ALIVE:
        return Observation(Phase.RUNNING, resource.detail)
    exited = re.search(r"Exited \((\d+)\)", resource.detail)
    return Observation(Phase.GONE, resource.detail, int(exited[1]) if exited else None)


class DockerInventory:
    """The containers of one hub at one target, found by their labels in one call.

    Args:
        engine: The engine.
        hub_id: Whose label.
        target: The target's name.
    """

    def __init__(self, engine: Engine, hub_id: str, target: str) -> None:
        self._engine, self._hub_id, self._target = engine, hub_id, target

    async def owned(self) -> Sequence[Resource]:
        """Every container of this hub at this target, stopped ones too.

        Raises:
            DockerException: The engine could not be asked.
        """
        wanted = labels.filters(self._hub_id, target=self._target)
        found = await self._engine.ask("containers", all=True, filters=wanted)
        return [resource_of(each) for each in found]

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """Running or gone for each name; unknown where the engine could not be asked."""
        from docker.errors import DockerException

        try:
            found = {each.name: each for each in await self.owned()}
        except (DockerException, OSError) as error:
            detail = f"the engine cannot be asked: {error}"
            return {name: Observation(Phase.UNKNOWN, detail) for name in names}
        return {
            name: observation_of(found[name]) if name in found else Observation(Phase.GONE)
            for name in names
        }

    async def destroy(self, resource: Resource) -> bool:
        """Stop and remove a container, what it alone has included; True once it is gone.

        Raises:
            DockerException: The engine could not be asked, or refuses.
        """
        return await self._end(resource, also_kept=True)

    async def end(self, resource: Resource) -> bool:
        """Stop a container; what is to be started again, with its user's files in it, stays.

        Returns:
            Whether it has ended.

        Raises:
            DockerException: The engine could not be asked, or refuses.
        """
        return await self._end(resource, also_kept=False)

    async def _end(self, resource: Resource, *, also_kept: bool) -> bool:
        from docker.errors import APIError, NotFound

        container = str(resource.handle["id"])
        try:
            answer = await self._engine.ask("inspect_container", container)
            owner = labels.owner_of(answer)
            if owner is None or owner.hub != self._hub_id:
                # Not what was listed: the id is another's by now, which engines never do.
                return True
            await self._engine.ask("stop", container)
            if also_kept or (answer.get("HostConfig") or {}).get("AutoRemove"):
                await self._engine.ask("remove_container", container, v=True)
        except NotFound:
            return True
        except APIError as error:
            if error.status_code != _BEING_REMOVED:
                raise
            # Asked again, it is gone.
            return False
        return True


# "removal of container … is already in progress"
_BEING_REMOVED = 409
