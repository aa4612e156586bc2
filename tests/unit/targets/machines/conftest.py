"""A hub with machines in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from jupyterhub_anywhere.testing.contract import Can
from jupyterhub_anywhere.testing.contract.machines import MachinesSubject
from jupyterhub_anywhere.testing.contract.stage import Stage, staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyterhub_anywhere.testing.contract.subject import Keys


class Machines(MachinesSubject):
    """With traits, and keys of the target, that a test has chosen."""

    def __init__(self, spawner: dict[str, Any], own: dict[str, Any]) -> None:
        super().__init__()
        self._spawner, self._own = spawner, own

    def keys(self, **spawner: Any) -> Keys:
        return {**super().keys(**{"home_volume": 0, **self._spawner, **spawner}), **self._own}


@pytest.fixture
def traits(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Traits of the spawner: those of the test's own ``parametrize``, indirectly."""
    return getattr(request, "param", {})


@pytest.fixture
def own(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Keys of the target."""
    return getattr(request, "param", {})


@pytest_asyncio.fixture
async def stage(
    tmp_path: Path, traits: dict[str, Any], own: dict[str, Any]
) -> AsyncIterator[Stage]:
    """The cloud, and hubs before it."""
    async with staged(Machines(traits, own), Can.CREATED | Can.SCRIPTED, tmp_path) as stage:
        yield stage


@pytest.fixture
def subject(stage: Stage) -> Machines:
    return stage.subject  # type: ignore[return-value]  # as made above


@pytest.fixture
def cloud(subject: Machines) -> Any:
    return subject.cloud


@pytest.fixture
def guest(subject: Machines) -> Any:
    return subject.guest
