"""The contract's part for kinds of which single calls can be made to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.testing.contract.needs import needs
from jupyterhub_anywhere.testing.contract.subject import Can

if TYPE_CHECKING:
    from jupyterhub_anywhere.testing.contract.hub import HubProcess
    from jupyterhub_anywhere.testing.contract.stage import Stage

# More calls than a start or a stop makes.
_MOST: Final = 40


class Scripted:
    """Each call in turn fails, loses its answer, or is done twice."""

    @needs(Can.SCRIPTED)
    async def test_a_fault_in_a_start_leaks_nothing(self, stage: Stage) -> None:
        """Whichever call it meets: the server runs, or nothing is left of it."""
        hub = await stage.begin()
        for fault in ("fail", "lose", "twice"):
            for number in range(_MOST):
                name = f"{fault}-{number}"
                before = stage.subject.asked()
                stage.subject.script(*["pass"] * number, fault)
                try:
                    await hub.start(server=name)
                except StartError:
                    assert fault != "twice"
                met = stage.subject.asked() - before > number
                stage.subject.script()
                await hub.settle()
                await _agree(stage, hub)
                await hub.stop(server=name)
                await hub.settle()
                await _agree(stage, hub)
                if not met:
                    break
            assert not met, "a start makes more calls than expected"

    @needs(Can.SCRIPTED)
    async def test_a_fault_in_a_stop_leaks_nothing(self, stage: Stage) -> None:
        """Whichever call it meets, nothing runs after a few looks."""
        hub = await stage.begin()
        for fault in ("fail", "lose", "twice", "empty"):
            for number in range(_MOST):
                name = f"{fault}-{number}"
                await hub.start(server=name)
                before = stage.subject.asked()
                stage.subject.script(*["pass"] * number, fault)
                await hub.stop(server=name)
                met = stage.subject.asked() - before > number
                stage.subject.script()
                await hub.settle()
                await _agree(stage, hub)
                assert not [each for each in await hub.owned() if each.alive]
                if not met:
                    break
            assert not met, "a stop makes more calls than expected"

    @needs(Can.SCRIPTED)
    async def test_a_lost_reply_doubles_nothing(self, stage: Stage) -> None:
        """What was made though nobody was told is found by its name, and one of it is enough."""
        hub = await stage.begin()
        for number in range(_MOST):
            before = stage.subject.asked()
            stage.subject.script(*["pass"] * number, "lose")
            try:
                await hub.start()
            except StartError:
                assert len(await stage.names()) <= 1
            else:
                assert len(await stage.names()) == 1
            met = stage.subject.asked() - before > number
            stage.subject.script()
            await hub.delete()
            await hub.settle()
            assert await stage.names() == []
            if not met:
                break

    @needs(Can.SCRIPTED)
    async def test_an_empty_list_proves_nothing(self, stage: Stage) -> None:
        """Not by itself, and not after a failure: the server keeps its row, and is not ended."""
        hub = await stage.begin()
        await hub.start()
        lease = await hub.lease()
        for script in (["empty"], ["fail", "empty"], ["fail"] * 4 + ["empty"]):
            for each in script:
                stage.subject.script(each)
                await hub.sweep(after=40)
            stage.subject.script()
            assert (await hub.observe(lease)).phase is not Phase.GONE
            assert (await hub.lease()).state in {State.RUNNING, State.UNKNOWN}
            assert (hub.runs(), hub.tokens()) == (True, 1)
            await hub.sweep(2, after=400)
            assert (await hub.lease()).state is State.RUNNING
        assert await stage.names() == [lease.name]


async def _agree(stage: Stage, hub: HubProcess) -> None:
    """The inventory equals the leases, and nothing is half-done."""
    leases = await hub.leases()
    assert {each.state for each in leases} <= {State.RUNNING, State.KEPT}
    assert sorted(each.name for each in leases) == await stage.names()
    alive = {each.name for each in await hub.owned() if each.alive}
    assert alive == {each.name for each in leases if each.state is State.RUNNING}
