"""A target that answers as it is told to, and time that passes without anybody waiting."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from jupyterhub_anywhere.core.inventory import Sweep
    from jupyterhub_anywhere.core.observation import Observation

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL: Final = 10.0
DEADLINE: Final = 5.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to whatever is due next."""

    def __init__(self) -> None:
        self.virtual = 0.0
        super().__init__()

    def time(self) -> float:
        return self.virtual

    def _run_once(self) -> None:
        loop: Any = self
        if not loop._ready and loop._scheduled:
            self.virtual = max(self.virtual, loop._scheduled[0].when())
        super()._run_once()  # type: ignore[misc]  # of the private base


class VirtualClock:
    """The loop's time; the time of day may be set."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.moved = timedelta()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._loop.time()) + self.moved

    def elapsed(self) -> float:
        return self._loop.time()


@dataclass
class Engine:
    """The world: what exists, and how it answers.

    Attributes:
        id: Who it is; None for one that does not say.
        things: What exists.
        trouble: What becomes of the next lists: an error, "hang", "empty", or "" for the truth.
        mute: The error of `source`; None where it answers.
        lists: How often it was asked for a list.
        sources: How often it was asked who it is.
    """

    id: str = "engine-a"
    things: dict[str, Resource] = field(default_factory=dict)
    trouble: Any = ""
    mute: Exception | None = None
    lists: int = 0
    sources: int = 0
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self, *names: str, **facts: Any) -> None:
        """Let something exist."""
        for name in names:
            self.things[name] = Resource(name=name, user=name, server="", **facts)

    async def owned(self) -> Sequence[Resource]:
        self.lists += 1
        await asyncio.sleep(0)
        trouble = self.trouble
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble == "hang":
            await self.freed.wait()
        return [] if trouble == "empty" else list(self.things.values())

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        raise AssertionError("one listing is for all: nobody asks for names")

    async def destroy(self, resource: Resource) -> bool:
        self.things.pop(resource.name, None)
        return True


class NamedEngine(Engine):
    """One that says who it is."""

    async def source(self) -> str:
        self.sources += 1
        if self.mute is not None:
            raise self.mute
        return self.id


@dataclass
class Stage:
    """A watch at an engine, in virtual time."""

    engine: Engine
    clock: VirtualClock
    watch: Watch

    async def wait(self, seconds: float = INTERVAL) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def round(self, trouble: Any = "", seconds: float = INTERVAL) -> Sweep:
        """One interval, and a sweep with whatever trouble at its end."""
        await self.wait(seconds)
        self.engine.trouble = trouble
        return await self.watch.sweep()


def staged(play: Callable[[Stage], Awaitable[None]], engine: Engine | None = None) -> None:
    """Play something in virtual time, with a watch that looks at an engine."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(_staged(play, engine, VirtualClock(loop)))


async def _staged(
    play: Callable[[Stage], Awaitable[None]], engine: Engine | None, clock: VirtualClock
) -> None:
    engine = NamedEngine() if engine is None else engine
    stage = Stage(engine, clock, watch_of(engine, clock))
    try:
        await play(stage)
    finally:
        await stage.watch.close()


def watch_of(engine: Engine, clock: VirtualClock, target: str = "lab") -> Watch:
    """A watch of an engine."""
    breaker = Breaker(clock, Random(7))
    return Watch(target, engine, deadline=DEADLINE, clock=clock, breaker=breaker)
