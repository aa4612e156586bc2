"""The contract's part on what runs, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.testing.contract.hub import AGAIN
from jupyterhub_anywhere.testing.contract.needs import needs
from jupyterhub_anywhere.testing.contract.subject import Can

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.testing.contract.stage import Stage

# What a program's status is when it was killed.
KILLED: Final = 137
# Seconds in which a child's stop has to come back, however the engine is.
BOUND: Final = 60.0


class Ends:
    """What is said of a server, and how it ends."""

    async def test_between_two_lists_nobody_is_asked(self, stage: Stage) -> None:
        """However often the hub asks whether it runs."""
        hub = await stage.begin()
        spawner = await hub.start()
        await hub.look()
        asked = [_counted(hub.watch().inventory, "owned"), _counted(spawner.child, "poll")]
        for _ in range(20):
            assert await spawner.poll() is None
        assert asked == [[], []]
        await hub.look()
        assert asked == [[1], []]

    async def test_a_stop_is_proven_by_the_list(self, stage: Stage) -> None:
        """After it nothing runs; the token is dead; the ledger says gone, or kept."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        await hub.stop()
        await hub.sweep(2)
        assert not hub.runs()
        assert [each.name for each in await hub.owned() if each.alive] == []
        if lease.keeps:
            [kept] = await hub.leases()
            assert (kept.id, kept.state) == (lease.id, State.KEPT)
        else:
            assert await hub.leases() == []
            assert await stage.names() == []
            assert hub.tokens() == 0

    async def test_a_stop_can_be_said_again(self, stage: Stage) -> None:
        """At the same time, later, and of what is not there: it comes back, and never raises."""
        hub = await stage.begin()
        spawner = await hub.start()
        child = spawner.child
        async with asyncio.timeout(BOUND):
            await asyncio.gather(child.stop(), child.stop())
            await child.stop()
        assert await child.poll() is not None
        await hub.stop()
        await hub.settle()
        async with asyncio.timeout(BOUND):
            await child.stop()
        assert [each for each in await hub.owned() if each.alive] == []

    @needs(Can.AWAY)
    async def test_a_stop_without_an_engine_comes_back(self, stage: Stage) -> None:
        """It stands in the ledger, and is done when the engine is there again; it never raises."""
        hub = await stage.begin()
        spawner = await hub.start()
        lease = await hub.lease()
        stage.subject.away()
        async with asyncio.timeout(BOUND):
            await spawner.stop()
        assert (await hub.lease()).state is State.STOPPING
        await hub.sweep(2)
        assert (await hub.lease()).state is State.STOPPING
        stage.subject.back()
        await hub.stop()
        left = await hub.settle()
        assert [each.state for each in left] == ([State.KEPT] if lease.keeps else [])
        assert [each for each in await hub.owned() if each.alive] == []

    async def test_what_ended_by_itself_is_gone(self, stage: Stage) -> None:
        """With its status where that is known; the hub takes leave of it, and of its token."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        await hub.look()
        await stage.subject.kill(lease.name)
        await hub.look()
        await hub.look()
        seen = await hub.observe(lease)
        assert seen.phase is Phase.GONE
        if Can.STATUS in stage.can:
            assert seen.exit_code == KILLED
        left = await hub.settle()
        assert not hub.runs()
        assert [each.state for each in left] == ([State.KEPT] if lease.keeps else [])
        if not lease.keeps:
            assert hub.tokens() == 0
            assert await stage.names() == []

    @needs(Can.KEEPS)
    async def test_what_is_kept_comes_back(self, stage: Stage) -> None:
        """Under the same name and lease, and no second one beside it."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        for _ in range(2):
            await hub.stop()
            await hub.sweep(4, after=AGAIN)
            assert (await hub.lease()).state is State.KEPT
            assert await stage.names() == [lease.name]
            await hub.start()
            again = await hub.lease()
            assert (again.id, again.name, again.state) == (lease.id, lease.name, State.RUNNING)
            assert await stage.names() == [lease.name]

    @needs(Can.FILES)
    async def test_files_outlive_a_server(self, stage: Stage) -> None:
        """What a user wrote is there after a stop and a start, and after the server's own end."""
        hub = await stage.begin()
        spawner = await hub.start()
        await stage.subject.write(spawner.server.url, "precious")
        await hub.stop()
        await hub.settle()
        spawner = await hub.start()
        assert await stage.subject.read(spawner.server.url) == "precious"
        await stage.subject.kill((await hub.lease()).name)
        await hub.settle()
        spawner = await hub.start()
        assert await stage.subject.read(spawner.server.url) == "precious"

    @needs(Can.KEEPS)
    async def test_only_the_end_of_its_user_removes_what_is_kept(self, stage: Stage) -> None:
        """No look does, in no time; `delete_forever` does."""
        hub = await stage.begin()
        await hub.start()
        await hub.stop()
        kept = await hub.lease()
        await hub.sweep(5, after=AGAIN)
        assert await stage.names() == [kept.name]
        await hub.delete()
        assert await hub.settle() == []
        assert await stage.names() == []


def _counted(owner: Any, method: str) -> list[int]:
    """Count the calls of a method, which is called all the same."""
    asked: list[int] = []
    own: Callable[..., Any] = getattr(owner, method)

    def counting(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        return own(*args, **kwargs)

    setattr(owner, method, counting)
    return asked
