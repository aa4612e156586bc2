"""The end of a hub, with all that it has at a recording engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from jupyterhub_anywhere.hub.leftovers import end_leftovers

if TYPE_CHECKING:
    from tests.unit.targets.docker.conftest import Stage

    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.docker import DockerTarget


def site_with(target: DockerTarget) -> Site:
    return cast("Site", SimpleNamespace(targets={target.name: target}))


async def states(target: DockerTarget) -> dict[str, Any]:
    return {each.name: each.handle["state"] for each in await target.inventory().owned()}


async def test_a_container_with_its_users_files_stays(stage: Stage) -> None:
    target = stage.target()
    stopped, running = stage.spawner(target, "ann"), stage.spawner(target, "bob")
    for each in (stopped, running):
        await each.start()
    await stopped.stop()
    assert await states(target) == {"jupyter-ann": "exited", "jupyter-bob": "running"}
    lines = await end_leftovers(site_with(target))
    assert await states(target) == {"jupyter-ann": "exited", "jupyter-bob": "exited"}
    assert [line for line in lines if "ann" in line] == []
    assert [line for line in lines if "bob" in line and "could not" not in line]


async def test_a_container_that_is_to_go_with_its_server_goes(stage: Stage) -> None:
    target = stage.target()
    await stage.spawner(target, "ann", remove=True).start()
    assert await end_leftovers(site_with(target))
    assert await states(target) == {}
