"""A small OpenStack, and a provider at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.targets.machines.providers.clouds import HandClock, provider

from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
    from jupyterhub_anywhere.testing.worlds.openstack import Cloud


@pytest.fixture
def world() -> Iterator[OpenStackWorld]:
    with OpenStackWorld() as made:
        yield made


@pytest.fixture
def cloud(world: OpenStackWorld) -> Cloud:
    return world.cloud


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def made(world: OpenStackWorld, clock: HandClock) -> AsyncIterator[LibcloudProvider]:
    async with provider(world, clock=clock) as each:
        yield each
