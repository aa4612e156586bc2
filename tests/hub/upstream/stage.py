"""One hub of either side on its cloud, and what is done to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import httpx
from tests.hub.harness import SOURCES, Hub, wait_for
from tests.hub.upstream.machines import Machines

from engines.ancestors import supplies
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from types import TracebackType

Side = Literal["theirs", "ours"]
SIDES: Final[tuple[Side, ...]] = ("theirs", "ours")
CONFIG: Final = Path(__file__).with_name("hub_config.py")
CUSTOMS: Final = Path(__file__).parents[2] / "unit" / "compat" / "customs"
OPTIONS: Final = {"userserver_image": "debian", "userserver_size": "small"}
_READ: Final = """
exec(compile(open({path!r}, "rb").read(), {path!r}, "exec"))
"""
_SPAWNERS: Final = {
    "theirs": "libcloudspawner.spawner.LibcloudSpawner",
    "ours": "jupyterhub_anywhere.compat.LibcloudSpawner",
}


class Stage:
    """A cloud and a hub.

    Args:
        side: Whose spawner.
        settings: What differs from the usual; see hub_config.py.

    Attributes:
        side: Whose spawner.
        cloud: The cloud.
        hub: The hub.
    """

    def __init__(self, side: Side, **settings: Any) -> None:
        self.side: Side = side
        self.cloud = Machines()
        self.cloud.add_image("secret")
        self.cloud.add_image("twice")
        self.cloud.add_image("twice")
        self._world = OpenStackWorld(self.cloud)
        paths = [
            str(SOURCES),
            str(CUSTOMS),
            *([str(supplies.folder())] if side == "theirs" else []),
        ]
        self.hub = Hub(mode="plain", environment={"PYTHONPATH": os.pathsep.join(paths)})
        self._notes = self.hub.folder / "notes"
        told = {
            **settings,
            "spawner": _SPAWNERS[side],
            "ours": side == "ours",
            "cloud": self._world.url,
            "notes": str(self._notes),
            "folder": str(self.hub.state.root),
        }
        self.hub.environment["ANYWHERE_STAGE"] = json.dumps(told)
        self.hub.write_config(_READ.format(path=str(CONFIG)))
        self._before = 0

    def __enter__(self) -> Self:
        self._world.__enter__()
        try:
            self.hub.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hub.close()
        self.cloud.fresh()
        self._world.__exit__(kind, error, trace)

    # --- what is seen ----------------------------------------------------------------------------

    def log(self) -> str:
        """All that the hub has said since `fresh`."""
        return self.hub.output()[self._before :]

    def notes(self) -> list[dict[str, Any]]:
        """What has waited for the network since `fresh`; see hub_config.py."""
        lines = self._notes.read_text("utf-8").splitlines() if self._notes.exists() else []
        return [json.loads(line) for line in lines]

    def model(self, user: str, server: str = "") -> dict[str, Any]:
        """What the hub says of a server; empty where none is, or comes, or goes."""
        found = self._servers(user).get(server) or {}
        return found if found.get("ready") or found.get("pending") else {}

    def _servers(self, user: str) -> dict[str, Any]:
        answer = self.hub.api("GET", f"users/{user}", params={"include_stopped_servers": "1"})
        # LibcloudSpawner has no state of a server that failed and whose machine it still knows:
        # whatever is asked of that user is an error 500. See `acts.late`.
        forgotten = httpx.codes.INTERNAL_SERVER_ERROR if self.side == "theirs" else None
        if answer.status_code in {httpx.codes.NOT_FOUND, forgotten}:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["servers"]
        return found

    def left(self) -> int:
        """How many machines are there once nothing goes on any more.

        LibcloudSpawner does nothing later, so nothing is waited for; ours has its time to find
        them, and a machine that it does not find is told as one.
        """
        if self.side == "ours":
            # Nothing happens at this cloud but when somebody looks; ours looks.
            try:
                wait_for(lambda: not self.cloud.servers, what="no machine")
            except AssertionError:
                return len(self.cloud.servers)
        with self.cloud.lock:
            for each in list(self.cloud.servers.values()):
                self.cloud.look_at(each)
            return len(self.cloud.servers)

    # --- what is done ----------------------------------------------------------------------------

    def ask(self, user: str, server: str = "", **more: Any) -> httpx.Response:
        """Ask for a server, and do not wait until it is there."""
        self.hub.add_user(user)
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        return self.hub.api("POST", path, json={"user_options": {**OPTIONS, **more}}, timeout=120)

    def start(self, user: str, server: str = "", **more: Any) -> None:
        """Start a server, until it is ready.

        Raises:
            AssertionError: It is not.
        """
        answer = self.ask(user, server, **more)
        assert answer.is_success, f"{answer.text}\n{self.hub.logs()}"
        assert self.settled(user, server), self.hub.logs()

    def stop(self, user: str, server: str = "") -> None:
        """Stop a server, until the hub says that it is."""
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        self.hub.api("DELETE", path, timeout=120)
        self.over(user, server)

    def over(self, user: str, server: str = "") -> None:
        """Wait until the hub has no such server."""
        wait_for(lambda: not self.model(user, server), what=f"the end of {user}'s server")

    def settled(self, user: str, server: str = "") -> bool:
        """Wait until a start has ended; whether it is ready."""

        def known() -> dict[str, Any]:
            model = self.model(user, server)
            return {"ready": bool(model)} if not model.get("pending") else {}

        return bool(wait_for(known, what=f"the end of {user}'s start")["ready"])

    def restart(self, *, away: bool = False) -> None:
        """Kill the hub, and start it again; with the cloud away meanwhile and after."""
        self.hub.kill()
        if away:
            self.cloud.away()
        self.hub.start()

    def end(self, *users: str) -> None:
        """Stop all that an act has left, and forget it: for the next one.

        Raises:
            AssertionError: Ours has left a machine.
        """
        self.cloud.back()
        self.cloud.silent, self.cloud.broken = False, ""
        for user in users:
            for name in self._servers(user):
                if self.model(user, name):
                    self.stop(user, name)
        if self.side == "ours":
            assert self.left() == 0, self.hub.logs()
        self.fresh()

    def fresh(self) -> None:
        """Forget what was."""
        self.cloud.fresh()
        self._before = len(self.hub.output())
        self._notes.unlink(missing_ok=True)
