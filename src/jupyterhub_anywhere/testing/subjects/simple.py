"""SimpleLocalProcessSpawner, which JupyterHub brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.testing.world import Subject, World
from jupyterhub_anywhere.testing.worlds.local import LocalWorld

if TYPE_CHECKING:
    from traitlets.config import Config


def _homes(c: Config, world: World) -> None:
    section: Any = c.SimpleLocalProcessSpawner
    section.home_dir_template = str(world.folder / "home-of-{username}")


SUBJECT = Subject(
    name="simple",
    spawner_class="jupyterhub.spawner.SimpleLocalProcessSpawner",
    world=LocalWorld,
    coverage="full",
    ssl=True,
    config=_homes,
)
