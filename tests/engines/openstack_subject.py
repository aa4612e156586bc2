"""What the contract does to machines of a real cloud behind a kind's back."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tests.contract.stub import CRASH, PROGRAM, StubSubject
from tests.engines.openstack_hub import hub_of, keys
from tests.hub.harness import free_port, wait_for
from tornado.httpserver import HTTPServer
from tornado.web import Application

from engines.openstack import layout as at
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import CloudTarget, api
from jupyterhub_anywhere.testing.faults.control import fault_proxy
from jupyterhub_anywhere.testing.faults.rules import Action, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack
    from jupyterhub_anywhere.testing.contract import Keys
    from jupyterhub_anywhere.testing.faults.control import Control

_ENDED: Final = frozenset({"SHUTOFF", "ERROR", ""})
_SECONDS: Final = 240.0


@contextlib.contextmanager
def nova_proxy() -> Iterator[Control]:
    """A fault proxy before Nova."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fault_proxy(
            f"127.0.0.1:{at.NOVA}", Path(folder), listen=f"127.0.0.1:{free_port()}"
        ) as control,
    ):
        yield control


class OpenStackSubject(StubSubject):
    """Guests of one cloud, whose Nova a proxy can cut off.

    Args:
        cloud: The cloud.
        proxy: What hubs speak to in place of Nova; see `nova_proxy`.
    """

    target: ClassVar[type[CloudTarget]] = CloudTarget
    on_stop: ClassVar[str] = "delete"

    def __init__(self, cloud: OpenStack, proxy: Control) -> None:
        self.cloud, self.proxy = cloud, proxy

    async def open(self) -> None:
        """Let machines reach the hubs of this process: the contract's have no web server."""
        self._door = HTTPServer(Application(api.ROUTES))
        self._door.listen(0, self.cloud.gateway)
        (listener,) = self._door._sockets.values()
        self._url = f"http://{self.cloud.gateway}:{listener.getsockname()[1]}"

    def keys(self, **traits: Any) -> Keys:
        """A target whose servers are the stub's."""
        wanted: dict[str, Any] = {
            "cmd": ["python3", "-c", PROGRAM],
            "size": "m1.tiny",
            "on_stop": self.on_stop,
        }
        wanted |= {"report_every": 2, **traits}
        found = keys(self.cloud, self._url, compute_url=f"{self.proxy.url}/v2.1", **wanted)
        return {name: value for name, value in found.items() if name != "kind"}

    def bad(self) -> tuple[Keys, FailureCause]:
        """An image that is not there."""
        return self.keys(image="no such image"), FailureCause.IMAGE_NOT_FOUND

    def crashing(self) -> Keys:
        """A program that ends at once."""
        return self.keys(cmd=["python3", "-c", CRASH])

    async def names(self) -> set[str]:
        """The names of all servers; of two with one name, each has its own. No other hub's."""
        found: set[str] = set()
        for each in await asyncio.to_thread(self.cloud.servers):
            if hub_of(each) in {"", *self.hubs}:
                new = each["name"] not in found
                found.add(each["name"] if new else f"{each['name']}~{each['id']}")
        return found

    async def kill(self, name: str) -> None:
        """Let the machine lose power, and wait until Nova knows."""
        await asyncio.to_thread(self._kill, name)

    def _kill(self, name: str) -> None:
        [found] = [each["id"] for each in self.cloud.servers() if each["name"] == name]
        self.cloud.kill_hypervisor(found)
        wait_for(lambda: self.cloud.status(found) in _ENDED, seconds=_SECONDS, what="its end")

    def away(self) -> None:
        """No call reaches Nova."""
        self.proxy.rules(Rule(Action.CUT))
        self.proxy.drop()

    def back(self) -> None:
        """Calls reach it."""
        self.proxy.rules()

    async def let_go(self, target: Any) -> None:
        """A hub has ended."""
        await target.place.close()

    async def close(self) -> None:
        """Remove whatever is left."""
        self.back()
        self._door.stop()
        await self._door.close_all_connections()
        await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        ids = [each["id"] for each in self.cloud.servers() if hub_of(each) in self.hubs]
        for each in ids:
            self.cloud.admin.delete("compute", f"/servers/{each}")
        wait_for(
            lambda: not any(self.cloud.status(each) for each in ids),
            seconds=_SECONDS,
            what="the end of what is left",
        )
