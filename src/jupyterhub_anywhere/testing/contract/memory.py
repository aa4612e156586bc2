"""The engine in this process, as a subject of the contract; it can do everything."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.testing.contract.memory_engine import KILLED, MemoryEngine, Thing
from jupyterhub_anywhere.testing.contract.memory_kind import CRASHING, MISSING, MemoryTarget
from jupyterhub_anywhere.testing.contract.subject import Keys, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from jupyterhub_anywhere.targets.base import Target


class MemorySubject(Subject):
    """Servers at an engine in this process.

    Args:
        keep: Whether what is stopped stays.
    """

    target: ClassVar[type[Target]] = MemoryTarget

    def __init__(self, *, keep: bool = True) -> None:
        self.keep = keep

    async def open(self) -> None:
        """Make an engine."""
        self.engine = MemoryEngine(secrets.token_hex(4))

    async def close(self) -> None:
        """End it."""
        await self.engine.close()

    def keys(self, **spawner: Any) -> Keys:
        """Where, and whether it keeps."""
        return {"engine": self.engine.address, "spawner": {"keep": self.keep, **spawner}}

    async def names(self) -> Collection[str]:
        """All things."""
        return list(self.engine.things)

    async def kill(self, name: str) -> None:
        """Let it end."""
        self.engine.halt(self.engine.things[name], KILLED)

    def bad(self) -> tuple[Keys, FailureCause]:
        """An image that is not there."""
        return self.keys(image=MISSING), FailureCause.IMAGE_NOT_FOUND

    def crashing(self) -> Keys:
        """An image whose program ends."""
        return self.keys(image=CRASHING)

    async def write(self, url: str, text: str) -> None:
        """Into the thing that listens there."""
        self.engine.files[self._at(url)] = text

    async def read(self, url: str) -> str:
        """Out of it."""
        return self.engine.files.get(self._at(url), "")

    def _at(self, url: str) -> str:
        port = urlsplit(url).port
        [found] = [each for each in self.engine.things.values() if each.port == port]
        # Where things go, their files are elsewhere.
        return f"{found.uid}" if self.keep else found.labels["user"]

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        """A thing without labels, which serves."""
        made: Thing = await self.engine.ask("create", name, {}, "")
        await self.engine.ask("boot", name)

        async def untouched() -> bool:
            return self.engine.things.get(name) is made and made.port > 0

        return untouched

    def away(self) -> None:
        """No call is answered."""
        self.engine.away = True

    def back(self) -> None:
        """Calls are answered."""
        self.engine.away = False

    def script(self, *faults: str) -> None:
        """What becomes of the next calls."""
        self.engine.script.clear()
        self.engine.script.extend(faults)

    def asked(self) -> int:
        """How many calls there were."""
        return self.engine.asked
