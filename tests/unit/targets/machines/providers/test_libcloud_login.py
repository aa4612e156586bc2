"""One login for all threads, renewed in time, and once where it is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.targets.machines.providers.clouds import provider, until, wanted

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError

if TYPE_CHECKING:
    from tests.unit.targets.machines.providers.clouds import HandClock

    from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
    from jupyterhub_anywhere.testing.worlds.openstack import Cloud
    from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

LOGIN = "/auth/tokens"


async def test_all_threads_and_services_share_one_login(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    order = cloud.order("POST", LOGIN, "hold")
    calls = [asyncio.ensure_future(made.create(wanted(f"m{n}", str(n)))) for n in range(20)]
    await until(lambda: not order.times)
    order.let.set()
    machines = await asyncio.gather(*calls)
    assert len({each.id for each in machines}) == 20
    assert cloud.asked("POST", LOGIN) == 1
    # Lists, too, are asked for once by whoever comes first.
    assert cloud.asked("GET", "/v2/images") == 1
    assert cloud.asked("GET", "/flavors") == 1


async def test_who_waits_for_a_login_that_fails_does_not_try_it_again(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    order = cloud.order("POST", LOGIN, "hold")
    cloud.secret = "changed"
    calls = [asyncio.ensure_future(made.machines({})) for _ in range(8)]
    await until(lambda: not order.times)
    assert made._parts is not None
    await until(lambda: len(made._parts[0]._workers._threads) == 8)  # type: ignore[index]
    order.let.set()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, ProviderError) for each in told)
    # Who had not come as far as to wait tries by itself; each would, if nobody told the others.
    assert cloud.asked("POST", LOGIN) < 8
    cloud.secret = "open sesame"
    assert await made.machines({}) == []


async def test_a_provider_that_was_closed(made: LibcloudProvider) -> None:
    await made.machines({})
    await made.close()
    with pytest.raises(ProviderError, match="given this cloud up") as caught:
        await made.machines({})
    assert caught.value.cause is FailureCause.UNREACHABLE


async def test_a_token_that_was_revoked_is_renewed_once(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    await made.machines({})
    cloud.end_tokens()
    machine = await made.create(wanted())
    assert len(cloud.servers) == 1
    assert cloud.asked("POST", LOGIN) == 2
    cloud.end_tokens()
    # Several threads at once: one login.
    await asyncio.gather(*(made.machine(machine.id) for _ in range(20)))
    assert cloud.asked("POST", LOGIN) == 3


async def test_a_service_that_takes_no_token_is_not_asked_for_ever(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.order("GET", "/servers/detail", "status", times=100, status=401)
    with pytest.raises(ProviderError) as caught:
        await made.machines({})
    assert caught.value.cause is FailureCause.CONFIG
    assert cloud.asked("GET", "/servers/detail") == 2
    assert cloud.asked("POST", LOGIN) == 2


@pytest.mark.parametrize("skew", [timedelta(hours=-5), timedelta(), timedelta(hours=5)])
async def test_it_is_renewed_before_it_ends_whatever_our_clock_says(
    world: OpenStackWorld, clock: HandClock, skew: timedelta
) -> None:
    world.cloud.skew = skew
    async with provider(world, clock=clock) as made:
        await made.machines({})
        clock.seconds += 0.89 * world.cloud.token_life
        await made.machines({})
        assert world.cloud.asked("POST", LOGIN) == 1
        clock.seconds += 0.02 * world.cloud.token_life
        await made.machines({})
        assert world.cloud.asked("POST", LOGIN) == 2


async def test_a_wrong_secret(world: OpenStackWorld) -> None:
    async with provider(world, key="not that one") as made:
        with pytest.raises(ProviderError, match="refuses the credentials") as caught:
            await made.create(wanted())
    assert caught.value.cause is FailureCause.CONFIG
    assert caught.value.sure
    assert "not that one" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["", "/identity", "/identity/v3", "/keystone/v3/auth/tokens", "/keystone/"]
)
async def test_the_identity_service_under_all_its_paths(world: OpenStackWorld, path: str) -> None:
    async with provider(world, auth_url=world.url + path) as made:
        assert await made.machines({}) == []


async def test_a_password_of_a_project(world: OpenStackWorld) -> None:
    options: dict[str, Any] = {"ex_force_auth_version": "3.x_password", "ex_tenant_name": "hub"}
    async with provider(world, options=options) as made:
        assert await made.machines({}) == []
    # It is the default, too: who says nothing is not sent to an identity API of 2013.
    async with provider(world, options={**options, "ex_force_auth_version": None}) as made:
        del made.account.options["ex_force_auth_version"]  # type: ignore[attr-defined]
        assert await made.machines({}) == []


async def test_a_password_without_its_project(world: OpenStackWorld) -> None:
    async with provider(world, options={"ex_force_auth_version": "3.x_password"}) as made:
        with pytest.raises(ProviderError, match="tenant_name") as caught:
            await made.machines({})
    assert caught.value.cause is FailureCause.CONFIG


async def test_regions(world: OpenStackWorld) -> None:
    world.cloud.regions = ("east", "west")
    async with provider(world) as made:
        with pytest.raises(ProviderError, match="region RegionOne, but in east, west"):
            await made.machines({})
    async with provider(world, region="west") as made:
        assert await made.machines({}) == []
        assert (await made.source()).endswith(":west")
    world.cloud.regions = ("only",)
    async with provider(world) as made:
        assert await made.machines({}) == []


async def test_a_service_that_a_cloud_does_not_have(world: OpenStackWorld) -> None:
    del world.cloud.services["network"]
    async with provider(world) as made:
        with pytest.raises(ProviderError, match="no service network"):
            await made.create(wanted(networks=("inside",)))


async def test_services_of_any_name(world: OpenStackWorld) -> None:
    # libcloud wants them to be called nova, glance and so on.
    world.cloud.services = {kind: f"our {kind}" for kind in world.cloud.services}
    async with provider(world) as made:
        await made.create(wanted(networks=("inside",)))


async def test_the_driver_of_old_versions_still_works(world: OpenStackWorld) -> None:
    async with provider(world, options={"api_version": "1.1"}) as made:
        machine = await made.create(wanted(networks=("inside",)))
        assert [each.id for each in await made.machines({})] == [machine.id]
        while not await made.destroy(machine.id):
            pass
    assert world.cloud.asked("GET", "/os-networks") == 1
    assert world.cloud.servers == {}


async def test_where_machines_are_is_told_by_the_project(made: LibcloudProvider) -> None:
    first = await made.source()
    assert first == await made.source()
    assert "0123456789abcdef" in first


async def test_what_cannot_be_a_cloud(world: OpenStackWorld) -> None:
    for more, why in (
        ({"auth_url": ""}, "identity service is not named"),
        ({"auth_url": "ftp://x"}, "not by ftp"),
        ({"driver": "opnstack"}, "no driver opnstack"),
        ({"options": {"api_version": "1.0"}}, "no API version 1.0"),
    ):
        async with provider(world, **more) as made:
            with pytest.raises(ProviderError, match=why) as caught:
                await made.machines({})
            assert caught.value.cause is FailureCause.CONFIG
            assert caught.value.hint
    assert world.cloud.calls == []
