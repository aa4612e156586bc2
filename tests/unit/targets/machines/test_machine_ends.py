"""How servers on machines end, rest, and come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub import orm
from tornado import web

from jupyterhub_anywhere.config.secrets import SecretUnavailableError
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.disagree import Kind, disagreements
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.machines import ending, marks, seen, volumes, waiting
from jupyterhub_anywhere.targets.machines import place as places
from jupyterhub_anywhere.targets.machines import spawner as spawner_of_machines
from jupyterhub_anywhere.targets.machines.core import OtherCloudError
from jupyterhub_anywhere.targets.machines.inventory import (
    CloudInventory,
    leftover_of,
    resources_of,
)
from jupyterhub_anywhere.targets.machines.provider import Machine, Power, ProviderError

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
    from jupyterhub_anywhere.testing.contract.hub import HubProcess
    from jupyterhub_anywhere.testing.contract.stage import Stage
    from jupyterhub_anywhere.testing.worlds.machines import StubGuest

pytestmark = pytest.mark.asyncio


def given(**traits: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("traits", [traits], indirect=True, ids=[""])


async def test_a_stop_removes_the_machine_before_it_comes_back(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    child, key = spawner.child, spawner.child.memo.key
    await child.stop()
    assert cloud.machines == {}
    assert waiting.hub.found(key) is None
    assert child.get_state() == {"engine": cloud.id}
    assert await child.poll() == 0
    await hub.stop()
    assert await hub.settle() == []


async def test_a_stop_that_the_cloud_refuses_raises(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    cloud.away = True
    with pytest.raises(Exception, match="refused the connection"):
        await spawner.child.stop()
    cloud.away = False
    assert len(cloud.machines) == 1


async def test_a_stop_at_another_cloud_is_no_stop(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    cloud.id = "another"
    with pytest.raises(OtherCloudError, match=r"another cloud answers \(another\)"):
        await spawner.child.stop()
    spawner.child.place.changed()
    assert await spawner.child.poll() is None
    assert len(cloud.machines) == 1


async def test_another_cloud_has_no_such_machine_which_proves_nothing(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    lease = await hub.lease()
    kept = dict(cloud._built)
    cloud._built.clear()
    cloud.id = "another"
    spawner.child.place.changed()
    assert await spawner.child.poll() is None
    await hub.sweep(3)
    assert (await hub.observe(lease)).phase is Phase.UNKNOWN
    cloud._built.update(kept)


async def test_what_was_never_made_has_ended(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    child.memo = type(child.memo)()
    assert await child.poll() == 0
    await child.stop()
    assert len(cloud.machines) == 1


async def test_a_lost_id_is_found_by_its_marks(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    child.memo.machine = ""
    assert await child.poll() is None
    await child.stop()
    assert cloud.machines == {}


@given(on_stop="stop")
async def test_a_kept_machine_whose_id_was_lost_is_woken_again(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    child.memo.machine = ""
    await hub.stop()
    [machine] = cloud.machines.values()
    assert machine.power is Power.STOPPED
    await hub.start()
    assert list(cloud.machines) == [machine.id]


@given(on_stop="stop")
async def test_a_kept_machine_that_is_still_on_its_way_to_rest_is_waited_for(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    await hub.stop()
    rest, wake, left = child.cloud.rest, child.cloud.wake, 2

    async def slow(machine: str, how: Any) -> bool:
        nonlocal left
        left -= 1
        return left <= 0 and await rest(machine, how)

    async def only_what_rests(machine: str) -> None:
        if left <= 0:
            await wake(machine)

    monkeypatch.setattr(child.cloud, "rest", slow)
    monkeypatch.setattr(child.cloud, "wake", only_what_rests)
    await hub.start()
    assert (left, len(cloud.machines)) == (0, 1)


async def test_a_server_that_ended_is_told_by_its_agent(
    stage: Stage, guest: StubGuest, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    await stage.subject.kill((await hub.lease()).name)
    assert await spawner.child.poll() == 137
    assert [each.power for each in cloud.machines.values()] == [Power.RUNNING]
    [resource] = await hub.owned()
    assert (resource.alive, resource.exit_code) == (False, 137)
    assert "its server has ended" in resource.detail


async def test_a_machine_that_was_switched_off_has_ended(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    cloud.halt(next(iter(cloud.machines)))
    spawner.child.place.changed()
    assert await spawner.child.poll() == 0


async def test_a_machine_that_the_cloud_calls_failed_is_kept_as_unknown(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    lease = await hub.lease()
    cloud.break_down(next(iter(cloud.machines)), "resize failed")
    await hub.sweep(4, after=400)
    assert hub.runs()
    seen = await hub.observe(lease)
    assert (seen.phase, "resize failed" in seen.detail) == (Phase.UNKNOWN, True)
    assert await spawner.child.poll() is None
    await hub.stop()
    assert await hub.settle() == []


async def test_a_machine_that_was_deleted_behind_our_back_is_gone(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    cloud.destroy(next(iter(cloud.machines)))
    await hub.sweep(3)
    assert not hub.runs()
    assert await hub.settle() == []
    assert hub.tokens() == 0
    assert spawner.child is None


async def test_a_stopped_server_is_told_so(
    stage: Stage, guest: StubGuest, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    child, [machine] = spawner.child, cloud.machines.values()
    assert await guest.report(machine, "running", port=1234) == {"lease": "held"}
    assert child.memo.port == 1234
    await child.expect_no_more()
    assert await guest.report(machine, "running") is None


@given(on_stop="suspend")
async def test_what_is_kept_is_woken_and_gets_a_new_token(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    token = (await hub.start()).api_token
    await hub.stop()
    [machine] = cloud.machines.values()
    assert (machine.power, machine.state) == (Power.STOPPED, "suspended")
    assert marks.TOKEN not in machine.marks
    assert machine.marks[marks.KEEP] == "1"
    spawner = await hub.start()
    assert list(cloud.machines) == [machine.id]
    assert guest.disks[machine.id].job["env"]["JUPYTERHUB_API_TOKEN"] == spawner.api_token != token
    assert hub.tokens() == 1
    told = [each["machine"] async for each in spawner.child.progress()]
    assert told == ["asked", "waking", "booted", "redeemed", "starting", "listening"]


@given(on_stop="stop")
@pytest.mark.parametrize("restarts", [True, False], ids=["restart", "reload"])
async def test_a_kept_machine_of_another_choice_is_woken_and_told(
    stage: Stage, cloud: MemoryCloud, *, restarts: bool
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    stage.sets = {"image": "another", "size": "large"}
    if restarts:
        hub = await stage.begin()
    else:
        stage.reload()
    spawner = await hub.start()
    assert len(cloud.machines) == 1
    told = {each["machine"]: each["message"] async for each in spawner.child.progress()}
    said = "as it was made: image plain, size small"
    assert told["waking"] == f"Your machine is being started again ({said})"
    # What the machine has is told of the image that it was made of.
    found = seen.findings(spawner.site.info.state.hub, "one")
    assert [each.subject for each in found] == ["target one: machines of plain"]


@given(on_stop="stop")
async def test_a_kept_machine_that_somebody_woke_serves_again(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    [machine] = cloud.machines
    cloud.wake(machine)
    await cloud.settled()
    spawner = await hub.start()
    assert list(cloud.machines) == [machine]
    assert await spawner.child.poll() is None


@given(on_stop="stop", start_timeout=4)
async def test_a_kept_machine_that_does_not_come_back_rests_again(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    cloud.guest = None
    with pytest.raises(StartError) as caught:
        await hub.start()
    assert failure_cause(caught.value) is FailureCause.TIMEOUT
    [machine] = cloud.machines.values()
    assert machine.power is Power.STOPPED
    [lease] = await hub.settle()
    assert lease.state is State.KEPT
    cloud.guest = guest
    await hub.start()
    assert list(cloud.machines) == [machine.id]


@given(on_stop="stop")
async def test_a_kept_machine_whose_record_was_lost_is_nobodys_to_delete(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    await stage.end()
    stage.lose(ledger=True, database=True)
    hub = await stage.begin()
    with pytest.raises(StartError, match="no record of it") as caught:
        await hub.start()
    assert failure_cause(caught.value) is FailureCause.NAME_CONFLICT
    await hub.sweep(5, after=700)
    assert len(cloud.machines) == 1


@given(on_stop="suspend")
async def test_what_a_machine_was_made_as_counts_and_not_what_is_chosen_now(
    stage: Stage, cloud: MemoryCloud
) -> None:
    """As where a profile that kept is gone, or another one is chosen, at a stop and at a start."""
    hub = await stage.begin()
    child = (await hub.start()).child
    child.on_stop = "delete"
    await child.stop()
    [machine] = cloud.machines.values()
    assert machine.power is Power.STOPPED
    child.clear_state()
    assert child.memo.machine == machine.id
    # So is it where its start fails, and it is woken by the next one.
    child.load_state(child.get_state())
    child.clear_state()
    assert child.memo.machine == machine.id


async def test_what_a_profile_keeps_stays_when_the_profile_keeps_no_more(
    stage: Stage, cloud: MemoryCloud
) -> None:
    stage.sets = {"on_stop": "stop"}
    hub = await stage.begin()
    await hub.start()
    stage.sets = {}
    hub = await stage.begin()
    await hub.stop()
    [machine] = cloud.machines.values()
    assert machine.power is Power.STOPPED
    assert [each.state for each in await hub.settle()] == [State.KEPT]
    # And it is not lost to its user, however often.
    await hub.start()
    assert list(cloud.machines) == [machine.id]
    await hub.stop()
    assert [each.state for each in await hub.settle()] == [State.KEPT]
    await hub.sweep(5, after=700)
    assert list(cloud.machines) == [machine.id]
    await hub.delete()
    await hub.settle()
    assert cloud.machines == {}


async def test_a_kept_machine_is_woken_where_others_are_shared_now(
    stage: Stage, cloud: MemoryCloud
) -> None:
    """Not left awake beside another one, with nobody who knows of it."""
    stage.sets = {"on_stop": "stop"}
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    [machine] = cloud.machines.values()
    stage.sets = {"share_machine": True}
    hub = await stage.begin()
    spawner = await hub.start()
    assert list(cloud.machines) == [machine.id]
    assert await spawner.child.poll() is None
    await hub.stop()
    assert machine.power is Power.STOPPED
    assert [each.state for each in await hub.settle()] == [State.KEPT]


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_a_profile_says_of_volumes_is_heeded_at_the_end_of_a_user(
    stage: Stage, cloud: MemoryCloud, restarted: Any
) -> None:
    stage.sets = {"home_volume": 3, "delete_volumes": True}
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    assert len(cloud.volumes) == 1
    hub = await stage.begin() if restarted else hub
    await hub.delete()
    await hub.settle()
    assert (cloud.machines, cloud.volumes) == ({}, {})


async def _served(stage: Stage, server: str = "", **sets: Any) -> HubProcess:
    """A hub whose profile sets this, after a server of it."""
    stage.sets = sets
    hub = await stage.begin()
    await hub.start(server=server)
    await hub.stop(server=server)
    return hub


@pytest.mark.parametrize("server", ["", "second"])
@pytest.mark.parametrize("goes", [True, False])
async def test_a_volume_goes_as_the_profile_said_that_used_it_last(
    stage: Stage, cloud: MemoryCloud, *, goes: bool, server: str
) -> None:
    """Whatever was chosen after it, for whichever server."""
    await _served(stage, server, home_volume=3, delete_volumes=goes)
    assert [marks.goes(each.marks) for each in cloud.volumes.values()] == [goes]
    # Nothing is declared to go by a profile that gives nobody a volume.
    hub = await _served(stage, delete_volumes=not goes)
    await hub.delete()
    await hub.settle()
    assert (cloud.machines, len(cloud.volumes)) == ({}, 0 if goes else 1)


@pytest.mark.parametrize("goes", [True, False])
async def test_a_profile_that_changes_its_mind_changes_it_for_volumes_that_are_there(
    stage: Stage, cloud: MemoryCloud, *, goes: bool
) -> None:
    await _served(stage, home_volume=3, delete_volumes=not goes)
    await _served(stage, home_volume=3, delete_volumes=goes)
    hub = await _served(stage)
    await hub.delete()
    assert len(cloud.volumes) == (0 if goes else 1)


@pytest.mark.parametrize("goes", [True, False])
async def test_what_is_declared_now_counts_where_volumes_are_given(
    stage: Stage, cloud: MemoryCloud, *, goes: bool
) -> None:
    """Also for whoever has not started anything since."""
    await _served(stage, home_volume=3, delete_volumes=not goes)
    stage.sets = {"home_volume": 3, "delete_volumes": goes}
    hub = await stage.begin()
    before = len(cloud.asked)
    await hub.delete()
    assert len(cloud.volumes) == (0 if goes else 1)
    # At the other target, which knows of no volume.
    assert cloud.asked[before:].count("volume") == 1


@pytest.mark.parametrize("mark", [marks.GOES, marks.HUB])
async def test_a_volume_that_does_not_say_so_stays(
    stage: Stage, cloud: MemoryCloud, mark: str
) -> None:
    """As one of an earlier version, and one that is another hub's."""
    await _served(stage, home_volume=3, delete_volumes=True)
    hub = await _served(stage)
    [volume] = cloud.volumes.values()
    volume.marks = {name: text for name, text in volume.marks.items() if name != mark}
    await hub.delete()
    assert len(cloud.volumes) == 1


async def test_whoever_never_had_a_volume_costs_one_look(stage: Stage, cloud: MemoryCloud) -> None:
    """At each of the two targets, for all servers together."""
    hub = await _served(stage)
    await hub.start(server="second")
    before = len(cloud.asked)
    await hub.delete()
    asked = [each for each in cloud.asked[before:] if "volume" in each]
    assert asked == ["volume", "volume"]


async def test_a_volume_that_cannot_be_asked_for_is_told(stage: Stage, cloud: MemoryCloud) -> None:
    await _served(stage, home_volume=3, delete_volumes=True)
    stage.sets = {}
    hub = await stage.begin()
    child = (await hub.start()).child
    await child.stop()

    async def pace(verb: str) -> None:
        cloud.away = verb == "volume"

    cloud.pace = pace
    with pytest.raises(ProviderError, match="refused the connection") as caught:
        await child.delete_forever()
    assert caught.value.cause is FailureCause.UNREACHABLE
    assert len(cloud.volumes) == 1


async def test_the_next_hub_knows_which_of_two_is_the_servers(
    stage: Stage, cloud: MemoryCloud
) -> None:
    """The other one has every mark that this one has, and may be the older one."""
    hub = await stage.begin()
    child = (await hub.start()).child
    [machine] = cloud.machines.values()
    child.place.own.clear()  # as in a new process
    await child.anywhere_reconnect()
    older = replace(machine, id="0", created=None)
    found = resources_of([older, machine], child.place.own, {})
    assert {each.handle["id"]: each.user for each in found} == {"0": "", machine.id: "ann"}


@given(on_stop="delete")
async def test_a_machine_that_was_not_made_to_stay_goes(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    child.on_stop = "stop"
    await child.stop()
    assert cloud.machines == {}


async def test_a_secret_that_is_away_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterHub forgets servers whose spawner raises when it is asked."""
    hub = await stage.begin()
    child = (await hub.start()).child

    async def away(*_: object) -> None:
        raise SecretUnavailableError("The secret is not set.")

    monkeypatch.setattr(child.place, "glance", away)
    assert await child.poll() is None


@given(on_stop="stop", start_timeout=4)
async def test_a_machine_that_never_served_is_not_kept(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.guest = None
    hub = await stage.begin()
    with pytest.raises(StartError):
        await hub.start()
    assert await hub.settle() == []
    assert cloud.machines == {}


@given(on_stop="shelve", home_volume=3, delete_volumes=True)
async def test_the_end_of_a_user_takes_machine_and_volume(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    await hub.start()
    assert [each.size for each in cloud.volumes.values()] == [3]
    await hub.delete()
    assert await hub.settle() == []
    assert (cloud.machines, cloud.volumes) == ({}, {})


@given(home_volume=3, delete_volumes=True)
async def test_a_home_that_something_still_has_is_waited_for_and_not_for_ever(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    await hub.stop()
    asked: list[int] = []

    async def busy(*_: Any) -> bool:
        asked.append(len(asked))
        return False

    monkeypatch.setattr(child.cloud, "delete_volume", busy)
    monkeypatch.setattr(spawner_of_machines, "VOLUME_SECONDS", 0.7)
    with pytest.raises(ProviderError, match="is still in use") as caught:
        await child.delete_forever()
    assert "what has it" in caught.value.hint
    assert len(asked) > 1


def held_volume(child: Any, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let something have the home volume until the event is set."""
    free, delete = asyncio.Event(), child.cloud.delete_volume

    async def slow(*words: Any) -> bool:
        return free.is_set() and await delete(*words)

    monkeypatch.setattr(child.cloud, "delete_volume", slow)
    return free


@given(home_volume=3, delete_volumes=True)
async def test_a_home_that_a_new_user_of_the_name_has_taken_up_stays(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it by then is theirs; the old machines were slow to go."""
    hub = await stage.begin()
    child = (await hub.start()).child
    await hub.stop()
    free = held_volume(child, monkeypatch)
    deletion = asyncio.ensure_future(child.delete_forever())
    while child.place.known.going == set():  # noqa: ASYNC110 - the removal tells nobody
        await asyncio.sleep(0.01)
    await hub.start()
    free.set()
    await deletion
    assert len(cloud.volumes) == 1
    assert child.place.known.going == set()


@given(home_volume=3, delete_volumes=True)
async def test_alone_nobody_waits_long_for_a_home_that_something_still_has(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    await hub.stop()
    place, name = child.place, child.volume_name
    free = held_volume(child, monkeypatch)
    place.known.going.add(name)
    removal = volumes.removed(place, name, child.owner.marks(), "here", 60)
    task = asyncio.ensure_future(removal)
    await volumes.watched(task, 0.05)
    assert not task.done()
    free.set()
    await task
    assert cloud.volumes == {}


@pytest.mark.parametrize("waits", [True, False])
async def test_a_home_that_cannot_be_removed_is_told_or_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture, *, waits: bool
) -> None:
    async def fails() -> None:
        await asyncio.sleep(0 if waits else 0.05)
        raise ProviderError("the cloud said no", cause=FailureCause.UNREACHABLE)

    task = asyncio.ensure_future(fails())
    if waits:
        with pytest.raises(ProviderError, match="said no"):
            await volumes.watched(task, None)
        return
    await volumes.watched(task, 0.0)
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert "A home volume was not removed: the cloud said no" in caplog.text


@given(home_volume=3)
async def test_a_home_outlives_its_user_where_nobody_said_otherwise(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    place = (await hub.start()).child.place
    await hub.delete()
    await hub.settle()
    assert (cloud.machines, len(cloud.volumes)) == ({}, 1)
    assert place.known.going == set()


@given(home_volume=3)
async def test_a_machine_with_a_home_is_switched_off_before_it_goes(
    stage: Stage, cloud: MemoryCloud
) -> None:
    """What is still in its memory is then on the volume."""
    hub = await stage.begin()
    await hub.start()
    before = len(cloud.asked)
    await hub.stop()
    asked = [each for each in cloud.asked[before:] if each in {"rest", "destroy"}]
    assert asked[0] == "rest"
    assert "destroy" in asked
    assert cloud.machines == {}


@given(home_volume=3)
@pytest.mark.parametrize("wakes", [True, False])
async def test_one_that_sleeps_is_woken_and_switched_off_before_it_goes(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch, wakes: Any
) -> None:
    """What it had not yet written is in the memory that sleeps with it; one that stays so goes."""
    stage.sets = {"on_stop": "suspend"}
    hub = await stage.begin()
    provider = (await hub.start()).child.cloud
    await hub.stop()
    [machine] = await provider.machines({})
    assert machine.state == "suspended"
    before, now = len(cloud.asked), 1000.0
    monkeypatch.setattr(ending, "monotonic", lambda: now)
    if not wakes:

        async def wake(_: str) -> None:
            cloud.asked.append("wake")

        monkeypatch.setattr(provider, "wake", wake)
    while not await ending.removed(provider, machine):
        await cloud.settled()
        now += ending.PATIENCE / 3
    asked = [each for each in cloud.asked[before:] if each in {"wake", "rest", "destroy"}]
    assert asked[0] == "wake"
    assert ("rest" in asked) == wakes
    assert cloud.machines == {}
    assert machine.id not in {*ending._asked, *ending._failing, *ending._woken}


@given(home_volume=3)
async def test_one_whose_start_failed_is_switched_off_too(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    guest.failed = "the setup said no"
    hub = await stage.begin()
    with pytest.raises(StartError, match="the setup said no"):
        await hub.start()
    asked = [each for each in cloud.asked if each in {"rest", "destroy"}]
    assert asked[:2] == ["rest", "destroy"]
    assert cloud.machines == {}


@given(home_volume=3)
async def test_one_that_nobody_wants_is_switched_off_too(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    inventory = CloudInventory((await hub.start()).child.place)
    [resource] = await inventory.owned()
    before = len(cloud.asked)
    while not await inventory.destroy(resource):
        pass
    asked = [each for each in cloud.asked[before:] if each in {"rest", "destroy"}]
    assert asked[0] == "rest"
    assert cloud.machines == {}


@given(home_volume=3)
@pytest.mark.parametrize("sure", [True, False])
async def test_one_that_cannot_be_switched_off_goes_all_the_same(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch, sure: Any
) -> None:
    """Where the cloud did not answer, it is asked again, and that not for ever."""
    hub = await stage.begin()
    provider = (await hub.start()).child.cloud
    [machine] = await provider.machines({})
    now, calls = 1000.0, 0

    async def rest(*_: object) -> bool:
        nonlocal calls
        calls += 1
        raise ProviderError("no", cause=FailureCause.INTERNAL, sure=sure)

    monkeypatch.setattr(provider, "rest", rest)
    monkeypatch.setattr(ending, "monotonic", lambda: now)
    if not sure:
        for _ in range(3):
            with pytest.raises(ProviderError):
                await ending.removed(provider, machine)
        assert (calls, len(cloud.machines)) == (3, 1)
        now += ending.PATIENCE + 1
    while not await ending.removed(provider, machine):
        pass
    assert cloud.machines == {}


@given(home_volume=3)
async def test_a_cloud_that_comes_back_has_its_time_to_switch_off(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it was away: nobody had told the machine."""
    hub = await stage.begin()
    provider = (await hub.start()).child.cloud
    [machine] = await provider.machines({})
    now, away = 1000.0, True

    async def rest(*_: object) -> bool:
        if away:
            raise ProviderError("no", cause=FailureCause.UNREACHABLE, sure=False)
        return False

    monkeypatch.setattr(provider, "rest", rest)
    monkeypatch.setattr(ending, "monotonic", lambda: now)
    for _ in range(3):
        with pytest.raises(ProviderError):
            await ending.removed(provider, machine)
        now += ending.PATIENCE
    away = False
    for _ in range(3):
        assert not await ending.removed(provider, machine)
        now += ending.PATIENCE / 3
    assert len(cloud.machines) == 1
    now += 1
    while not await ending.removed(provider, machine):
        pass
    assert cloud.machines == {}
    assert machine.id not in {*ending._asked, *ending._failing}


@given(home_volume=3)
@pytest.mark.parametrize("power", [Power.RUNNING, Power.STOPPED])
async def test_one_that_never_comes_to_rest_goes_in_the_end(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch, power: Any
) -> None:
    """As on a host that is dead; some clouds say at once that it is off."""
    hub = await stage.begin()
    provider = (await hub.start()).child.cloud
    [machine] = await provider.machines({})
    now, seen = 1000.0, provider.machine

    async def rest(*_: object) -> bool:
        return False

    async def seen_so(machine_id: str) -> Machine | None:
        found: Machine | None = await seen(machine_id)
        return found and replace(found, power=power)

    monkeypatch.setattr(provider, "rest", rest)
    monkeypatch.setattr(provider, "machine", seen_so)
    monkeypatch.setattr(ending, "monotonic", lambda: now)
    for _ in range(3):
        assert not await ending.removed(provider, machine)
    assert len(cloud.machines) == 1
    now += ending.PATIENCE + 1
    while not await ending.removed(provider, machine):
        pass
    assert cloud.machines == {}
    assert machine.id not in ending._asked


@given(home_volume=3, delete_volumes=True)
async def test_a_named_servers_end_leaves_the_users_home(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    await hub.start(server="second")
    await hub.stop(server="second")
    spawner = hub.person("ann").spawners["second"]
    await spawner.delete_forever()
    assert len(cloud.volumes) == 1


@given(on_stop="stop")
async def test_a_kept_server_is_not_renamed(stage: Stage) -> None:
    hub = await stage.begin()
    spawner = await hub.start(server="old")
    child = spawner.child
    await child.stop()
    with pytest.raises(web.HTTPError, match="cannot be renamed"):
        await child.rename("old", "new")


async def test_what_a_stranger_has_is_never_touched(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    await hub.start()
    name = (await hub.lease()).name
    twin = cloud.stranger(name)
    theirs = cloud.stranger("x", {marks.HUB: "another", marks.TARGET: "one"})
    await hub.sweep(4, after=700)
    await hub.delete()
    await hub.settle()
    assert set(cloud.machines) == {twin.id, theirs.id}


async def test_a_double_that_comes_late_is_ended(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    lease = await hub.lease()
    # A new ledger removes nothing before it has seen that nothing is doubtful.
    await hub.sweep(4, after=700)
    [machine] = cloud.machines.values()
    double = cloud.stranger(machine.name, machine.marks)
    names = {each.name: each.lease for each in await hub.owned()}
    assert names == {lease.name: lease.id, f"{lease.name}~{double.id.replace('-', '')[-8:]}": ""}
    await hub.sweep(6, after=700)
    assert list(cloud.machines) == [machine.id]
    assert await spawner.child.poll() is None


async def test_the_next_hub_hears_its_machines_at_once(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    await hub.start()
    [machine] = cloud.machines.values()
    hub = await stage.begin()
    assert await guest.report(machine, "running") == {"lease": "held"}
    await stage.subject.kill((await hub.lease()).name)
    [resource] = await hub.owned()
    assert resource.exit_code == 137


async def test_a_machine_that_was_booted_again_serves_again(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    [machine] = cloud.machines.values()
    port = guest.disks[machine.id].port
    await guest.end(machine)
    await guest.begin(machine, "", first=False)
    assert guest.disks[machine.id].job["ports"][0] == [port, port]
    assert guest.disks[machine.id].job["env"]["JUPYTERHUB_API_TOKEN"] == spawner.api_token
    assert await spawner.child.poll() is None


async def test_a_machine_that_was_booted_again_serves_again_in_the_next_hub(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    before = orm.APIToken.find(hub.db, spawner.api_token).id
    old = spawner.api_token
    [machine] = cloud.machines.values()
    hub = await stage.begin()
    await guest.end(machine)
    await guest.begin(machine, "", first=False)
    token = guest.disks[machine.id].job["env"]["JUPYTERHUB_API_TOKEN"]
    # The row that ledger and marks name has another secret.
    assert orm.APIToken.find(hub.db, token).id == before
    assert orm.APIToken.find(hub.db, old) is None
    assert await guest.report(machine, "running") == {"lease": "held"}


@given(on_stop="stop")
@pytest.mark.parametrize("asleep", [True, False], ids=["adopted", "stray"])
async def test_a_kept_machine_that_runs_and_that_nobody_has_a_record_of_is_stopped(
    stage: Stage, cloud: MemoryCloud, *, asleep: bool
) -> None:
    hub = await stage.begin()
    await hub.start()
    await hub.stop()
    await hub.settle()
    [machine] = cloud.machines
    await stage.end()
    stage.lose(ledger=True)
    if not asleep:
        cloud.wake(machine)
    hub = await stage.begin()
    await hub.sweep(2)
    if asleep:
        assert (await hub.lease()).state is State.KEPT
        cloud.wake(machine)
    await hub.sweep()
    # Whoever runs the hub has looked at what the ledger does not know.
    await hub._keeper.lift()
    await hub.sweep(4, after=400)
    assert [each.state for each in await hub.settle()] == [State.KEPT]
    assert cloud.machines[machine].power is Power.STOPPED


# --- what machines leave that somebody else has deleted --------------------------------------


def left_by(hub: str, machine: str = "gone-1") -> Machine:
    found = marks.of_place(hub, "one")
    return Machine(
        id=machine, name="x", power=Power.GOING, public=("192.0.2.7",), marks=found, state="gone"
    )


async def test_what_a_deleted_machine_has_left_is_told_and_removed(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    cloud.left = {"gone-1": left_by(stage.ours), "gone-2": left_by(stage.theirs, "gone-2")}
    [_, left] = await hub.owned()
    assert (left.name, left.user, left.keep) == ("left~gone-1", "", False)
    assert left.detail == "192.0.2.7 of the machine gone-1, which is gone"
    await hub.sweep()
    await hub._keeper.lift()
    found = [each for each in disagreements(await hub._keeper.facts()) if "left~" in each.key]
    assert [(each.kind, each.key) for each in found] == [(Kind.RESOURCE, "one/left~gone-1")]
    assert "192.0.2.7 of the machine gone-1, which is gone" in found[0].cause
    assert found[0].removable
    assert not found[0].adoptable
    await hub.sweep(3, after=400)
    await hub.settle()
    assert list(cloud.left) == ["gone-2"]
    assert [each.state for each in await hub.leases()] == [State.RUNNING]
    assert await spawner.child.poll() is None


async def test_a_machine_that_is_there_after_all_stays(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    inventory = CloudInventory((await hub.start()).child.place)
    [machine] = cloud.machines
    left = leftover_of(left_by(stage.ours, machine), cloud.id)
    assert await inventory.destroy(left)
    assert list(cloud.machines) == [machine]
    cloud.id = "another"
    with pytest.raises(OtherCloudError):
        await inventory.destroy(left)


@pytest.mark.parametrize("fault", ["away", "odd"])
async def test_machines_are_listed_also_where_nobody_tells_what_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    hub = await stage.begin()
    place = (await hub.start()).child.place
    monkeypatch.setattr(places, "LEFT_SECONDS", 0.0)

    async def leftovers(*_: Any) -> Any:
        if fault == "odd":
            raise RuntimeError("what a program says that nobody knows")
        raise ProviderError("nobody answers", cause=FailureCause.UNREACHABLE)

    monkeypatch.setattr(place.provider, "leftovers", leftovers)
    assert len(await hub.owned()) == 1
    why = {"away": "nobody answers", "odd": "what a program says"}[fault]
    assert f"what machines have left cannot be told: {why}" in caplog.text


async def test_what_takes_long_to_be_told_is_there_at_the_next_list(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    place = (await hub.start()).child.place
    monkeypatch.setattr(places, "LEFT_SECONDS", 0.0)
    monkeypatch.setattr(places, "LEFT_PATIENCE", 0.01)
    go = asyncio.Event()
    asked: list[int] = []

    async def leftovers(*_: Any) -> Any:
        asked.append(len(asked))
        await go.wait()
        return [left_by(stage.ours)]

    monkeypatch.setattr(place.provider, "leftovers", leftovers)
    for _ in range(3):
        assert len(await hub.owned()) == 1
    assert len(asked) == 1
    go.set()
    await asyncio.sleep(0)
    monkeypatch.setattr(places, "LEFT_SECONDS", 60.0)
    assert [each.name for each in await hub.owned()][1:] == ["left~gone-1"]


async def test_what_is_left_is_asked_for_every_few_minutes(
    stage: Stage, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    asked: list[str] = []

    async def pace(verb: str) -> None:
        asked.append(verb)

    cloud.pace = pace
    for _ in range(5):
        await hub.owned()
    assert asked.count("leftovers") <= 1
    monkeypatch.setattr(places, "LEFT_SECONDS", 0.0)
    await hub.owned()
    await hub.owned()
    assert asked.count("leftovers") >= 2


@given(on_stop="stop")
async def test_a_kept_machine_that_is_just_being_woken_is_not_removed(
    stage: Stage, cloud: MemoryCloud
) -> None:
    """Some clouds tell it as one that is being built."""
    hub = await stage.begin()
    inventory = CloudInventory((await hub.start()).child.place)
    await hub.stop()
    [machine] = cloud.machines
    cloud._set(machine, power=Power.BUILDING, state="pending")
    [resource] = await inventory.owned()
    assert resource.keep
    await inventory.end(replace(resource, keep=False))
    assert list(cloud.machines) == [machine]


@given(on_stop="stop")
async def test_a_kept_machine_that_never_comes_to_rest_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stage.begin()
    child = (await hub.start()).child
    await hub.stop()

    async def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr(child.cloud, "rest", never)
    stage.sets = {"start_timeout": 5}
    stage.reload()
    with pytest.raises(StartError) as caught:
        await hub.start()
    assert failure_cause(caught.value) is FailureCause.TIMEOUT
