"""Hubs whose servers are containers of a real engine, for tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx
from tests.hub.harness import SOURCES, Hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines.docker.engine import DockerEngine

# The hub of one's own listens where containers reach it: at the gateway of the default network.
_COMMON = """
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("127.0.0.1", {gateway!r})
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.DockerSpawner.client_kwargs = {{"base_url": {url!r}}}
c.DockerSpawner.image = {image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.volumes = {{{volume!r}: "/home/jovyan"}}
"""
STOCK = """
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
"""
# The two lines by which a hub becomes ours.
OURS = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
"""


class DockerHub:
    """A hub of one's own, whose servers are containers named after it.

    Args:
        engine: Where its containers run.
        image: What they run.
        url: Where it looks for the engine; default: the engine's own socket.
        make: Makes the hub, with the arguments of `Hub`.

    Attributes:
        hub: The hub.
        engine: Where its containers run.
        prefix: What their names and their volumes' names begin with.
    """

    def __init__(
        self, engine: DockerEngine, image: str, url: str = "", make: Callable[..., Hub] = Hub
    ) -> None:
        url = url or engine.url
        self.engine = engine
        self.hub = make(
            mode="plain",
            site={"targets": {"lab": {"kind": "docker", "url": url}}},
            environment={"PYTHONPATH": str(SOURCES)},
        )
        self.prefix = self.hub.id
        self._common = _COMMON.format(
            gateway=engine.gateway,
            url=url,
            image=image,
            prefix=self.prefix,
            volume=self.prefix + "-{username}-{servername}",
        )

    def configure(self, *parts: str, extra: str = "") -> None:
        """Write the hub's configuration: what is common, and the parts."""
        names = {"file": str(self.hub.file), "state": str(self.hub.state.root)}
        text = self._common + "".join(part.format(**names) for part in parts) + extra
        self.hub.write_config(text)

    def container(self, user: str, server: str = "") -> dict[str, Any] | None:
        """What the engine says of a server's container; None where there is none."""
        name = f"{self.prefix}-{user}" + (f"--{server}" if server else "")
        with contextlib.closing(self.engine.client()) as client:
            filters = {"name": f"^/{name}$"}
            # It may be removed between the list and the look at it.
            found = client.containers.list(all=True, ignore_removed=True, filters=filters)
            return dict(found[0].attrs) if found else None

    def token(self, user: str, server: str = "") -> str:
        """The API token in a container's environment."""
        found = self.container(user, server)
        assert found is not None
        given = dict(line.split("=", 1) for line in found["Config"]["Env"])
        return str(given["JUPYTERHUB_API_TOKEN"])

    def ask(self, user: str, path: str, server: str = "", **options: Any) -> httpx.Response:
        """Ask a server through the hub's proxy; the stub needs no login."""
        prefix = f"{self.hub.url}user/{user}/" + (f"{server}/" if server else "")
        options = {"method": "GET", "timeout": 30, "verify": False, **options}
        return httpx.request(url=prefix + path, **options)

    def who_am_i(self, token: str) -> httpx.Response:
        """What the hub's API says to the holder of a server's token."""
        headers = {"Authorization": f"token {token}"}
        url = f"{self.hub.url}hub/api/user"
        return httpx.get(url, headers=headers, timeout=30, verify=False)

    def close(self) -> None:
        """End the hub, and remove what it has at the engine."""
        try:
            self.hub.close()
        finally:
            if not self.engine.running:
                self.engine.start()
            with contextlib.closing(self.engine.client()) as client:
                for container in client.containers.list(all=True, filters={"name": self.prefix}):
                    container.remove(force=True, v=True)
                for volume in client.volumes.list(filters={"name": self.prefix}):
                    volume.remove(force=True)


@contextlib.contextmanager
def docker_hub(engine: DockerEngine, image: str, url: str = "") -> Iterator[DockerHub]:
    """A `DockerHub` that is closed at the end.

    Args:
        engine: Where its containers run.
        image: What they run.
        url: Where it looks for the engine; default: the engine's own socket.
    """
    made = DockerHub(engine, image, url)
    try:
        yield made
    finally:
        made.close()
