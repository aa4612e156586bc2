"""Machines at a small OpenStack, by the real libcloud over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.targets.machines.providers.clouds import MARKS, gone, provider, until, wanted

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.marks import GOES, HOME, Owner, Seat, of_server, of_shared
from jupyterhub_anywhere.targets.machines.provider import Power, ProviderError, Rest, Volume

if TYPE_CHECKING:
    from tests.unit.targets.machines.providers.clouds import HandClock

    from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
    from jupyterhub_anywhere.testing.worlds.openstack import Cloud
    from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld


async def test_a_machine_from_create_to_gone(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.build_looks = 3
    machine = await made.create(wanted())
    assert machine.power is Power.BUILDING
    assert machine.marks == {**MARKS, "anywhere-lease": "l1"}
    await made.machine(machine.id)
    found = await made.machine(machine.id)
    assert found is not None
    assert (found.power, found.state, found.name) == (Power.RUNNING, "ACTIVE", "alice-h1")
    assert found.private == ("10.9.0.2",)
    assert found.created is not None
    assert found.created.tzinfo is not None
    assert [each.id for each in await made.machines({"anywhere-hub": "h1"})] == [machine.id]
    assert await made.machines({"anywhere-hub": "another"}) == []
    assert await gone(made, machine) > 1
    assert await made.machine(machine.id) is None
    assert cloud.servers == {}
    assert cloud.ports == {}
    # Once more, as a reconciler does after a restart.
    assert await made.destroy(machine.id)


async def test_all_that_is_wanted_reaches_the_cloud(made: LibcloudProvider, cloud: Cloud) -> None:
    second = cloud.add_network("second")
    cloud.groups.append({"id": "g-1", "name": "users", "project_id": "0" * 32})
    cloud.groups.append({"id": "g-2", "name": "users", "project_id": cloud_project()})
    script = "#!/bin/sh\necho ö\n"
    await made.create(
        wanted(
            networks=("inside", second),
            key="admin",
            security_groups=("users",),
            zone="west",
            metadata={"cost": "12"},
            config_drive=True,
            userdata=script,
            more={"ex_disk_config": "MANUAL", "ex_os_scheduler_hints": {"group": "x"}},
        )
    )
    asked = next(iter(cloud.servers.values()))["_wanted"]
    inside = next(each["id"] for each in cloud.networks if each["name"] == "inside")
    assert asked["networks"] == [{"uuid": inside}, {"uuid": second}]
    assert asked["key_name"] == "admin"
    assert asked["security_groups"] == [{"name": "g-2"}]
    assert asked["availability_zone"] == "west"
    assert asked["metadata"]["cost"] == "12"
    assert asked["config_drive"] == "True"
    assert asked["OS-DCF:diskConfig"] == "MANUAL"
    assert base64.b64decode(asked["user_data"]).decode() == script


def cloud_project() -> str:
    from jupyterhub_anywhere.testing.worlds.openstack import PROJECT

    return PROJECT


async def test_it_boots_from_a_volume_and_has_a_home_that_outlives_it(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    home = Volume("alice-home", 5, "fast")
    machine = await made.create(wanted(boot_volume=20, volumes=(home,)))
    asked = cloud.servers[machine.id]["_wanted"]
    assert asked["imageRef"] == ""
    first, second = asked["block_device_mapping_v2"]
    assert first["destination_type"] == "volume"
    assert (first["volume_size"], first["delete_on_termination"]) == (20, True)
    volume = next(iter(cloud.volumes.values()))
    assert (second["uuid"], second["delete_on_termination"]) == (volume["id"], False)
    assert (volume["size"], volume["volume_type"]) == (5, "fast")
    # Without what changes from start to start.
    assert volume["metadata"] == {**MARKS, GOES: "0"}
    await gone(made, machine)
    again = await made.create(wanted(lease="l2", volumes=(home,)))
    assert len(cloud.volumes) == 1
    local = cloud.servers[again.id]["_wanted"]["block_device_mapping_v2"][0]
    assert local["destination_type"] == "local"
    await gone(made, again)
    while not await made.delete_volume("alice-home", MARKS):
        pass
    assert cloud.volumes == {}


@pytest.mark.parametrize("share", [False, True])
async def test_a_home_is_found_again_whatever_its_machines_are_marked_with(
    made: LibcloudProvider, cloud: Cloud, *, share: bool
) -> None:
    home = Volume("alice-home", 5)
    owner = Owner("h1", "cloud", "alice", "")
    for lease, shape in (("l1", "s1"), ("l2", "s2")):
        marks = of_server(owner, keep=False, lease=lease, token=7, home=True)
        if share:
            marks = of_shared(owner, shape, Seat(lease, "", 7)) | {HOME: "1"}
        await gone(made, await made.create(wanted(marks=marks, volumes=(home,))))
    assert [each["metadata"] for each in cloud.volumes.values()] == [{**MARKS, GOES: "0"}]


async def test_a_volume_of_somebody_else_is_not_touched(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.volumes["v"] = {"id": "v", "name": "home", "status": "available", "metadata": {}}
    with pytest.raises(ProviderError, match="not of this hub and user") as caught:
        await made.create(wanted(volumes=(Volume("home", 5),)))
    assert caught.value.cause is FailureCause.NAME_CONFLICT
    with pytest.raises(ProviderError, match="not of this hub"):
        await made.delete_volume("home", MARKS)
    assert list(cloud.volumes) == ["v"]
    assert await made.delete_volume("another", MARKS)


@pytest.mark.parametrize("state", ["in-use", "detaching", "deleting"])
async def test_a_volume_that_cannot_go_yet_is_not_asked_to(
    made: LibcloudProvider, cloud: Cloud, state: str
) -> None:
    cloud.volumes["v"] = {"id": "v", "name": "home", "status": state, "metadata": MARKS}
    assert not await made.delete_volume("home", MARKS)
    assert not cloud.asked("DELETE", "/volumes/")
    cloud.volumes["v"]["status"] = "available"
    while not await made.delete_volume("home", MARKS):
        pass
    assert cloud.volumes == {}


async def test_a_home_says_whether_it_goes_with_its_user(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    """As it was declared last; what is right is not written again."""
    assert await made.volume_marks("home", MARKS) is None
    for count, goes in enumerate((True, True, False, False, True)):
        home = Volume("home", 5, goes=goes)
        await gone(made, await made.create(wanted(lease=str(count), volumes=(home,))))
        [volume] = cloud.volumes.values()
        assert volume["metadata"] == {**MARKS, GOES: "1" if goes else "0", **_of_others(count)}
        # By whatever marks its machine had.
        found = await made.volume_marks("home", {**MARKS, "anywhere-lease": "x", GOES: "x"})
        assert found == volume["metadata"]
        volume["metadata"]["cost"] = "12"
    assert cloud.asked("POST", "/volumes/.+/metadata") == 2


def _of_others(count: int) -> dict[str, str]:
    return {"cost": "12"} if count else {}


@pytest.mark.parametrize("goes", [False, True])
async def test_a_home_of_an_earlier_version_says_nothing(
    made: LibcloudProvider, cloud: Cloud, *, goes: bool
) -> None:
    """It is kept as it is, unless somebody declares that it goes."""
    own = dict(MARKS)
    cloud.volumes["v"] = {"id": "v", "name": "home", "status": "available", "metadata": own}
    assert await made.volume_marks("home", MARKS) == MARKS
    await made.create(wanted(volumes=(Volume("home", 5, goes=goes),)))
    assert own == (MARKS | {GOES: "1"} if goes else MARKS)


async def test_a_home_that_cannot_be_marked_gets_no_machine(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    """Else it would go, or stay, against what was declared."""
    own = {**MARKS, GOES: "1"}
    cloud.volumes["v"] = {"id": "v", "name": "home", "status": "available", "metadata": own}
    cloud.order("POST", "/metadata", "status", status=403, message="Policy doesn't allow it")
    with pytest.raises(ProviderError, match="Policy doesn't allow it") as caught:
        await made.create(wanted(volumes=(Volume("home", 5),)))
    assert caught.value.cause is FailureCause.REFUSED
    assert (cloud.servers, list(cloud.volumes), own[GOES]) == ({}, ["v"], "1")


async def test_marks_are_those_of_our_volume(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.volumes["v"] = {"id": "v", "name": "home", "status": "available", "metadata": {GOES: "1"}}
    assert await made.volume_marks("home", MARKS) is None
    for each in ("one", "two"):
        own = {**MARKS, GOES: "1"}
        cloud.volumes[each] = {"id": each, "name": "home", "status": "available", "metadata": own}
    with pytest.raises(ProviderError, match="there are 2 volumes home"):
        await made.volume_marks("home", MARKS)


@pytest.mark.parametrize("how", ["catalogue", "version"])
async def test_where_there_are_no_volumes_there_is_none_of_ours(
    world: OpenStackWorld, how: str
) -> None:
    if how == "catalogue":
        del world.cloud.services["volumev3"]
    options = {"api_version": "1.1"} if how == "version" else {}
    async with provider(world, options=options) as made:
        assert await made.volume_marks("home", MARKS) is None
        # Who wants one is told.
        with pytest.raises(ProviderError, match="volume"):
            await made.delete_volume("home", MARKS)


async def test_volumes_that_do_not_answer_are_not_none(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.order("GET", "/volumes/detail", "html", status=503)
    with pytest.raises(ProviderError, match="the volume home cannot be looked at") as caught:
        await made.volume_marks("home", MARKS)
    assert caught.value.cause is FailureCause.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "cure"), [("in-use", "share_machine"), ("creating", "again in a minute")]
)
async def test_a_volume_in_use_is_waited_for_and_given_up(
    world: OpenStackWorld, status: str, cure: str
) -> None:
    own = dict(MARKS)
    world.cloud.volumes["v"] = {"id": "v", "name": "home", "status": status, "metadata": own}
    async with provider(world, patience=0.05) as made:
        with pytest.raises(ProviderError, match="still in use") as caught:
            await made.create(wanted(volumes=(Volume("home", 5, goes=True),)))
    # Whoever has it says what becomes of it.
    assert own == MARKS
    assert caught.value.cause is FailureCause.TIMEOUT
    assert cure in caught.value.hint
    assert world.cloud.servers == {}
    assert "v" in world.cloud.volumes


async def test_what_was_made_on_the_way_is_removed(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.quota = 0
    with pytest.raises(ProviderError) as caught:
        await made.create(wanted(volumes=(Volume("home", 5),)))
    assert caught.value.cause is FailureCause.QUOTA
    assert caught.value.sure
    assert cloud.volumes == {}
    assert cloud.servers == {}


async def test_a_floating_ip_is_given_and_taken_back(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.port_looks = 2
    machine = await made.create(wanted(floating_ip="outside"))
    found = await made.machine(machine.id)
    assert found is not None
    assert (found.public, found.private) == (("192.0.2.1",), ("10.9.0.2",))
    cloud.addresses["other"] = {"id": "other", "description": "", "port_id": None}
    await gone(made, machine)
    assert list(cloud.addresses) == ["other"]


async def test_a_floating_ip_goes_with_a_machine_that_was_destroyed_behind_our_back(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    machine = await made.create(wanted(floating_ip="outside"))
    cloud.remove(machine.id)
    cloud.ports["p"] = {"id": "p", "device_id": machine.id, "fixed_ips": []}
    assert await made.destroy(machine.id)
    assert (cloud.addresses, cloud.ports) == ({}, {})


async def test_a_floating_ip_of_a_machine_that_somebody_else_deleted_is_a_leftover(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    gone_one, there = [await made.create(wanted(x, floating_ip="outside")) for x in ("a", "b")]
    others = {**MARKS, "anywhere-hub": "h2"}
    await made.create(wanted("c", floating_ip="outside", marks=others))
    assert await made.leftovers(MARKS, ()) == []
    for server in cloud.servers.keys() - {there.id}:
        cloud.remove(server)
    # Nobody's, and one that no machine is written on.
    cloud.addresses["x"] = {"id": "x", "description": "mine", "port_id": None}
    cloud.addresses["y"] = {
        "id": "y",
        "description": f"anywhere: address of {gone_one.id}0",
        "port_id": None,
    }
    [left] = await made.leftovers(MARKS, ())
    assert (left.id, left.public, left.power) == (gone_one.id, ("192.0.2.1",), Power.GOING)
    assert await made.destroy(left.id)
    assert await made.leftovers(MARKS, ()) == []
    assert len(await made.leftovers(others, ())) == 1
    # Its machine is there: it has only been taken off.
    for each in cloud.addresses.values():
        each["port_id"] = None
    assert await made.leftovers(MARKS, ()) == []
    assert await made.leftovers(MARKS, {there.id}) == []
    assert len(cloud.addresses) == 4


async def test_a_404_of_another_service_makes_no_leftover(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    machine = await made.create(wanted(floating_ip="outside"))
    for each in cloud.addresses.values():
        each["port_id"] = None
    cloud.remove(machine.id)
    cloud.order("GET", r"/servers/[^/?]+$", "html", status=404)
    with pytest.raises(ProviderError):
        await made.leftovers(MARKS, ())
    assert len(await made.leftovers(MARKS, ())) == 1


async def test_a_machine_without_its_address_is_none(made: LibcloudProvider, cloud: Cloud) -> None:
    with pytest.raises(ProviderError, match="no external network elsewhere") as caught:
        await made.create(wanted(floating_ip="elsewhere"))
    assert "outside" in caught.value.hint
    for server in list(cloud.servers.values()):
        cloud.look_at(server)
    assert (cloud.servers, cloud.addresses) == ({}, {})


async def test_a_start_that_is_cancelled_leaves_nothing(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.port_looks = 1000
    start = asyncio.create_task(made.create(wanted(floating_ip="outside")))
    await until(lambda: cloud.asked("GET", "/ports"))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    for server in list(cloud.servers.values()):
        cloud.look_at(server)
    assert cloud.servers == {}


@pytest.mark.parametrize("how", list(Rest))
async def test_it_rests_and_wakes(made: LibcloudProvider, how: Rest) -> None:
    machine = await made.create(wanted())
    assert not await made.rest(machine.id, how)
    assert await made.rest(machine.id, how)
    found = await made.machine(machine.id)
    assert found is not None
    assert found.power is Power.STOPPED
    await made.wake(machine.id)
    found = await made.machine(machine.id)
    assert found is not None
    assert found.power is Power.RUNNING
    await made.wake(machine.id)


async def test_a_machine_that_is_gone_neither_rests_nor_wakes(made: LibcloudProvider) -> None:
    for call in (made.rest("nobody", Rest.STOP), made.wake("nobody")):
        with pytest.raises(ProviderError, match="no machine nobody any more"):
            await call


async def test_a_machine_that_failed_says_why(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.broken = "No valid host was found. There are not enough hosts available."
    machine = await made.create(wanted())
    assert machine.power is Power.BROKEN
    assert machine.fault == cloud.broken
    # Nova may fail to delete it, too; it is asked again.
    assert await gone(made, machine) > 1


async def test_one_that_the_cloud_keeps_after_its_deletion_is_deleted_for_good(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    machine = await made.create(wanted())
    cloud.servers[machine.id]["status"] = "SOFT_DELETED"
    await gone(made, machine)
    assert cloud.asked("POST", "/action") > 0


async def test_marks_are_written_later_and_taken_away(made: LibcloudProvider) -> None:
    machine = await made.create(wanted(metadata={"cost": "1"}))
    await made.mark(machine.id, {"anywhere-lease": "l2", "cost": "", "never": ""})
    found = await made.machine(machine.id)
    assert found is not None
    assert found.marks == {**MARKS, "anywhere-lease": "l2"}


async def test_a_machine_that_is_being_built_takes_no_marks(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.build_looks = 9
    machine = await made.create(wanted())
    with pytest.raises(ProviderError, match="vm_state building") as caught:
        await made.mark(machine.id, {"anywhere-lease": "l2"})
    assert caught.value.cause is FailureCause.NAME_CONFLICT
    assert "try again" in caught.value.hint


async def test_names_of_the_ancestor_are_found_unmarked(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.make_server({"name": "jhub-alice-ABCDEF", "flavorRef": cloud.flavors[0]["id"]})
    cloud.make_server({"name": "jhub-alice-ABCDEFG", "flavorRef": cloud.flavors[0]["id"]})
    found = await made.named(r"jhub-.+-[A-Z]{6}")
    assert [each.name for each in found] == ["jhub-alice-ABCDEF"]
    with pytest.raises(ProviderError, match="no regular expression"):
        await made.named("(")


async def test_its_console(made: LibcloudProvider) -> None:
    machine = await made.create(wanted())
    assert await made.console(machine.id, 2) == "two\nthree"


async def test_all_pages_of_all_lists(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.page = 3
    for number in range(10):
        cloud.make_server({"name": f"m{number}", "flavorRef": cloud.flavors[0]["id"]})
        cloud.add_image(f"image{number}")
        cloud.add_flavor(f"flavor{number}")
        cloud.add_network(f"net{number}")
    assert len(await made.machines({})) == 10
    await made.create(wanted(image="image9", size="flavor9", networks=("net9",)))


@pytest.mark.parametrize("how", ["keyless", "html"])
async def test_half_a_list_is_none(made: LibcloudProvider, cloud: Cloud, how: str) -> None:
    cloud.page = 2
    for number in range(6):
        cloud.make_server({"name": f"m{number}", "flavorRef": cloud.flavors[0]["id"]})
    cloud.order("GET", "marker=", how, status=200)
    with pytest.raises(ProviderError, match=r"no list of servers|cannot be read"):
        await made.machines({})


async def test_pages_that_lead_back_are_an_error() -> None:
    from libcloud.common.types import LibcloudError

    from jupyterhub_anywhere.targets.machines.providers.libcloud.paging import pages

    class Answer:
        def __init__(self) -> None:
            link = {"rel": "next", "href": "?marker=1"}
            self.object = {"servers": [{"id": "1"}], "servers_links": [link]}

    class Connection:
        def request(self, path: str, params: Any) -> Answer:
            return Answer()

    with pytest.raises(LibcloudError, match="leads back"):
        pages(Connection(), "/servers", "servers")


async def test_lists_are_kept_a_minute_and_asked_again_for_what_they_lack(
    made: LibcloudProvider, cloud: Cloud, clock: HandClock
) -> None:
    for lease in ("1", "2"):
        await made.create(wanted(lease=lease))
    assert cloud.asked("GET", "/v2/images") == 1
    cloud.add_image("snapshot")
    clock.seconds += 1
    await made.create(wanted(lease="3", image="snapshot"))
    assert cloud.asked("GET", "/v2/images") == 2
    clock.seconds += 61
    await made.create(wanted(lease="4"))
    assert cloud.asked("GET", "/v2/images") == 3


async def test_a_new_image_under_the_same_name_is_seen(
    made: LibcloudProvider, cloud: Cloud, clock: HandClock
) -> None:
    await made.create(wanted())
    cloud.images.clear()
    new = cloud.add_image("debian")
    clock.seconds += 10
    machine = await made.create(wanted(lease="l2"))
    assert cloud.servers[machine.id]["_wanted"]["imageRef"] == new


async def test_an_image_that_is_nowhere(made: LibcloudProvider, cloud: Cloud) -> None:
    with pytest.raises(ProviderError, match="no image debain") as caught:
        await made.create(wanted(image="debain"))
    assert caught.value.cause is FailureCause.IMAGE_NOT_FOUND
    assert caught.value.sure
    assert caught.value.hint == "Did you mean debian?"
    assert cloud.asked("POST", "/servers") == 0


async def test_two_images_of_one_name(world: OpenStackWorld) -> None:
    old, new = world.cloud.images[0]["id"], world.cloud.add_image("debian")
    async with provider(world) as strict:
        with pytest.raises(ProviderError, match="there are 2 of the name") as caught:
            await strict.create(wanted())
        assert re.search(f"{old}.*{new}|{new}.*{old}", caught.value.hint)
        machine = await strict.create(wanted(image=old))
        assert world.cloud.servers[machine.id]["_wanted"]["imageRef"] == old
    async with provider(world, same_name="newest") as newest:
        machine = await newest.create(wanted(lease="l2"))
        assert world.cloud.servers[machine.id]["_wanted"]["imageRef"] == new


async def test_a_mark_that_is_too_long_is_refused_before_anything_is_made(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    with pytest.raises(ProviderError, match="longer than a machine can have") as caught:
        await made.create(wanted(metadata={"x": "y" * 256}))
    assert caught.value.sure
    assert cloud.calls == []


async def test_the_loop_goes_on_while_a_cloud_is_silent(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    order = cloud.order("GET", "/servers/detail", "hold")
    listing = asyncio.create_task(made.machines({}))
    await until(lambda: not order.times)
    # One thread waits; the others are free.
    assert await made.machine("nobody") is None
    assert not listing.done()
    order.let.set()
    assert await listing == []
