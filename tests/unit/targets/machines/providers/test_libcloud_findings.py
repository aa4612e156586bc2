"""What `anywhere doctor` tells of a cloud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.targets.machines.providers.clouds import provider, wanted

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError, Volume
from jupyterhub_anywhere.targets.machines.providers.libcloud.findings import (
    clock_findings,
    quota_findings,
    role_findings,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.fitting import lacking

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
    from jupyterhub_anywhere.testing.worlds.openstack import Cloud
    from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld


def bad(found: list[Finding]) -> dict[str, Finding]:
    """Those that are not all right, by their subject; each has a cure."""
    told = {each.subject: each for each in found if each.level is not Level.OK}
    assert all(each.cure for each in told.values())
    return told


@pytest.fixture(autouse=True)
def _ends_in_a_year(cloud: Cloud) -> None:
    cloud.expires = datetime.now(UTC) + timedelta(days=365)


async def test_a_cloud_that_has_everything(made: LibcloudProvider) -> None:
    found = await made.findings(
        {
            "image": ["debian"],
            "size": ["small", "large"],
            "networks": [["inside"], "inside"],
            "key": ["admin"],
            "security_groups": [["default"]],
            "floating_ip": ["outside"],
            "zone": ["west"],
        }
    )
    assert bad(list(found)) == {}
    subjects = {each.subject.removeprefix("target cloud: ") for each in found}
    assert {"cloud", "API", "credential", "image debian", "size large"} <= subjects
    assert {"networks inside", "key admin", "floating_ip outside"} <= subjects
    assert "quota of machines" in subjects


async def test_each_thing_that_is_not_there(made: LibcloudProvider) -> None:
    choices = {
        "image": ["debain"],
        "size": ["smal"],
        "networks": ["insde"],
        "key": ["admn"],
        "security_groups": ["defalt"],
        "floating_ip": ["inside"],
    }
    told = bad(list(await made.findings({name: list(each) for name, each in choices.items()})))
    assert set(told) == {
        f"target cloud: {name} {value}" for name, each in choices.items() for value in each
    }
    assert "debian" in told["target cloud: image debain"].cure
    assert told["target cloud: size smal"].message.startswith("there is no size smal at openstack")


async def test_a_credential_that_ends_and_a_quota_that_is_used_up(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.expires = datetime.now(UTC) + timedelta(days=3, hours=1)
    cloud.quota = 2
    told = bad(list(await made.findings({})))
    assert "in 3 days" in told["target cloud: credential"].message
    assert "prepare openstack" in told["target cloud: credential"].cure
    assert told["target cloud: quota of machines"].level is Level.WARNING
    cloud.quota = 0
    told = bad(list(await made.findings({})))
    assert told["target cloud: quota of machines"].level is Level.ERROR


async def test_home_volumes_need_room(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.volumes["v"] = {"id": "v", "name": "v", "size": 10}
    homes = {"home_volume": [10]}
    found = {each.subject: each for each in await made.findings(homes)}
    subject = "target cloud: home_volume: quota of GiB of volumes"
    assert (found[subject].level, found[subject].message) == (Level.OK, "10 of 1000 used")
    cloud.volume_quota = 39
    assert bad(list(await made.findings(homes)))[subject].level is Level.WARNING
    cloud.volume_quota = 19
    assert bad(list(await made.findings(homes)))[subject].level is Level.ERROR
    # Nobody wants one.
    assert bad(list(await made.findings({"home_volume": [0]}))) == {}


async def test_home_volumes_need_a_service(world: OpenStackWorld) -> None:
    del world.cloud.services["volumev3"]
    async with provider(world) as made:
        told = bad(list(await made.findings({"home_volume": [10]})))
        [finding] = told.values()
        assert finding.level is Level.ERROR
        assert "no service volumev3" in finding.message
        assert "home_volume" in finding.cure
        with pytest.raises(ProviderError, match="no service volumev3") as caught:
            await made.create(wanted(volumes=(Volume("home", 10),)))
    assert (caught.value.cause, caught.value.hint) == (FailureCause.CONFIG, finding.cure)
    assert world.cloud.servers == {}


async def test_clocks_that_differ(world: OpenStackWorld) -> None:
    world.cloud.skew = timedelta(hours=1)
    async with provider(world) as made:
        told = bad(list(await made.findings({})))
    assert "behind the cloud's" in told["target cloud: clock"].message


async def test_it_never_raises(world: OpenStackWorld) -> None:
    for more in ({"key": "wrong"}, {"auth_url": "http://127.0.0.1:1"}, {"auth_url": "x y"}):
        async with provider(world, **more) as made:
            found = await made.findings({"image": ["debian"]})
        # Nothing else can be looked at.
        assert [each.level for each in found] == [Level.ERROR]
        assert found[0].cure
    async with provider(world) as made:
        world.cloud.order("GET", "/limits", "cut")
        world.cloud.order("GET", "/v2/images", "html", status=502)
        told = bad(list(await made.findings({"image": ["debian"]})))
    assert set(told) == {"target cloud: quota", "target cloud: image debian"}


async def test_a_cloud_that_lets_nobody_look_at_credentials(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.order("GET", "/application_credentials/", "status", status=403)
    assert bad(list(await made.findings({}))) == {}


def test_quota_clocks_and_roles() -> None:
    assert [each.level for each in quota_findings("t", {})] == [Level.OK] * 3
    assert list(clock_findings("t", None)) == []
    assert list(clock_findings("t", 59.0)) == []
    assert "before" in next(clock_findings("t", -61.0)).message
    member = {"roles": [{"name": "member"}]}
    assert list(role_findings("t", member)) == []
    assert "administer" in next(role_findings("t", {"roles": [{"name": "admin"}]})).message
    assert "reader" in next(role_findings("t", {"roles": [{"name": "reader"}]})).message
    open_one = {**member, "application_credential": {"restricted": False}}
    assert "unrestricted" in next(role_findings("t", open_one)).message


async def test_sizes_that_are_too_small_for_an_image(made: LibcloudProvider, cloud: Cloud) -> None:
    cloud.add_image("big", min_ram=2048)
    cloud.add_image("wide", min_disk=20, size=1)
    cloud.add_image("long", size=11 << 30)
    cloud.add_flavor("ample", ram=4096)
    sizes = ("small", "ample", "gone")
    images = ("debian", "big", "wide", "long", "gone")
    pairs = {(image, size) for image in images for size in sizes}
    found = list(await made.misfits(pairs))
    assert [each.level for each in found] == [Level.ERROR] * len(found)
    told = {(each.subject.removeprefix("target cloud: size "), each.message) for each in found}
    assert told == {
        ("small", "too small for the image big: 1024 of 2048 MiB memory"),
        ("small", "too small for the image wide: 10 of 20 GiB disk"),
        ("ample", "too small for the image wide: 10 of 20 GiB disk"),
        ("small", "too small for the image long: 10 of 11 GiB disk"),
        ("ample", "too small for the image long: 10 of 11 GiB disk"),
    }
    assert len(bad(found)) == 2


def test_a_disk_of_nothing_is_as_large_as_the_image() -> None:
    assert lacking({"min_disk": 20, "size": None}, {"ram": 1, "disk": 0}) == ""


async def test_a_cloud_that_cannot_be_asked_what_fits(world: OpenStackWorld) -> None:
    async with provider(world, key="wrong") as wrong:
        [told] = bad(list(await wrong.misfits({("debian", "small")}))).values()
    assert "credential" in told.message
