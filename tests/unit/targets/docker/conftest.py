"""A user's server at a docker target, with JupyterHub's own database objects."""

from __future__ import annotations

import asyncio
import gc
import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy.orm
from jupyterhub import orm
from jupyterhub.objects import Hub
from traitlets.config import Config

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.targets.docker import DockerTarget
from jupyterhub_anywhere.targets.docker.settings import DockerSettings
from jupyterhub_anywhere.targets.specialise import merged_config, specialise
from jupyterhub_anywhere.testing.worlds.docker import SERVER, DockerWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

TOKEN = "0123456789abcdef0123456789abcdef"


class Alone:
    """Stands for the wrapper's half of a child."""

    _spawn_pending = True


@dataclass
class Stage:
    """Users' servers at one engine, as hubs would have them."""

    world: DockerWorld
    folder: Path
    session: Any
    hub_config: Config = field(default_factory=Config)
    targets: list[DockerTarget] = field(default_factory=list)

    def target(self, name: str = "lab", hub: str = "hub-one", **keys: Any) -> DockerTarget:
        url = self.world.settings()["client_kwargs"]["base_url"]
        info = SiteInfo(hub, StatePaths(self.folder / "state"), self.folder)
        own = DockerSettings.model_validate({"url": url, **keys})
        made = DockerTarget(name, TargetConfig(kind="docker"), own, info)
        self.targets.append(made)
        return made

    def spawner(
        self,
        target: DockerTarget | None = None,
        user: str = "ann",
        server: str = "",
        options: dict[str, Any] | None = None,
        **traits: Any,
    ) -> Any:
        target = target or self.target()
        cls = specialise(target.child_class(), target.name, Alone, target.class_attributes())
        values = {"image": SERVER.name, "http_timeout": 20, **target.traits(), **traits}
        row = self.session.query(orm.User).filter_by(name=user).one_or_none()
        row = row or orm.User(name=user)
        orm_spawner = orm.Spawner(name=server, user=row, server=orm.Server(base_url=f"/{user}/"))
        self.session.add_all([row, orm_spawner])
        self.session.commit()
        who = SimpleNamespace(
            name=user, url=f"/user/{user}/", escaped_name=user, groups=[], settings={}
        )
        made = cls(
            user=who,
            orm_spawner=orm_spawner,
            hub=Hub(),
            config=merged_config(self.hub_config, cls, values),
            user_options=options or {},
        )
        made.api_token = TOKEN
        return made

    def away(self) -> str:
        """The address of an engine that does not run."""
        return f"unix://{self.folder}/none.sock"

    def names(self) -> list[str]:
        return [call.name for call in self.world.calls]

    def asked(self, name: str) -> list[Any]:
        return [call for call in self.world.calls if call.name == name]


@pytest.fixture
def session() -> Iterator[Any]:
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    with sqlalchemy.orm.Session(engine) as found:
        yield found
    engine.dispose()


@pytest.fixture
async def stage(
    tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    world = DockerWorld(tmp_path)
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    await world.open()
    stage = Stage(world, tmp_path, session)
    yield stage
    with warnings.catch_warnings():
        # docker-py leaves its socket open where nobody listens.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    for target in stage.targets:
        await asyncio.to_thread(target.engine.close)
    await world.close()
