"""What the contract does to containers behind a kind's back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound
from tests.contract.stub import StubSubject

from jupyterhub_anywhere.testing.faults.rules import Action, Rule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyterhub_anywhere.testing.faults.control import Control

VOLUMES = "contract-"


class ContainerSubject(StubSubject):
    """Containers of one engine, which a proxy before it can cut off.

    Args:
        client: Speaks to the engine itself.
        proxy: What hubs speak to.
        image: A stub's.
    """

    def __init__(self, client: Any, proxy: Control, image: str) -> None:
        self.client, self.proxy, self.image = client, proxy, image

    async def names(self) -> set[str]:
        return {each.name for each in self.client.containers.list(all=True)}

    async def kill(self, name: str) -> None:
        container = self.client.containers.get(name)
        container.kill()
        # One that is removed at its end may be gone by now.
        with contextlib.suppress(NotFound):
            container.wait()

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        made = self.client.containers.run(self.image, name=name, detach=True)

        async def untouched() -> bool:
            made.reload()
            return bool(made.status == "running")

        return untouched

    def away(self) -> None:
        self.proxy.rules(Rule(Action.CUT))
        self.proxy.drop()

    def back(self) -> None:
        self.proxy.rules()

    async def let_go(self, target: Any) -> None:
        await asyncio.to_thread(target.engine.close)

    async def close(self) -> None:
        self.back()
        for each in self.client.containers.list(all=True):
            each.remove(force=True, v=True)
        for each in self.client.volumes.list():
            if each.name.startswith(VOLUMES):
                each.remove()
