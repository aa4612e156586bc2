"""The provider `libcloud` with a second driver, EC2's, at a simulator (engines/ec2)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import lacking

from engines.ec2 import supplies
from engines.ec2.server import Ec2Server
from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.marks import GOES
from jupyterhub_anywhere.targets.machines.provider import (
    Access,
    Machine,
    Power,
    ProviderError,
    Rest,
    Volume,
    Wanted,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# The last one is empty, as of a user's first server: EC2 has no filter for that.
MARKS = {"anywhere-hub": "h1", "anywhere-user": "alice", "anywhere-server": ""}
# One that moto has.
IMAGE = "ami-03cf127a"


@pytest.fixture(scope="module")
def server() -> Iterator[Ec2Server]:
    if reason := lacking("engine"):
        pytest.skip(reason)
    if reason := supplies.not_made():
        pytest.fail(reason)
    with Ec2Server() as made:
        yield made


@contextlib.asynccontextmanager
async def provider(server: Ec2Server, **more: Any) -> AsyncIterator[LibcloudProvider]:
    given: dict[str, Any] = {
        "title": "target aws",
        "driver": "ec2",
        "user": "AKIAIOSFODNN7EXAMPLE",
        "key": "secret of a simulator",
        "region": "us-east-1",
        "options": {"host": "127.0.0.1", "port": server.port, "secure": False},
    }
    made = LibcloudProvider(Access(**{**given, **more}), pause=0.05)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def made(server: Ec2Server) -> AsyncIterator[LibcloudProvider]:
    async with provider(server) as each:
        yield each
        for machine in await each.machines({}):
            await gone(each, machine)


def wanted(name: str, **more: Any) -> Wanted:
    marks = {**MARKS, "anywhere-lease": name}
    return Wanted(**{"name": name, "image": IMAGE, "size": "t2.micro", "marks": marks, **more})


async def gone(made: LibcloudProvider, machine: Machine) -> None:
    for _ in range(100):
        if await made.destroy(machine.id):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it does not go")


async def test_an_instance_from_create_to_gone(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("one", userdata="#!/bin/sh\n", zone="us-east-1a"))
    assert machine.power is Power.BUILDING
    found = await made.machine(machine.id)
    assert found is not None
    assert found.power is Power.RUNNING
    assert found.marks == {**MARKS, "anywhere-lease": "one", "Name": "one"}
    assert found.private
    assert found.created is not None
    other = await made.create(wanted("two"))
    assert {each.id for each in await made.machines(MARKS)} == {machine.id, other.id}
    assert await made.machines({"anywhere-hub": "another"}) == []
    assert [each.id for each in await made.named("on.")] == [machine.id]
    await gone(made, machine)
    # EC2 shows what it has ended for an hour; it is gone all the same.
    assert await made.machine(machine.id) is None
    assert [each.id for each in await made.machines(MARKS)] == [other.id]
    assert await made.destroy(machine.id)


async def test_user_data_reaches_it(server: Ec2Server, made: LibcloudProvider) -> None:
    from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing

    script = "#!/bin/sh\necho ö\n"
    machine = await made.create(wanted("one", userdata=script))
    assert made._parts is not None

    def ask(driver: Any) -> str:
        params = {"Action": "DescribeInstanceAttribute", "InstanceId": machine.id}
        answer = driver.connection.request("/", params={**params, "Attribute": "userData"}).object
        return next(str(each.text) for each in answer.iter() if each.tag.endswith("}value"))

    import base64

    told = await made._parts[0].run(ask, doing=Doing("x", "y"))
    assert base64.b64decode(told).decode() == script


async def test_a_machine_that_never_was(made: LibcloudProvider) -> None:
    assert await made.machine("i-1234567890abcdef0") is None
    assert await made.destroy("i-1234567890abcdef0")


async def test_it_stops_and_starts_and_cannot_be_suspended(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("one"))
    await made.rest(machine.id, Rest.STOP)
    assert await made.rest(machine.id, Rest.STOP)
    found = await made.machine(machine.id)
    assert found is not None
    assert (found.power, found.state) == (Power.STOPPED, "stopped")
    await made.wake(machine.id)
    found = await made.machine(machine.id)
    assert found is not None
    assert found.power is Power.RUNNING
    for how in (Rest.SUSPEND, Rest.SHELVE):
        with pytest.raises(ProviderError, match=f"cannot {how} a machine") as caught:
            await made.rest(machine.id, how)
        assert caught.value.cause is FailureCause.CONFIG


async def test_marks_are_written_later_and_taken_away(made: LibcloudProvider) -> None:
    machine = await made.create(wanted("one"))
    await made.mark(machine.id, {"anywhere-lease": "l2", "anywhere-user": "", "never": ""})
    found = await made.machine(machine.id)
    assert found is not None
    assert found.marks == {
        "Name": "one",
        "anywhere-hub": "h1",
        "anywhere-lease": "l2",
        "anywhere-server": "",
    }


async def test_a_home_volume_outlives_its_machine(made: LibcloudProvider) -> None:
    home = Volume("alice-home", 5)
    one = await made.create(wanted("one", zone="us-east-1a", volumes=(home,), boot_volume=20))
    await gone(made, one)
    first = await made.volume_marks("alice-home", MARKS)
    assert first is not None
    assert (first["anywhere-user"], first[GOES]) == ("alice", "0")
    home = replace(home, goes=True)
    two = await made.create(wanted("two", zone="us-east-1a", volumes=(home,)))
    await gone(made, two)
    # All else that stood on it is there.
    assert await made.volume_marks("alice-home", MARKS) == {**first, GOES: "1"}
    assert await made.volume_marks("bob-home", MARKS) is None
    for _ in range(100):
        if await made.delete_volume("alice-home", MARKS):
            break
    else:
        raise AssertionError("it does not go")
    with pytest.raises(ProviderError, match="zone of its machine"):
        await made.create(wanted("three", volumes=(home,)))
    assert await made.machines({}) == []


async def test_what_it_refuses(made: LibcloudProvider) -> None:
    for more, why, cause in (
        ({"image": "no-such-image"}, "no image no-such-image", FailureCause.IMAGE_NOT_FOUND),
        ({"networks": ("a", "b")}, "one subnet", FailureCause.CONFIG),
        ({"networks": ("nowhere",)}, "no network nowhere", FailureCause.CONFIG),
        ({"floating_ip": "pool"}, "no floating ip", FailureCause.CONFIG),
        ({"zone": "us-east-9z"}, "no zone us-east-9z", FailureCause.CONFIG),
        ({"metadata": {"x": "y" * 257}}, "longer", FailureCause.CONFIG),
    ):
        with pytest.raises(ProviderError, match=why) as caught:
            await made.create(wanted("never", **more))
        assert caught.value.cause is cause
    assert await made.machines({}) == []


async def test_what_doctor_tells(made: LibcloudProvider) -> None:
    found = await made.findings({"image": [IMAGE, "none"], "key": ["none"], "size": ["t2.micro"]})
    bad = {each.subject for each in found if each.level is not Level.OK}
    assert bad == {"target aws: image none", "target aws: key none"}


async def test_a_region_that_is_none(server: Ec2Server) -> None:
    async with provider(server, region="moon-1") as made:
        with pytest.raises(ProviderError, match="Invalid region: moon-1"):
            await made.machines({})
