"""Two hubs at one engine: DockerSpawner alone, and through Anywhere; each writes down its times."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from tests.hub.harness import SOURCES, Hub

from engines.docker import images

if TYPE_CHECKING:
    from engines.docker.engine import DockerEngine

_COMMON = """
import json, time
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("127.0.0.1", {gateway!r})
c.JupyterHub.concurrent_spawn_limit = 0
c.DockerSpawner.client_kwargs = {{"base_url": {url!r}}}
c.DockerSpawner.image = {image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.start_timeout = 300

def note(spawner, what):
    line = json.dumps({{"what": what, "user": spawner.user.name, "time": time.time()}})
    with open({record!r}, "a") as stream:
        stream.write(line + "\\n")

# The child's own start, wherever it is called: by the hub, or by the wrapper.
from dockerspawner import DockerSpawner
whole = DockerSpawner.start
async def start(self):
    note(self, "start")
    try:
        return await whole(self)
    finally:
        note(self, "started")
DockerSpawner.start = start
"""
_BARE = """
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
"""
_OURS = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
"""
# A page of ours learns an image by an option of the API, DockerSpawner by its own.
_ALLOWED = "c.DockerSpawner.allowed_images = '*'\n"


def make(kind: str, engine: DockerEngine) -> Hub:
    """A hub of ``bare`` or ``ours``, not started."""
    site = {"targets": {"lab": {"kind": "docker", "url": engine.url}}}
    profiles = {"lab": {"targets": ["lab"], "form": "child"}}
    hub = Hub(
        mode="plain",
        site={**site, "profiles": profiles},
        environment={"PYTHONPATH": str(SOURCES)},
    )
    text = _COMMON + (_BARE if kind == "bare" else _OURS)
    values = {
        "gateway": engine.gateway,
        "url": engine.url,
        "image": images.STUB_IMAGE,
        "prefix": hub.id,
        "record": str(hub.folder / "record.jsonl"),
        "file": str(hub.file),
        "state": str(hub.state.root),
    }
    hub.write_config(text.format(**values) + _ALLOWED)
    return hub


def times(hub: Hub, user: str) -> dict[str, float]:
    """When a user's child began and ended its last start, in seconds since the epoch."""
    lines = (hub.folder / "record.jsonl").read_text("utf-8").splitlines()
    found = [each for each in map(json.loads, lines) if each["user"] == user]
    return {each["what"]: each["time"] for each in found}


def clean(engine: DockerEngine, *hubs: Hub) -> None:
    """Remove what the hubs have left at the engine."""
    with contextlib.closing(engine.client()) as client:
        for hub in hubs:
            for container in client.containers.list(all=True, filters={"name": hub.id}):
                container.remove(force=True, v=True)
