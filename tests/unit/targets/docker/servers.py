"""Users' servers at docker targets, with JupyterHub's own database objects and no hub."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

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
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.specialise import merged_config, specialise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

TOKEN: Final = "0123456789abcdef0123456789abcdef"


class Alone:
    """Stands for the wrapper's half of a child."""

    _spawn_pending = True


@dataclass
class Servers:
    """Makes targets, and spawners as hubs would.

    Attributes:
        url: The engine of a target that names none.
        image: The image of a server that names none.
        folder: Where relative paths start from.
        session: Of the hub's database.
        hub_config: The hub's own configuration.
        open_door: Given to targets.
    """

    url: str
    image: str
    folder: Path
    session: Any
    hub_config: Config = field(default_factory=Config)
    open_door: Callable[[str], Awaitable[str]] | None = None
    made: list[DockerTarget] = field(default_factory=list)
    _asked_nobody: bool = False

    def target(self, name: str = "lab", hub: str = "hub-one", **keys: Any) -> DockerTarget:
        """A target, with keys as in the file."""
        info = SiteInfo(
            hub, StatePaths(self.folder / "state"), self.folder, open_door=self.open_door
        )
        own = DockerSettings.model_validate({"url": self.url, **keys})
        made = DockerTarget(name, TargetConfig(kind="docker"), own, info)
        self.made.append(made)
        return made

    def spawner(
        self,
        target: DockerTarget | None = None,
        user: str = "ann",
        server: str = "",
        options: dict[str, Any] | None = None,
        **traits: Any,
    ) -> Any:
        """A user's spawner, with traits as under ``spawner:``."""
        target = target or self.target()
        cls = specialise(target.child_class(), target.name, Alone, target.class_attributes())
        values = {"image": self.image, "http_timeout": 30, **target.traits(), **traits}
        row = self.session.query(orm.User).filter_by(name=user).one_or_none() or orm.User(name=user)
        orm_spawner = orm.Spawner(name=server, user=row, server=orm.Server(base_url=f"/{user}/"))
        self.session.add_all([row, orm_spawner])
        self.session.commit()
        who = SimpleNamespace(
            name=user, url=f"/user/{user}/", escaped_name=user, groups=[], settings={}
        )
        made = cls(
            user=who,
            orm_spawner=orm_spawner,
            hub=Hub(ip="127.0.0.1", port=8081),
            config=merged_config(self.hub_config, cls, values),
            user_options=options or {},
        )
        made.api_token = TOKEN
        return made

    def away(self) -> str:
        """The address of an engine that does not run."""
        self.asks_nobody()
        return f"unix://{self.folder}/none.sock"

    def asks_nobody(self) -> None:
        """Say that engines are asked which do not run."""
        self._asked_nobody = True

    async def close(self) -> None:
        """Close every connection."""
        for target in self.made:
            await asyncio.to_thread(target.engine.close)
        for thread in threading.enumerate():
            # It lets go of its connection a moment after the start that it read along with.
            if thread.name == "docker-tail":
                await asyncio.to_thread(thread.join, 60)
        if not self._asked_nobody:
            # What a test leaves open is its own fault, not that of whichever test comes later.
            gc.collect()
        else:
            with warnings.catch_warnings():
                # docker-py leaves sockets open where nobody listens; the threads have let go now.
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()


@asynccontextmanager
async def servers(
    cls: type[Servers], url: str, image: str, folder: Path, **more: Any
) -> AsyncIterator[Any]:
    """Servers with a database of their own, closed at the end."""
    engine = sqlalchemy.create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    with sqlalchemy.orm.Session(engine) as session:
        made = cls(url=url, image=image, folder=folder, session=session, **more)
        yield made
        await made.close()
    engine.dispose()


async def refused(call: Awaitable[Any], words: str) -> StartError:
    """The error of a start, whose text for the user has these words."""
    with pytest.raises(StartError) as caught:
        await call
    assert re.search(words, caught.value.jupyterhub_message), caught.value.jupyterhub_message
    return caught.value


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread's doing."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's
            await asyncio.sleep(0.01)
