"""Servers at a recording engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.unit.targets.docker.servers import Servers, servers

from jupyterhub_anywhere.testing.worlds.docker import SERVER, DockerWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Stage(Servers):
    """Servers, and the engine that records what is asked of it."""

    world: DockerWorld = field(kw_only=True)

    def names(self) -> list[str]:
        """The calls so far."""
        return [call.name for call in self.world.calls]


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    world = DockerWorld(tmp_path)
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    await world.open()
    url = world.settings()["client_kwargs"]["base_url"]
    async with servers(Stage, url, SERVER.name, tmp_path, world=world) as made:
        yield made
    await world.close()
