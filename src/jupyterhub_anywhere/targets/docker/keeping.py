"""What stays at an engine when a server has stopped, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import NotFound

from jupyterhub_anywhere.targets.docker import labels, volumes

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.docker.spawner import AnywhereDockerSpawner


async def keeps_for_name(spawner: AnywhereDockerSpawner) -> str:
    """What is bound to the name of a stopped server, for people; empty where nothing is.

    Raises:
        DockerException: The engine could not be asked.
    """
    if await spawner.get_object():
        return f"its container {spawner.object_name}"
    for name, template in volumes.names_for(spawner).items():
        if volumes.of_server(template):
            try:
                await spawner.docker("inspect_volume", name)
            except NotFound:
                continue
            return f"its volume {name}"
    return ""


async def forget_server(spawner: AnywhereDockerSpawner) -> None:
    """Remove a server's stopped containers, and its volumes where `delete_volumes` says so.

    Raises:
        DockerException: The engine could not be asked, or refuses.
    """
    for container in await _stopped(spawner):
        spawner.log.info("Removing container %s of %s", container, spawner.user.name)
        await _remove(spawner, "remove_container", container, v=True)
    # The engine would refuse to remove a volume while a container has it.
    for name, template in volumes.names_for(spawner).items():
        if spawner.name and not volumes.of_server(template):
            # It is the user's, not this server's.
            continue
        if not spawner.delete_volumes:
            spawner.log.info("The volume %s is kept, if it is there. See `delete_volumes`.", name)
        elif await _ours(spawner, name):
            spawner.log.info("Removing volume %s of %s", name, spawner.user.name)
            await _remove(spawner, "remove_volume", name)


async def _stopped(spawner: AnywhereDockerSpawner) -> list[str]:
    owner = spawner.owner
    wanted = labels.filters(owner.hub, target=owner.target, user=owner.user, server=owner.server)
    found = {
        each["Id"]: each.get("State")
        for each in await spawner.docker("containers", all=True, filters=wanted)
    }
    if spawner.object_id and spawner.object_id not in found:
        # One that stock DockerSpawner has made, and that this hub has taken over by its state.
        known = await spawner.get_object()
        if known:
            found[known["Id"]] = (known.get("State") or {}).get("Status")
    return [each for each, state in found.items() if state not in {"running", "paused"}]


async def _ours(spawner: AnywhereDockerSpawner, volume: str) -> bool:
    try:
        answer = await spawner.docker("inspect_volume", volume)
    except NotFound:
        return False
    owner = labels.owner_of(answer)
    # Without labels it was made by stock DockerSpawner, or by hand for this name.
    return owner is None or owner.hub == spawner.owner.hub


async def _remove(spawner: AnywhereDockerSpawner, method: str, name: str, **kwargs: Any) -> None:
    try:
        await spawner.docker(method, name, **kwargs)
    except NotFound:
        return
