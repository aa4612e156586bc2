"""A hub whose servers are containers, before a fault proxy, as `run.Subject`."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.engines.docker_hub import OURS, STOCK, DockerHub
from tests.hub import kill_troubles
from tests.hub.forked_hub import ForkedHub, LastingProxy
from tests.hub.harness import Hub
from tests.hub.kill_hubs import HASTY_LEDGER, LEDGER

from jupyterhub_anywhere.targets.docker.labels import Owner, of_server
from jupyterhub_anywhere.testing.faults.run import Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from engines.docker.engine import DockerEngine
    from jupyterhub_anywhere.testing.faults.control import Control
    from jupyterhub_anywhere.testing.faults.kills import Plan
    from jupyterhub_anywhere.testing.faults.run import Trouble
    from jupyterhub_anywhere.testing.faults.zygote import Zygote

# Deadlines in the size of a test; the proxy's slow answers are slower. A container goes with its
# server, as administrators mostly have it: what is there of a server that is none is a leak.
_COMMON = """
from jupyterhub_anywhere.testing.faults import kills
kills.install({folder!r})
c.DockerSpawner.client_kwargs = {{"base_url": {url!r}, "timeout": 3}}
c.DockerSpawner.remove = {remove}
c.Spawner.start_timeout = 20
c.Spawner.http_timeout = 15
c.Spawner.poll_interval = 1
"""
_FILE = "kept.txt"
_WORDS = "what a user has written"


class DockerSubject:
    """One hub at one engine.

    Args:
        engine: The engine itself, which tells what really runs.
        image: What servers run.
        control: The proxy between hub and engine; None for none.
        stock: Whether it is JupyterHub with the bare DockerSpawner.
        keeps: Whether containers stay when servers stop; those that have ended are no leaks then.
        zygote: What forks the hub's processes; such a hub looks around more often, and its proxy
            outlives it.
    """

    def __init__(
        self,
        engine: DockerEngine,
        image: str,
        control: Control | None,
        *,
        stock: bool = False,
        keeps: bool = False,
        zygote: Zygote | None = None,
    ) -> None:
        self._engine = engine
        self._image = image
        url = control.url if control is not None else engine.url
        make = Hub if zygote is None else partial(ForkedHub, zygote)
        self.made = DockerHub(engine, image, url, make)
        self.hub = self.made.hub
        self.folder = self.hub.folder / "kills"
        self.folder.mkdir()
        target = {"kind": "docker", "url": url}
        ledger = LEDGER if zygote is None else HASTY_LEDGER
        self.hub.write_site({"targets": {"lab": target}, "hub": {"ledger": ledger}})
        self._keeps = keeps
        common = _COMMON.format(folder=str(self.folder), url=url, remove=not keeps)
        self._proxy = LastingProxy(self.hub) if zygote is not None else None
        if self._proxy is not None:
            common += self._proxy.config
        self.made.configure(STOCK if stock else OURS, extra=common)

    # --- the hub ---------------------------------------------------------------------------------

    def boot(self) -> None:
        if self._proxy is not None:
            self._proxy.start()
        self.hub.start()

    def launch(self) -> None:
        self.hub.launch()

    def kill(self) -> None:
        self.hub.kill()

    def ended(self) -> bool:
        return self.hub.process is None or self.hub.process.poll() is not None

    def up(self) -> bool:
        return not self.ended() and self.hub.answers()

    def close(self) -> None:
        """End the hub, and remove what it has at the engine."""
        try:
            self.made.close()
        finally:
            if self._proxy is not None:
                self._proxy.close()

    # --- users -----------------------------------------------------------------------------------

    def add(self, user: str) -> None:
        self.hub.add_user(user)

    def ask_start(self, user: str) -> None:
        self._ask("POST", user)

    def ask_stop(self, user: str) -> None:
        self._ask("DELETE", user)

    def _ask(self, method: str, user: str) -> None:
        with contextlib.suppress(httpx.TransportError):
            self.hub.api(method, f"users/{user}/server", json={} if method == "POST" else None)

    def told(self, user: str) -> Told:
        model = self.hub.server(user)
        tokens = self.hub.api("GET", f"users/{user}/tokens")
        tokens.raise_for_status()
        notes = [each.get("note") or "" for each in tokens.json()["api_tokens"]]
        return Told(
            ready=bool(model and model["ready"]),
            pending=str((model or {}).get("pending") or ""),
            tokens=sum(note.startswith("Server at") for note in notes),
        )

    def serves(self, user: str) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.made.ask(user, "stub/about").status_code == httpx.codes.OK
        return False

    def files(self, user: str) -> str:
        """What the user's volume has; written at the first look."""
        file = f"stub/files/{_FILE}"
        with contextlib.suppress(FileNotFoundError):
            return self._volume(user).read_text()
        self.made.ask(user, file, method="PUT", content=_WORDS.encode())
        with contextlib.suppress(FileNotFoundError):
            return self._volume(user).read_text()
        return ""

    def _volume(self, user: str) -> Path:
        name = f"{self.made.prefix}-{user}-"
        return Path(self._engine.folder) / "data" / "volumes" / name / "_data" / _FILE

    # --- the world -------------------------------------------------------------------------------

    def _containers(self) -> list[dict[str, Any]]:
        with contextlib.closing(self._engine.client()) as client:
            found: list[dict[str, Any]] = client.api.containers(
                all=True, filters={"name": f"^/{self.made.prefix}-"}
            )
        return found

    def running(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for each in self._containers():
            user = each["Names"][0].lstrip("/").removeprefix(f"{self.made.prefix}-")
            # What was made and does not run is no healthy server, and is left over all the same.
            state = "" if each["State"] == "running" else f" {each['State']}"
            if state and self._keeps:
                continue
            found.setdefault(user, set()).add(each["Id"] + state)
        return {user: frozenset(each) for user, each in found.items()}

    def clear(self, user: str) -> None:
        from docker.errors import APIError

        with contextlib.closing(self._engine.client()) as client:
            for each in self._containers():
                if each["Names"][0] == f"/{self.made.prefix}-{user}":
                    with contextlib.suppress(APIError):
                        client.api.remove_container(each["Id"], force=True, v=True)

    def trouble(self, user: str, sort: Trouble, plan: Plan) -> None:
        kill_troubles.arise(self, user, sort, plan, self._stray, end=self._end)

    def _end(self, user: str) -> None:
        """Let the user's server end by itself."""
        self.clear(user)

    def _stray(self, user: str) -> None:
        """A container with the hub's label that belongs to no lease."""
        owner = Owner(self.hub.id, "lab", user, "")
        labels = of_server(owner, keep=self._keeps, lease="", gpus=())
        with contextlib.closing(self._engine.client()) as client:
            made = client.api.create_container(
                self._image,
                ["sleep", "600"],
                name=f"{self.made.prefix}-{user}",
                labels=labels,
            )
            client.api.start(made["Id"])
