"""Stops that come twice, and what an earlier life of a server has left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.targets.docker.conftest import Stage


@pytest.mark.parametrize("remove", [True, False])
async def test_a_stop_can_be_said_again(stage: Stage, *, remove: bool) -> None:
    spawner = stage.spawner(remove=remove)
    await spawner.stop()
    assert stage.names().count("stop") == 0
    await spawner.start()
    await asyncio.gather(spawner.stop(), spawner.stop())
    await spawner.stop()
    assert await spawner.poll() is not None
    assert bool(stage.world.alive()) is not remove


async def test_a_container_whose_id_was_lost_is_stopped_by_its_name(stage: Stage) -> None:
    target = stage.target()
    await stage.spawner(target, remove=True).start()
    await stage.spawner(target, remove=True).stop()
    assert stage.world.alive() == []


async def test_what_an_earlier_life_has_left_makes_room(stage: Stage) -> None:
    target = stage.target()
    first = stage.spawner(target, remove=True)
    await first.start()
    second = stage.spawner(target, remove=True)
    await second.start()
    assert stage.names().count("create_container") == 2
    assert await second.poll() is None
    assert len(stage.world.alive()) == 1
    assert second.container_id != first.container_id
