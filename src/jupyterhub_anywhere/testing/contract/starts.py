"""The contract's part on starts."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from jupyterhub_anywhere.core.names import MAX_USER_NAME
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.spawner.stages import Stage as Step
from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.testing.contract.needs import needs
from jupyterhub_anywhere.testing.contract.subject import BAD, CRASHING, ONE, TWO, Can

if TYPE_CHECKING:
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.testing.contract.stage import Stage

# Docker tells times in whole seconds, and the kernel those of processes from a boot time in them.
_ROUGHLY: Final = timedelta(seconds=2)
# Moments of a start at which it is cancelled: how often the event loop has had its turn.
CANCELLED_AFTER: Final = (0, 3, 10, 30, 60, 100)


class Starts:
    """What becomes of a start."""

    async def test_a_start_makes_one_resource_as_its_lease_says(self, stage: Stage) -> None:
        """One thing is made; its label has hub and lease, and it is called as the lease says."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        assert (lease.state, lease.hub, lease.target) == (State.RUNNING, stage.ours, ONE)
        assert await stage.names() == [lease.name]
        [found] = await hub.owned()
        assert (found.name, found.lease) == (lease.name, lease.id)
        assert hub.tokens() == 1

    async def test_the_name_is_committed_before_anything_exists(self, stage: Stage) -> None:
        """Another reader of the ledger knows the name while nothing is there."""
        hub = await stage.begin()
        seen: list[tuple[str, list[str], Any]] = []

        async def look(when: str, lease: Lease) -> None:
            file = StatePaths(stage.folder / stage.ours / "state").ledger
            with closing(sqlite3.connect(file)) as other:
                text = "select name, state from anywhere_leases where id = ?"
                [row] = other.execute(text, (lease.id,)).fetchall()
            seen.append((when, await stage.names(), row))

        hub.ledger.witnesses.append(look)
        await hub.start()
        name = (await hub.lease()).name
        assert seen == [("before", [], (name, "wanted")), ("after", [], (name, "starting"))]
        assert await stage.names() == [name]

    async def test_a_list_tells_whose_it_is(self, stage: Stage) -> None:
        """User, server and lease, that it runs, and when it was made."""
        hub = await stage.begin()
        before = datetime.now(UTC) - _ROUGHLY
        await hub.start(server="second")
        lease = await hub.lease(server="second")
        sweep = await hub.look()
        assert sweep.succeeded, sweep.reason
        [found] = sweep.resources.values()
        told = found.name, found.user, found.server, found.lease, found.alive
        assert told == (lease.name, hub.user, "second", lease.id, True)
        assert (found.created is not None) == (Can.CREATED in stage.can)
        if found.created is not None:
            assert before <= found.created <= datetime.now(UTC) + _ROUGHLY
        health = hub.watch().health
        assert (health.since, health.failures) == (None, 0)
        assert health.observed is not None

    async def test_names_of_two_servers_never_meet(self, stage: Stage) -> None:
        """Neither do those of a user's servers, nor those of two users with long names."""
        hub = await stage.begin()
        long = "a" * (MAX_USER_NAME - 1)
        for user in (f"{long}1", f"{long}2"):
            await hub.start(user=user)
        await hub.start()
        await hub.start(server="second")
        leases = await hub.leases()
        names = [each.name for each in leases]
        assert len(set(names)) == len(names) == 4
        assert await stage.names() == sorted(names)
        found = {each.name: (each.user, each.server, each.lease) for each in await hub.owned()}
        assert found == {each.name: (each.user, each.server, each.id) for each in leases}

    async def test_the_same_name_is_refused_or_taken_over(self, stage: Stage) -> None:
        """What an earlier hub of this id has left under the name is never doubled."""
        hub = await stage.begin()
        await hub.start()
        left = await hub.lease()
        await stage.end()
        stage.lose(ledger=True, database=True)
        hub = await stage.begin()
        _, start = hub.begin_start()
        await asyncio.wait([start])
        if error := start.exception():
            assert failure_cause(error) is FailureCause.NAME_CONFLICT
            [found] = await hub.owned()
            assert (found.name, found.lease, found.alive) == (left.name, left.id, True)
            return
        await hub.sweep(2)
        lease = await hub.lease()
        assert (lease.state, hub.runs()) == (State.RUNNING, True)
        [found] = await hub.owned()
        # What is started again has the label that it was made with.
        assert found.lease in {lease.id, left.id}
        assert (found.name, found.alive) == (lease.name, True)
        assert await stage.names() == [lease.name]
        await hub.delete()
        assert await hub.settle() == []
        assert await stage.names() == []

    @needs(Can.STRANGERS)
    async def test_a_strangers_name_is_refused(self, stage: Stage) -> None:
        """What lacks our label is not taken over, not touched, and not counted."""
        hub = await stage.begin()
        await hub.start()
        name = (await hub.lease()).name
        await hub.delete()
        await hub.settle()
        assert await stage.names() == []
        untouched = await stage.subject.stranger(name)
        with pytest.raises(StartError) as caught:
            await hub.start()
        assert failure_cause(caught.value) is FailureCause.NAME_CONFLICT
        assert await hub.settle() == []
        assert await hub.owned() == []
        assert await untouched()

    async def test_a_cancelled_start_leaves_nothing(self, stage: Stage) -> None:
        """Wherever it was: after two looks nothing is there."""
        hub = await stage.begin()
        for number in CANCELLED_AFTER:
            _, start = hub.begin_start(server=f"s{number}")
            for _ in range(number):
                await asyncio.sleep(0)
            await hub.cancel(start, server=f"s{number}")
            await hub.sweep(2)
            assert await stage.names() == [], number
        assert await hub.settle() == []
        assert hub.tokens() == 0

    @needs(Can.BAD)
    async def test_a_bad_choice_has_a_cause(self, stage: Stage) -> None:
        """It is refused in words for its user, with one cause, and nothing is left."""
        hub = await stage.begin()
        with pytest.raises(StartError) as caught:
            await hub.start(BAD)
        cause = failure_cause(caught.value)
        assert cause is stage.subject.bad()[1]
        assert cause is not FailureCause.INTERNAL
        assert caught.value.jupyterhub_message
        await self._left_nothing(stage, hub)

    @needs(Can.CRASHES)
    async def test_a_crash_shows_the_end_of_its_log(self, stage: Stage) -> None:
        """Its last lines, without secrets, in words for its user; and nothing is left."""
        hub = await stage.begin()
        spawner, start = hub.begin_start(CRASHING)
        tokens: list[str] = []

        async def look(_: str, __: Lease) -> None:
            tokens.append(spawner.api_token)

        hub.ledger.witnesses.append(look)
        with pytest.raises(StartError) as caught:
            await start
        error = caught.value
        assert failure_cause(error) is FailureCause.CRASHED
        assert "last words" in error.jupyterhub_message
        told = f"{error} {error.jupyterhub_message} {error.log_message}"
        leases = await hub.leases() + await hub.past()
        assert tokens
        for token in tokens:
            assert token not in told
            assert all(token not in repr(each) for each in leases)
        await self._left_nothing(stage, hub)

    @staticmethod
    async def _left_nothing(stage: Stage, hub: Any) -> None:
        left = await hub.settle()
        assert [each.state for each in left] in ([], [State.KEPT])
        if not left:
            assert await stage.names() == []
        assert not hub.runs()

    async def test_stages_come_in_order(self, stage: Stage) -> None:
        """Each at most once, and told again to who looks later."""
        hub = await stage.begin()
        spawner = await hub.start()
        story = spawner.story
        story.end()
        told = [Step(each["stage"]) async for each in story.watch()]
        order = list(Step)
        assert told == sorted(told, key=order.index)
        assert len(set(told)) == len(told)
        assert {Step.PREPARING, Step.STARTING, Step.WAITING} <= set(told)

    async def test_two_targets_share_nothing(self, stage: Stage) -> None:
        """Each has a class and a list of its own; the end of one's server is not the other's."""
        hub = await stage.begin()
        first = await hub.start(ONE, user="bob")
        second = await hub.start(TWO, user="eve")
        assert type(first.child) is not type(second.child)
        ours, theirs = await hub.lease(user="bob"), await hub.lease(user="eve")
        listed = [{each.name for each in await hub.owned(name)} for name in (ONE, TWO)]
        if Can.APART in stage.can:
            assert listed == [{ours.name}, {theirs.name}]
        else:
            assert listed == [{ours.name, theirs.name}] * 2
            assert hub.watch(ONE) is hub.watch(TWO)
        await hub.stop(user="bob")
        await hub.sweep(2)
        assert (await hub.observe(theirs)).phase is Phase.RUNNING
        assert hub.runs(user="eve")
        assert (await hub.lease(user="eve")).state is State.RUNNING
