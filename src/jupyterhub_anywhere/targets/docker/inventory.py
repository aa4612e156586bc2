"""What exists at an engine under a hub's label."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.base import Resource
from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import docker

    from jupyterhub_anywhere.targets.docker.client import Engine

# Docker's states in which a container has a process, paused or not, and in which it has none: not
# yet, or not any more. Of a state that nobody has heard of, nothing is known.
_ALIVE: Final = frozenset({"running", "paused", "restarting"})
_IDLE: Final = frozenset({"created", "exited", "dead", "removing"})
# "removal of container … is already in progress"
_BEING_REMOVED: Final = 409


def resource_of(answer: Mapping[str, Any], engine: str = "") -> Resource:
    """One entry of the engine's list of containers.

    Args:
        answer: The entry.
        engine: The engine's id, where it is known.

    Raises:
        LookupError, TypeError, ValueError: It is no such entry.
    """
    found, owner = labels.labels_in(answer), labels.owner_of(answer)
    state, status = str(answer.get("State") or ""), str(answer.get("Status") or "")
    names = answer.get("Names") or [answer["Id"]]
    purpose = found.get(labels.PURPOSE, "")
    detail = f"{answer.get('Image', '')}, {status}"
    # One of an earlier version does not say; what had ended and was still there was kept then. One
    # that never ran holds no files.
    keep = not purpose and state != "created" and found.get(labels.KEEP) != "0"
    return Resource(
        name=str(names[0]).lstrip("/"),
        user=owner.user if owner else "",
        server=owner.server if owner else "",
        detail=f"{purpose}: {detail}" if purpose else detail,
        handle={"id": str(answer["Id"]), "state": state, "engine": engine},
        lease=found.get(labels.LEASE, ""),
        alive=_alive(state),
        exit_code=_exit_code(status),
        keep=keep,
        created=_created(answer.get("Created")),
        token=_token(found.get(labels.TOKEN, "")),
    )


def _alive(state: str) -> bool | None:
    if state in _ALIVE:
        return True
    return False if state in _IDLE else None


def _token(label: str) -> int | None:
    return int(label) if label.isascii() and label.isdecimal() else None


def _exit_code(status: str) -> int | None:
    # The list has it in no other field.
    found = re.match(r"Exited \((\d+)\)", status)
    return int(found[1]) if found else None


def _created(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None


def resources_of(answer: Any, hub_id: str, target: str, engine: str = "") -> list[Resource]:
    """The containers of one hub at one target, from the engine's list.

    Args:
        answer: The list.
        hub_id: Whose label.
        target: The target's name.
        engine: The engine's id, where it is known.

    Raises:
        LookupError, TypeError, ValueError: It is no list of containers: a proxy answered, or the
            answer was cut. Half of a list is none.
    """
    if not isinstance(answer, list):
        raise TypeError(f"the engine's list of containers is no list, but {type(answer).__name__}")
    found = []
    for each in answer:
        if not isinstance(each, dict) or not each.get("Id"):
            raise ValueError("the engine's list of containers has an entry without an id")
        owner = labels.owner_of(each)
        # The engine was asked for these alone; what it adds is not ours to touch.
        if owner is not None and (owner.hub, owner.target) == (hub_id, target):
            found.append(resource_of(each, engine))
    return found


def observation_of(resource: Resource) -> Observation:
    """Running, or gone: a stopped container serves nobody, though it may be kept."""
    if resource.alive is not False:
        phase = Phase.RUNNING if resource.alive else Phase.UNKNOWN
        return Observation(phase, resource.detail)
    return Observation(Phase.GONE, resource.detail, resource.exit_code)


def _why(client: docker.APIClient, container: str, since: datetime | None) -> str:
    from docker.errors import NotFound

    from jupyterhub_anywhere.targets.docker.watching import exit_of, exit_since, starved

    try:
        answer = client.inspect_container(container)
    except NotFound:
        # Engines remember a few hundred events.
        if since is None or not exit_since(client, container, since.timestamp()).starved:
            return ""
        return starved(None)
    found = exit_of(answer)
    memory = (answer.get("HostConfig") or {}).get("Memory")
    return starved(memory) if found is not None and found.starved else ""


class DockerInventory:
    """The containers of one hub at one target, found by their labels in one call.

    Args:
        engine: The engine.
        hub_id: Whose label.
        target: The target's name.
    """

    def __init__(self, engine: Engine, hub_id: str, target: str) -> None:
        self._engine, self._hub_id, self._target = engine, hub_id, target
        # The engine that answered when it was asked last; empty before that.
        self._source = ""

    async def source(self) -> str:
        """The engine's id, the same as long as it has the same containers.

        Raises:
            DockerException: It could not be asked.
        """
        from jupyterhub_anywhere.targets.docker.identity import identity

        self._source = await identity(self._engine)
        return self._source

    async def owned(self) -> Sequence[Resource]:
        """Every container of this hub at this target, stopped ones too; all of them or none.

        Raises:
            DockerException: The engine could not be asked.
            OSError: The same, or its answer was cut.
            LookupError, TypeError, ValueError: Its answer is no list of containers.
        """
        found: list[Resource] = await self._engine.run(self._listed)
        return found

    def _listed(self, client: docker.APIClient) -> list[Resource]:
        # In the thread: a thousand entries take longer than the hub's loop may be held.
        wanted = labels.filters(self._hub_id, target=self._target)
        answer = client.containers(all=True, filters=wanted)
        return resources_of(answer, self._hub_id, self._target, self._source)

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """Running or gone for each name; unknown where the engine could not be asked."""
        from docker.errors import DockerException

        try:
            found = {each.name: each for each in await self.owned()}
        except (DockerException, OSError, LookupError, TypeError, ValueError) as error:
            detail = f"the engine cannot be asked: {error}"
            return {name: Observation(Phase.UNKNOWN, detail) for name in names}
        return {
            name: observation_of(found[name]) if name in found else Observation(Phase.GONE)
            for name in names
        }

    async def why(self, name: str, child: Mapping[str, Any], since: datetime | None) -> str:
        """A sentence for the user of a container that the kernel ended for its memory.

        Args:
            name: The container's name.
            child: What its spawner has kept: its id above all.
            since: Since when it ran.

        Raises:
            DockerException, OSError: The engine could not be asked.
        """
        container = str(child.get("object_id") or name)
        found: str = await self._engine.run(lambda client: _why(client, container, since))
        return found

    async def destroy(self, resource: Resource) -> bool:
        """Stop and remove a container, what it alone has included; True once it is gone.

        Another hub's container is left alone, whatever the resource says.

        Raises:
            DockerException: The engine could not be asked, refuses, or is another one than that
                which listed the container.
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

        from jupyterhub_anywhere.targets.docker.identity import check_same

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
            await check_same(self._engine, str(resource.handle.get("engine") or ""))
            return True
        except APIError as error:
            if error.status_code != _BEING_REMOVED:
                raise
            # Asked again, it is gone.
            return False
        return True
