"""The contract's part on hubs that come and go, engines that are away, and what is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.testing.contract.hub import AGAIN, GRACE
from jupyterhub_anywhere.testing.contract.needs import needs
from jupyterhub_anywhere.testing.contract.subject import Can

if TYPE_CHECKING:
    from jupyterhub_anywhere.testing.contract.stage import Stage


class Lives:
    """What is left when something else is lost."""

    async def test_the_next_hub_finds_it_again(self, stage: Stage) -> None:
        """The same server, at the same address, under the same lease; and can end it."""
        hub = await stage.begin()
        before = await hub.start()
        url, lease = await before.get_url(), await hub.lease()
        hub = await stage.begin()
        spawner = hub.person(hub.user).spawners[""]
        assert await spawner.poll() is None
        assert await spawner.get_url() == url
        await hub.sweep(3)
        found = await hub.lease()
        assert (found.id, found.state) == (lease.id, State.RUNNING)
        assert hub.runs()
        await hub.stop()
        await hub.settle()
        assert [each for each in await hub.owned() if each.alive] == []

    async def test_another_hubs_is_not_ours(self, stage: Stage) -> None:
        """It is not in our list, and nothing of ours ends it, also where it is told to."""
        theirs = await stage.begin(stage.theirs, user="bob")
        await theirs.start()
        lease = await theirs.lease()
        [resource] = await theirs.owned()
        hub = await stage.begin()
        await hub.start()
        await hub.sweep(3, after=GRACE)
        assert [each.user for each in await hub.owned()] == [hub.user]
        await hub.watch().inventory.destroy(resource)
        await hub.stop()
        await hub.settle()
        theirs = await stage.begin(stage.theirs, user="bob")
        await theirs.sweep(2)
        found = await theirs.lease()
        assert (found.id, found.state) == (lease.id, State.RUNNING)
        [still] = await theirs.owned()
        assert (still.name, still.lease, still.alive) == (resource.name, lease.id, True)

    @needs(Can.STRANGERS)
    async def test_what_lacks_a_label_is_never_touched(self, stage: Stage) -> None:
        """Whatever it is called, and however long it is there."""
        hub = await stage.begin()
        untouched = await stage.subject.stranger(f"jupyter-{hub.user}-stranger")
        await hub.start()
        assert len(await hub.owned()) == 1
        await hub.sweep(3, after=AGAIN)
        await hub.delete()
        await hub.settle()
        assert await untouched()

    @needs(Can.AWAY)
    async def test_an_engine_that_is_away_proves_nothing(self, stage: Stage) -> None:
        """The server is unknown, not gone; it keeps its row and token, and runs all the while."""
        hub = await stage.begin()
        spawner = await hub.start()
        lease = await hub.lease()
        await hub.look()
        stage.subject.away()
        # Later than what ran in the last list counts as running.
        await hub.sweep(4, after=40)
        seen = await hub.observe(lease)
        assert seen.phase is Phase.UNKNOWN
        assert seen.detail
        assert (await hub.lease()).state is State.UNKNOWN
        assert hub.watch().health.since is not None
        assert await spawner.poll() is None
        assert (hub.runs(), hub.tokens()) == (True, 1)
        # The next hub knows no more than that.
        hub = await stage.begin()
        await hub.sweep(3, after=40)
        assert (hub.runs(), hub.tokens()) == (True, 1)
        assert (await hub.lease()).state is State.UNKNOWN
        stage.subject.back()
        await hub.sweep(2, after=AGAIN)
        found = await hub.lease()
        assert (found.id, found.state) == (lease.id, State.RUNNING)
        assert hub.runs()

    async def test_labels_alone_are_enough_to_adopt(self, stage: Stage) -> None:
        """With the ledger lost, a server that the hub knows goes on under its own lease."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        await stage.end()
        stage.lose(ledger=True)
        hub = await stage.begin()
        await hub.sweep(4, after=GRACE)
        found = await hub.lease()
        assert (found.id, found.name, found.user) == (lease.id, lease.name, lease.user)
        assert (found.state, hub.runs()) == (State.RUNNING, True)
        await hub.stop()
        await hub.settle()
        assert [each for each in await hub.owned() if each.alive] == []

    async def test_a_hub_without_a_memory_removes_nothing(self, stage: Stage) -> None:
        """With ledger and database lost, everything is listed, and nothing ends."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        await stage.end()
        stage.lose(ledger=True, database=True)
        hub = await stage.begin(user="bob")
        await hub.sweep(4, after=AGAIN)
        [found] = await hub.owned()
        assert (found.lease, found.user, found.alive) == (lease.id, lease.user, True)
        assert await stage.names() == [lease.name]
