"""The provider `libcloud` at a real OpenStack: what only a real one can show."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.openstack_router import router

from engines.openstack import seed
from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import (
    Access,
    Machine,
    Power,
    ProviderError,
    Rest,
    Wanted,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
from jupyterhub_anywhere.targets.machines.said import cause_and_cure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from engines.openstack.cloud import OpenStack

MARKS = {"anywhere-hub": "h1", "anywhere-target": "cloud", "anywhere-user": "alice"}
PATIENCE = 150


@contextlib.asynccontextmanager
async def provider(openstack: OpenStack, **more: Any) -> AsyncIterator[LibcloudProvider]:
    given: dict[str, Any] = {
        "title": "target cloud",
        "driver": "openstack",
        "user": openstack.credential_id,
        "key": openstack.credential_secret,
        "auth_url": openstack.auth_url,
        "options": {"ex_force_auth_version": "3.x_appcred"},
    }
    made = LibcloudProvider(Access(**{**given, **more}), pause=0.2)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def made(openstack: OpenStack) -> AsyncIterator[LibcloudProvider]:
    async with provider(openstack) as each:
        yield each
        # Whatever a test has left.
        for machine in await each.machines({}):
            await gone(each, machine)


def wanted(name: str, **more: Any) -> Wanted:
    """A server that never boots, unless it says otherwise."""
    given = {"image": "debian-fast", "size": "fake.nano", "networks": ("hubnet",)}
    marks = {**MARKS, "anywhere-lease": name}
    return Wanted(**{"name": name, "marks": marks, **given, **more})


async def until(made: LibcloudProvider, machine: Machine, power: Power) -> Machine:
    for _ in range(PATIENCE * 2):
        found = await made.machine(machine.id)
        assert found is not None
        if found.power is power and "(" not in found.state:
            return found
        assert found.power is not Power.BROKEN or power is Power.BROKEN, found.fault
        await asyncio.sleep(0.5)
    raise AssertionError(f"{machine.name} does not become {power}")


async def gone(made: LibcloudProvider, machine: Machine) -> None:
    for _ in range(PATIENCE * 2):
        if await made.destroy(machine.id):
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{machine.name} does not go")


@contextlib.contextmanager
def listener(openstack: OpenStack) -> Iterator[tuple[str, queue.SimpleQueue[str]]]:
    """An HTTP server that guests reach, and the paths that they ask for."""
    paths: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.put(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer((openstack.gateway, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{openstack.gateway}:{server.server_port}", paths
        server.shutdown()
        thread.join()


async def test_a_machine_boots_runs_its_userdata_and_is_gone_with_its_ports(
    openstack: OpenStack, made: LibcloudProvider
) -> None:
    with listener(openstack) as (url, paths):
        call = f"import urllib.request; urllib.request.urlopen('{url}/booted')"
        script = f'#!/bin/sh\necho it runs >/dev/ttyS0\npython3 -c "{call}"\n'
        image = wanted(
            "alice-boots", size="m1.tiny", networks=("hubnet", "secondnet"), userdata=script
        )
        machine = await made.create(image)
        path = await asyncio.to_thread(paths.get, timeout=PATIENCE)
        assert path == "/booted"
    found = await until(made, machine, Power.RUNNING)
    assert [each.partition(".77.")[0] for each in found.private[:1]] == ["10"]
    assert len(found.private) == 2
    assert found.marks == image.marks
    assert await made.console(machine.id, 200)
    await gone(made, machine)
    assert await made.machine(machine.id) is None
    assert openstack.ports() == []


async def test_a_floating_ip_is_given_and_found_where_somebody_deleted_its_machine(
    openstack: OpenStack, made: LibcloudProvider
) -> None:
    admin = openstack.admin

    def addresses() -> list[str]:
        found = admin.get("network", "/floatingips")["floatingips"]
        return [each["floating_ip_address"] for each in found]

    inside = openstack.seeded.networks["hubnet"]
    [subnet] = admin.get("network", f"/networks/{inside}")["network"]["subnets"]
    with router(openstack, inside, subnet):
        kept, lost = [
            await made.create(wanted(name, floating_ip=seed.EXTERNAL)) for name in ("kept", "lost")
        ]
        assert len(addresses()) == 2
        there = await until(made, lost, Power.RUNNING)
        for _ in range(40):
            if there.public:
                break
            # Neutron tells Nova by and by.
            await asyncio.sleep(0.5)
            there = await until(made, lost, Power.RUNNING)
        [address] = there.public
        admin.delete("compute", f"/servers/{lost.id}")
        for _ in range(PATIENCE * 2):
            if left := await made.leftovers(MARKS, {kept.id}):
                break
            await asyncio.sleep(0.5)
        assert [(each.id, each.public) for each in left] == [(lost.id, (address,))]
        assert await made.leftovers({**MARKS, "anywhere-hub": "h2"}, ()) == []
        assert await made.destroy(lost.id)
        assert await made.leftovers(MARKS, ()) == []
        assert len(addresses()) == 1
        await gone(made, kept)
        assert addresses() == []


@pytest.mark.full
async def test_many_servers_are_listed_at_once_and_filtered_here(
    openstack: OpenStack, made: LibcloudProvider
) -> None:
    names = [f"m{number}" for number in range(6)]
    machines = await asyncio.gather(*(made.create(wanted(each)) for each in names))
    assert sorted(each.name for each in await made.machines(MARKS)) == names
    assert await made.machines({"anywhere-hub": "another"}) == []
    assert [each.name for each in await made.named("m[13]")] in (["m1", "m3"], ["m3", "m1"])
    # Nova ignores a filter by metadata of who is no administrator, so that we filter ourselves.
    with openstack.client() as client:
        path = "/servers/detail?metadata=%7B%22anywhere-hub%22%3A%22another%22%7D"
        assert len(client.get("compute", path)["servers"]) == len(names)
        # Pages are whole at any size.
        page = client.get("compute", "/servers/detail?limit=2")
        assert page["servers_links"][0]["rel"] == "next"
    await asyncio.gather(*(gone(made, each) for each in machines))
    assert await made.machines({}) == []


@pytest.mark.full
async def test_rest_and_wake(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("rests"))
    await until(made, machine, Power.RUNNING)
    for how in Rest:
        for _ in range(PATIENCE * 2):
            if await made.rest(machine.id, how):
                break
            await asyncio.sleep(0.5)
        found = await until(made, machine, Power.STOPPED)
        assert found.state in {"SHUTOFF", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"}
        await made.wake(machine.id)
        await until(made, machine, Power.RUNNING)


@pytest.mark.full
async def test_marks_are_written_later(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("marked"))
    # While it is built, Nova refuses that as busy.
    await until(made, machine, Power.RUNNING)
    await made.mark(machine.id, {"anywhere-lease": "l2", "anywhere-user": "", "never": ""})
    found = await made.machine(machine.id)
    assert found is not None
    assert found.marks == {
        "anywhere-hub": "h1",
        "anywhere-target": "cloud",
        "anywhere-lease": "l2",
    }


async def test_a_machine_that_no_host_can_have_says_so_at_once(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("big", size="m1.impossible"))
    found = await until(made, machine, Power.BROKEN)
    assert (cause_and_cure(found.fault) or [None])[0] is FailureCause.NO_CAPACITY
    await gone(made, machine)


async def test_a_quota_that_is_used_up(openstack: OpenStack) -> None:
    options = {"ex_force_auth_version": "3.x_password", "ex_tenant_name": "small"}
    from engines.openstack import layout

    async with provider(openstack, user="small", key=layout.PASSWORD, options=options) as small:
        first = await small.create(wanted("first"))
        with pytest.raises(ProviderError, match="Quota exceeded") as caught:
            await small.create(wanted("second"))
        assert caught.value.cause is FailureCause.QUOTA
        assert caught.value.sure
        told = await small.findings({})
        assert any("quota" in each.subject and each.level is Level.ERROR for each in told)
        await gone(small, first)


async def test_names_that_are_not_there(made: LibcloudProvider) -> None:
    for more, why in (
        ({"image": "debian-fats"}, "no image debian-fats"),
        ({"size": "m1.tyni"}, "no size m1.tyni"),
        ({"networks": ("hubnte",)}, "no network hubnte"),
        ({"security_groups": ("defualt",)}, "no security group defualt"),
    ):
        with pytest.raises(ProviderError, match=why) as caught:
            await made.create(wanted("never", **more))
        assert "Did you mean" in caught.value.hint
    assert await made.machines({}) == []


@pytest.mark.full
async def test_a_token_that_was_revoked(openstack: OpenStack, made: LibcloudProvider) -> None:
    await made.machines({})
    assert made._parts is not None
    drivers = made._parts[0]
    from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing

    doing = Doing("x", "y")
    token = await drivers.run(lambda driver: driver.connection.login().token, doing=doing)
    path = "/auth/tokens"
    openstack.admin.ask("DELETE", "identity", path, headers={"X-Subject-Token": token})
    machine = await made.create(wanted("after"))
    again = await drivers.run(lambda driver: driver.connection.login().token, doing=doing)
    assert again != token
    assert [each.id for each in await made.machines(MARKS)] == [machine.id]


@pytest.mark.parametrize("path", ["", "/v3", "/keystone/v3/auth/tokens", "/identity"])
async def test_its_identity_service_by_tls_under_all_its_paths(
    openstack: OpenStack, path: str
) -> None:
    authority = str(openstack.tls / "ca.pem")
    async with provider(openstack, auth_url=openstack.tls_url + path, verify=authority) as made:
        assert await made.machines({}) == []
    async with provider(openstack, auth_url=openstack.tls_url + path) as strict:
        with pytest.raises(ProviderError, match="certificate"):
            await strict.machines({})
