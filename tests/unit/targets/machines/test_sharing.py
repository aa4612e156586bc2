"""Several servers of one user on one machine."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.machines import marks, waiting
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.testing.contract.subject import TWO
from jupyterhub_anywhere.testing.worlds.machines import SharingGuest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
    from jupyterhub_anywhere.testing.contract.stage import Stage

pytestmark = pytest.mark.asyncio


@pytest.fixture
def traits(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"share_machine": True, **getattr(request, "param", {})}


@pytest_asyncio.fixture
async def guest(cloud: MemoryCloud) -> AsyncIterator[SharingGuest]:
    """Machines whose agent takes further tickets, and reports all the time."""
    made = cloud.guest = SharingGuest(cloud)
    beating = asyncio.create_task(made.beat())
    yield made
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating


async def until(true: Any) -> None:
    while not true():  # noqa: ASYNC110 - what others change tells nobody
        await asyncio.sleep(0.01)


async def settled(hub: Any, leases: int) -> None:
    """Sweep until so many leases are left: the proof is the agent's, who needs a moment for it."""
    for _ in range(100):
        if len(await hub.settle()) == leases:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"there are not {leases} leases: {await hub.leases()}")


async def test_two_servers_share_one_machine(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    first, second = await hub.start(), await hub.start(server="second")
    [machine] = cloud.machines.values()
    leases = [await hub.lease(), await hub.lease(server="second")]
    assert set(marks.seats_of(machine.marks)) == {each.id for each in leases}
    assert marks.SERVER not in machine.marks
    assert first.server.url != second.server.url
    assert first.server.ip == second.server.ip
    assert first.api_token != second.api_token
    tokens = {each.job["env"]["JUPYTERHUB_API_TOKEN"] for each in guest.there(machine.id)}
    assert tokens == {first.api_token, second.api_token}
    # The ledger sees each as a resource of its own, by one listing, and none of them as a stray.
    owned = {each.lease: (each.server, each.alive) for each in await hub.owned()}
    assert owned == {leases[0].id: ("", True), leases[1].id: ("second", True)}
    await hub.sweep(4, after=400)
    assert [each.state for each in await hub.leases()] == [State.RUNNING] * 2


async def test_a_stop_ends_its_own_server_and_the_last_one_the_machine(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    second = await hub.start(server="second")
    key = second.child.memo.key
    [machine] = cloud.machines
    await hub.stop()
    await hub.sweep(3)
    assert [each.key for each in guest.there(machine)] == [key]
    assert list(marks.seats_of(cloud.machines[machine].marks)) == [key]
    assert [each.server for each in await hub.leases()] == ["second"]
    assert await second.child.poll() is None
    assert hub.tokens() == 1
    await hub.stop(server="second")
    assert await hub.settle() == []
    assert (cloud.machines, hub.tokens()) == ({}, 0)


async def test_a_server_can_come_back_to_the_machine(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.start(server="second")
    [machine] = cloud.machines
    await hub.stop()
    await hub.sweep(3)
    again = await hub.start()
    assert list(cloud.machines) == [machine]
    assert await again.child.poll() is None
    assert len(guest.there(machine)) == 2


async def test_two_starts_at_once_make_one_machine(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    starts = [hub.begin_start(server=name)[1] for name in ("", "second", "third")]
    await asyncio.gather(*starts)
    assert cloud.asked.count("create") == 1
    [machine] = cloud.machines
    assert len(guest.there(machine)) == 3


async def test_another_size_has_a_machine_of_its_own(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    spawner, start = hub.begin_start(server="second")
    spawner.pre_spawn_hook = lambda made: setattr(made.child, "size", "large")
    await start
    assert len(cloud.machines) == 2
    spawner, start = hub.begin_start(server="third")
    spawner.pre_spawn_hook = lambda made: setattr(made.child, "size", "large")
    await start
    assert len(cloud.machines) == 2
    await hub.stop(server="second")
    await hub.stop(server="third")
    await hub.sweep(3)
    assert len(cloud.machines) == 1
    assert await hub.person("ann").spawners[""].child.poll() is None


async def test_another_user_and_another_target_have_machines_of_their_own(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.start(user="bob")
    await hub.start(TWO, server="elsewhere")
    assert len(cloud.machines) == 3
    assert {each.marks[marks.USER] for each in cloud.machines.values()} == {"ann", "bob"}


@pytest.mark.parametrize("traits", [{"on_stop": "stop"}], indirect=True)
async def test_a_shared_machine_is_not_kept(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    with pytest.raises(StartError, match="are not kept") as caught:
        await hub.start()
    assert failure_cause(caught.value) is FailureCause.CONFIG
    assert await hub.settle() == []
    assert cloud.machines == {}


async def test_a_machine_that_dies_under_a_start_is_told_and_the_next_has_a_new_one(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    [machine] = cloud.machines
    guest.takes_tickets = False
    spawner, start = hub.begin_start(server="second")
    await until(lambda: len(marks.seats_of(cloud.machines[machine].marks)) == 2)
    cloud.destroy(machine)
    spawner.child.place.changed()
    with pytest.raises(StartError, match="was removed while it was started") as caught:
        await start
    assert failure_cause(caught.value) is FailureCause.CRASHED
    guest.takes_tickets = True
    assert await hub.settle() == []
    await hub.start(server="second")
    [other] = cloud.machines
    assert other != machine


async def test_a_start_that_fails_leaves_the_other_alone(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    first = await hub.start()
    [machine] = cloud.machines
    guest.crashes = True
    with pytest.raises(StartError, match="last words"):
        await hub.start(server="second")
    await hub.sweep(3)
    assert list(cloud.machines) == [machine]
    assert list(marks.seats_of(cloud.machines[machine].marks)) == [first.child.memo.key]
    assert await first.child.poll() is None
    assert [each.server for each in await hub.leases()] == [""]


async def test_a_cancelled_start_leaves_the_other_alone(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    first = await hub.start()
    guest.takes_tickets = False
    [machine] = cloud.machines
    _, start = hub.begin_start(server="second")
    await until(lambda: len(marks.seats_of(cloud.machines[machine].marks)) == 2)
    await hub.cancel(start, server="second")
    await hub.sweep(3)
    assert list(marks.seats_of(cloud.machines[machine].marks)) == [first.child.memo.key]
    assert await first.child.poll() is None


async def test_a_hub_that_was_killed_finds_both_and_ends_what_was_half_started(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.start(server="second")
    guest.takes_tickets = False
    [machine] = cloud.machines
    _, start = hub.begin_start(server="third")
    await until(lambda: len(marks.seats_of(cloud.machines[machine].marks)) == 3)
    hub = await stage.begin()
    start.cancel()
    guest.takes_tickets = True
    await hub.sweep(4, after=400)
    await settled(hub, 2)
    assert list(cloud.machines) == [machine]
    assert {each.server for each in await hub.leases()} == {"", "second"}
    assert len(marks.seats_of(cloud.machines[machine].marks)) == 2
    await hub.stop()
    await hub.stop(server="second")
    assert await hub.settle() == []
    assert cloud.machines == {}


async def test_the_last_two_that_leave_at_once_take_the_machine_along(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.start(server="second")
    await asyncio.gather(hub.stop(), hub.stop(server="second"))
    assert await hub.settle() == []
    assert cloud.machines == {}


async def test_a_server_that_ended_by_itself_leaves_the_other_alone(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    first, second = await hub.start(), await hub.start(server="second")
    [machine] = cloud.machines.values()
    await guest.crash(machine, second.child.memo.key)
    assert await second.child.poll() == 137
    assert await first.child.poll() is None
    await settled(hub, 1)
    assert [each.server for each in await hub.leases()] == [""]
    assert list(cloud.machines) == [machine.id]
    assert await first.child.poll() is None


async def test_no_ticket_is_good_after_its_server_has_left(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    second = await hub.start(server="second")
    child, key = second.child, second.child.memo.key
    await child.stop()
    assert waiting.hub.found(key) is None
    assert child.get_state() == {"engine": cloud.id}
    assert await child.poll() == 0


class Marking:
    """Fails calls that mark a machine: refused, or done with the answer lost."""

    def __init__(self, cloud: MemoryCloud, patch: pytest.MonkeyPatch) -> None:
        self._ask, self._cloud = cloud.ask, cloud
        self.fault, self.failed = "", 0
        patch.setattr(cloud, "ask", self.ask)

    async def ask(self, verb: str, do: Any) -> Any:
        if verb != "mark" or not self.fault:
            return await self._ask(verb, do)
        self.failed += 1
        if self.fault == "lose":
            await self._ask(verb, do)
        raise self._cloud._unreachable(verb, sure=self.fault == "fail")


@pytest.fixture
def marking(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> Marking:
    return Marking(cloud, monkeypatch)


@pytest.mark.parametrize("fault", ["fail", "lose"])
async def test_a_machine_that_cannot_be_marked_is_not_joined(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest, marking: Marking, fault: str
) -> None:
    hub = await stage.begin()
    await hub.start()
    key = (await hub.lease()).id
    [machine] = cloud.machines
    _, start = hub.begin_start(server="second")
    marking.fault = fault
    with pytest.raises(StartError) as caught:
        await start
    assert failure_cause(caught.value) is FailureCause.UNREACHABLE
    assert marking.failed
    marking.fault = ""
    await settled(hub, 1)
    assert list(marks.seats_of(cloud.machines[machine].marks)) == [key]
    assert [each.key for each in guest.there(machine)] == [key]
    assert hub.tokens() == 1
    # Nothing of it is in the way of the next one.
    await hub.start(server="second")
    assert len(guest.there(machine)) == 2


@pytest.mark.parametrize("fault", ["fail", "lose"])
async def test_a_seat_that_cannot_be_taken_away_is_taken_later(
    stage: Stage, cloud: MemoryCloud, guest: SharingGuest, marking: Marking, fault: str
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.start(server="second")
    key = (await hub.lease(server="second")).id
    [machine] = cloud.machines
    marking.fault = fault
    with contextlib.suppress(ProviderError):
        await hub.stop()
    await hub.sweep(2)
    assert marking.failed
    assert machine in cloud.machines
    marking.fault = ""
    await settled(hub, 1)
    assert list(marks.seats_of(cloud.machines[machine].marks)) == [key]
    assert [each.key for each in guest.there(machine)] == [key]
    await hub.stop(server="second")
    assert await hub.settle() == []
    assert cloud.machines == {}
