"""Engines, and what exists at them: they fail, hang, lie and lose replies, as real ones do."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.core.observation import Observation, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.testing.model.life import Life
    from jupyterhub_anywhere.testing.model.time import VirtualLoop

_numbers = itertools.count(1)


class EngineError(Exception):
    """The engine could not be asked, or refuses."""


@dataclass(slots=True)
class Thing:
    """A container, a process, a machine.

    Attributes:
        name: Its name.
        hub: Whose label it has; empty for none.
        user: The user in its label.
        server: The server in its label.
        lease: The lease in its label.
        keep: Whether it stays when it is stopped.
        token: The token that it was made with.
        alive: Whether it serves.
        created: When it was made, as its engine says; None where it does not.
        by: The lease that it was started for last: what is kept is taken up with its old label.
        uid: Never given twice.
    """

    name: str
    hub: str
    user: str = ""
    server: str = ""
    lease: str = ""
    keep: bool = False
    token: int = 0
    alive: bool = True
    created: datetime | None = None
    by: str = ""
    uid: int = field(default_factory=lambda: next(_numbers))

    def __post_init__(self) -> None:
        self.by = self.by or self.lease


@dataclass(slots=True)
class Faults:
    """What is wrong with an engine just now. Numbers count down with each call they are for.

    Attributes:
        fails: Every call raises.
        hangs: No call is answered before this is over.
        empty: The next list is empty.
        partial: The next list lacks half.
        lost_reply: The next create is done, and fails.
        late: The next create fails, and is done this many seconds later.
        refuses: As many calls that stop or destroy fail.
        lies: As many calls that destroy say "done" and do nothing.
        twice: The next call that changes something arrives once more, this many seconds later.
    """

    fails: bool = False
    hangs: bool = False
    empty: bool = False
    partial: bool = False
    lost_reply: bool = False
    late: float = 0.0
    refuses: int = 0
    lies: int = 0
    twice: float = 0.0


class Engine:
    """One engine.

    Args:
        name: The target's name.
        keeps: Whether what is stopped stays.
        loop: Time.
        seconds: How long half a call takes, by what is asked of what.
        on_make: Told of everything that is about to be made.
        on_end: Told of everything that ends something alive, or destroys what keeps files: the
            thing, whether it is destroyed, and by which verb.
    """

    def __init__(  # noqa: PLR0913 - what it tells, and to whom
        self,
        name: str,
        *,
        keeps: bool,
        loop: VirtualLoop,
        seconds: Callable[[str], float],
        on_make: Callable[[Thing], None],
        on_end: Callable[[Engine, Thing, bool], None],
    ) -> None:
        self.name, self.keeps = name, keeps
        self._loop, self._seconds = loop, seconds
        self._on_make, self._on_end = on_make, on_end
        self.things: dict[str, Thing] = {}
        self.faults = Faults()
        self.id = f"{name}-1"
        self._other: dict[str, Thing] = {}
        self._lied = False

    # --- what people do to it ---------------------------------------------------------------------

    def replace(self) -> None:
        """Another engine answers, which knows of nothing; again, and the first one is back."""
        self.id = f"{self.name}-2" if self.id == f"{self.name}-1" else f"{self.name}-1"
        self.things, self._other = self._other, self.things

    @property
    def replaced(self) -> bool:
        """Whether it is not the first one."""
        return self.id != f"{self.name}-1"

    @property
    def away(self) -> list[Thing]:
        """What exists at the engine that does not answer."""
        return [*self._other.values()]

    @property
    def everything(self) -> list[Thing]:
        """What exists at both engines."""
        return [*self.things.values(), *self.away]

    # --- calls ------------------------------------------------------------------------------------

    async def _travel(self, what: str) -> None:
        await asyncio.sleep(self._seconds(f"{self.name} {what}"))
        while self.faults.hangs:  # noqa: ASYNC110 - whoever sets it is no coroutine
            await asyncio.sleep(5.0)
        if self.faults.fails:
            raise EngineError("500 Internal Server Error")

    async def listing(self) -> list[Thing]:
        """Everything; or not, where it lies. It does not lie twice in a row."""
        await self._travel("list")
        found = [replace(each) for each in self.things.values()]
        faults, honest = self.faults, not self._lied
        self._lied = False
        if faults.empty and honest:
            faults.empty, self._lied, found = False, True, []
        elif faults.partial and honest:
            faults.partial, self._lied, found = False, True, found[: len(found) // 2]
        await asyncio.sleep(self._seconds(f"{self.name} listed"))
        return found

    async def inspect(self, name: str) -> Thing | None:
        """One thing; None where there is none of this name.

        Raises:
            EngineError: It could not be asked.
        """
        await self._travel(f"inspect {name}")
        thing = self.things.get(name)
        return None if thing is None else replace(thing)

    async def create(self, thing: Thing, engine: str) -> None:
        """Make something, or start what was kept.

        Args:
            thing: What.
            engine: The id of the engine that it is to be made at.

        Raises:
            EngineError: It could not be asked, is another one, or the name is taken.
        """
        self._on_make(thing)
        await self._travel(f"create {thing.name}")
        if engine != self.id:
            raise EngineError("another engine answers")
        faults = self.faults
        if faults.late:
            self._loop.call_later(faults.late, self._create, thing)
            faults.late = 0.0
            raise EngineError("the connection broke")
        if not self._create(thing):
            raise EngineError(f"409 the name {thing.name} is taken")
        if faults.twice:
            self._loop.call_later(faults.twice, self._create, replace(thing))
            faults.twice = 0.0
        if faults.lost_reply:
            faults.lost_reply = False
            raise EngineError("the reply was lost")
        await asyncio.sleep(self._seconds(f"{self.name} created {thing.name}"))

    def _create(self, thing: Thing) -> bool:
        there = self.things.get(thing.name)
        if there is None:
            self.things[thing.name] = thing
            return True
        if not there.keep or there.hub != thing.hub:
            return False
        if not there.alive:
            there.alive, there.by = True, thing.by
        return True

    async def stop(self, name: str) -> None:
        """Stop something; what keeps files stays."""
        await self._change(name, None, gone=not self.keeps)

    async def destroy(self, uid: int, hub: str) -> None:
        """Remove something, where it has the hub's label."""
        for thing in list(self.things.values()):
            if thing.uid == uid and thing.hub == hub:
                await self._change(thing.name, uid, gone=True)
                return
        await self._travel("destroy")

    async def _change(self, name: str, uid: int | None, *, gone: bool) -> None:
        await self._travel(f"end {name}")
        faults = self.faults
        if faults.refuses:
            faults.refuses -= 1
            raise EngineError("409 removal is in progress")
        if faults.lies:
            faults.lies -= 1
            return
        thing = self.things.get(name)
        if thing is not None and uid in {None, thing.uid}:
            self._on_end(self, thing, gone)
            if gone:
                del self.things[name]
            else:
                thing.alive = False
        await asyncio.sleep(self._seconds(f"{self.name} ended {name}"))


class EngineInventory:
    """What one hub process asks an engine; implements `Inventory` and `Identified`.

    Args:
        engine: The engine.
        hub: Whose label.
        life: The process.
        on_list: Told of what is in a list.
    """

    def __init__(
        self, engine: Engine, hub: str, life: Life, on_list: Callable[[Sequence[Thing]], None]
    ) -> None:
        self.engine, self._hub, self._life = engine, hub, life
        self._on_list = on_list
        # As of Docker: the engine that answered when it was asked last.
        self._source = ""

    def ours(self, thing: Thing) -> bool:
        """Whether it has this hub's label."""
        return thing.hub == self._hub

    async def owned(self) -> Sequence[Resource]:
        """Everything with the hub's label.

        Raises:
            EngineError: It could not be asked.
        """
        self._life.cross()
        found = await self.engine.listing()
        self._life.cross()
        self._on_list(found)
        return [
            Resource(
                name=each.name,
                user=each.user,
                server=each.server,
                handle={"uid": each.uid, "hub": each.hub, "engine": self._source},
                lease=each.lease,
                alive=each.alive,
                exit_code=None if each.alive else 137,
                keep=each.keep,
                created=each.created,
            )
            for each in found
            if self.ours(each)
        ]

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """By one list."""
        found = {each.name for each in await self.owned() if each.alive}
        return {name: Observation(Phase.RUNNING if name in found else Phase.GONE) for name in names}

    async def destroy(self, resource: Resource) -> bool:
        """Remove it; says so, whether it is true or not.

        Raises:
            EngineError: It could not be asked, or refuses.
        """
        self._life.cross()
        await self.engine.destroy(resource.handle["uid"], resource.handle["hub"])
        self._life.cross()
        return True

    async def source(self) -> str:
        """Which engine answers.

        Raises:
            EngineError: It could not be asked.
        """
        self._life.cross()
        if self.engine.faults.fails:
            raise EngineError("500 Internal Server Error")
        self._source = self.engine.id
        return self._source
