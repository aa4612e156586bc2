"""What clouds answer when they do not do what they are asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import requests
from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError
from tests.unit.targets.machines.providers.clouds import MARKS, provider, wanted

from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.libcloud.connections import said_in
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import (
    Doing,
    explain,
)

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
    from jupyterhub_anywhere.testing.worlds.openstack import Cloud
    from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

WORDS = (
    (400, "Can not find requested image 42", FailureCause.IMAGE_NOT_FOUND, True),
    (400, "Invalid input for field/attribute user_data.", FailureCause.CONFIG, True),
    (400, "something else", FailureCause.CONFIG, True),
    (403, "Quota exceeded for cores: Requested 1, but already used 20", FailureCause.QUOTA, True),
    (403, "Policy doesn't allow os_compute_api:servers:create", FailureCause.REFUSED, True),
    (404, "Network 7 could not be found", FailureCause.CONFIG, True),
    (409, "Multiple possible networks found", FailureCause.NAME_CONFLICT, True),
    (413, "", FailureCause.QUOTA, True),
    (429, "Rate limit exceeded", FailureCause.QUOTA, True),
    (500, "Unexpected API Error.", FailureCause.UNREACHABLE, False),
    (503, "Service Unavailable", FailureCause.UNREACHABLE, False),
    (418, "I am a teapot", FailureCause.REFUSED, True),
)


@pytest.mark.parametrize(("status", "said", "cause", "sure"), WORDS)
async def test_what_nova_says(
    world: OpenStackWorld, status: int, said: str, cause: FailureCause, *, sure: bool
) -> None:
    # A start that may have a machine all the same is looked for.
    world.cloud.order("POST", "/servers$", "status", times=9, status=status, message=said)
    async with provider(world) as made:
        with pytest.raises(ProviderError) as caught:
            await made.create(wanted())
    assert caught.value.cause is cause
    assert caught.value.sure is sure
    assert failure_cause(caught.value) is cause
    assert said in caught.value.message
    assert "alice-h1" in caught.value.message
    assert caught.value.hint or status == 418
    assert world.cloud.asked("POST", "/servers$") == 1


@pytest.mark.parametrize("how", ["cut", "lost"])
async def test_a_lost_answer_is_looked_for(made: LibcloudProvider, cloud: Cloud, how: str) -> None:
    # Two of one name, of another start.
    old = await made.create(wanted(lease="l0"))
    cloud.order("POST", "/servers$", how)
    if how == "lost":
        machine = await made.create(wanted())
        assert machine.id != old.id
        assert machine.marks["anywhere-lease"] == "l1"
        assert len(cloud.servers) == 2
        return
    with pytest.raises(ProviderError) as caught:
        await made.create(wanted())
    assert not caught.value.sure
    assert caught.value.cause is FailureCause.UNREACHABLE
    assert len(cloud.servers) == 1


async def test_a_machine_that_servers_share_is_never_taken_for_a_lost_one(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    """They all have one name: a start that fails would remove the one that others are on."""
    first = {**MARKS, "anywhere-shared": "shape", "anywhere-seat-l0": "/"}
    old = await made.create(wanted(marks=first))
    second = {**MARKS, "anywhere-shared": "shape", "anywhere-seat-l1": "/two"}
    cloud.order("POST", "/servers$", "cut")
    with pytest.raises(ProviderError):
        await made.create(wanted(marks=second))
    assert list(cloud.servers) == [old.id]
    cloud.order("POST", "/servers$", "lost")
    machine = await made.create(wanted(marks=second))
    assert machine.id != old.id
    assert machine.marks["anywhere-seat-l1"] == "/two"


async def test_a_machine_that_appears_late_is_found_before_a_second_is_made(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    cloud.order("POST", "/servers$", "cut")
    with pytest.raises(ProviderError):
        await made.create(wanted())
    late = cloud.make_server(
        {
            "name": "alice-h1",
            "flavorRef": cloud.flavors[0]["id"],
            "metadata": {"anywhere-lease": "l1"},
        }
    )
    machine = await made.create(wanted())
    assert machine.id == late["id"]
    assert len(cloud.servers) == 1


async def test_an_answer_that_is_lost_after_the_create_finds_it(
    made: LibcloudProvider, cloud: Cloud
) -> None:
    # libcloud looks at what it made; that look fails.
    cloud.order("GET", r"/servers/[^/?]+$", "status", status=500)
    machine = await made.create(wanted())
    assert list(cloud.servers) == [machine.id]


async def test_a_404_of_a_proxy_is_no_proof(made: LibcloudProvider, cloud: Cloud) -> None:
    machine = await made.create(wanted())
    cloud.order("GET", r"/servers/[^/?]+$", "html", times=2, status=404)
    with pytest.raises(ProviderError):
        await made.machine(machine.id)
    with pytest.raises(ProviderError):
        await made.destroy(machine.id)
    assert machine.id in cloud.servers


@pytest.mark.parametrize(
    ("url", "cause", "said"),
    [
        ("https://no-such-host.invalid:5000", FailureCause.UNREACHABLE, "not known here"),
        ("http://127.0.0.1:1", FailureCause.UNREACHABLE, "look at its address"),
    ],
)
async def test_nobody_there(
    world: OpenStackWorld, url: str, cause: FailureCause, said: str
) -> None:
    async with provider(world, auth_url=url) as made:
        with pytest.raises(ProviderError) as caught:
            await made.create(wanted())
    assert caught.value.cause is cause
    assert said in caught.value.hint
    assert caught.value.sure


async def test_one_that_never_answers(world: OpenStackWorld) -> None:
    world.cloud.order("GET", "/servers/detail", "hold")
    async with provider(world, options={"timeout": 0.2}) as made:
        with pytest.raises(ProviderError) as caught:
            await made.machines({})
    assert caught.value.cause is FailureCause.TIMEOUT


async def test_something_else_than_a_cloud(world: OpenStackWorld) -> None:
    world.cloud.order("POST", "/auth/tokens", "html", status=200)
    async with provider(world) as made:
        with pytest.raises(ProviderError, match="cannot be read") as caught:
            await made.machines({})
    assert caught.value.cause is FailureCause.UNREACHABLE
    assert "proxy" in caught.value.hint


def _http_error(code: int, said: str) -> Exception:
    error: Exception = BaseHTTPError(code, said)  # type: ignore[no-untyped-call]
    return error


DOING = Doing("the machine x cannot be made", "openstack h", changes=True)


@pytest.mark.parametrize(
    ("error", "cause", "sure"),
    [
        (InvalidCredsError(), FailureCause.CONFIG, True),
        (MalformedResponseError("x", body="y"), FailureCause.UNREACHABLE, False),
        (NotImplementedError("no such call"), FailureCause.CONFIG, True),
        (LibcloudError("quota exceeded"), FailureCause.QUOTA, True),
        (LibcloudError("odd"), FailureCause.CONFIG, False),
        (TypeError("unexpected keyword argument 'ex_foo'"), FailureCause.CONFIG, False),
        (KeyError("addresses"), FailureCause.CONFIG, False),
        (requests.ConnectTimeout("x"), FailureCause.TIMEOUT, True),
        (requests.ReadTimeout("x"), FailureCause.TIMEOUT, False),
        (requests.exceptions.SSLError("bad"), FailureCause.CONFIG, True),
        (socket.gaierror(-2, "Name or service not known"), FailureCause.UNREACHABLE, True),
        (ConnectionRefusedError(111, "refused"), FailureCause.UNREACHABLE, True),
        (ConnectionResetError(104, "reset"), FailureCause.UNREACHABLE, False),
        (_http_error(503, "limit exceeded"), FailureCause.UNREACHABLE, False),
        (RuntimeError("what"), FailureCause.INTERNAL, False),
    ],
)
def test_causes(error: BaseException, cause: FailureCause, *, sure: bool) -> None:
    found = explain(error, DOING)
    assert (found.cause, found.sure) == (cause, sure)
    assert found.message.startswith("the machine x cannot be made at openstack h: ")
    # A look changes nothing, whatever became of the answer.
    assert explain(error, Doing("x", "y")).sure


def test_no_secret_is_told_and_no_novel() -> None:
    found = explain(LibcloudError("key swordfish is wrong" + "!" * 999), DOING, ["swordfish"])
    assert "swordfish" not in str(found)
    assert len(found.message) < 400
    assert explain(found, DOING) is found


@pytest.mark.parametrize(
    ("body", "said", "kind"),
    [
        ('{"itemNotFound": {"message": "gone", "code": 404}}', "gone (404)", "itemNotFound"),
        ('{"NeutronError": {"type": "X", "message": "m"}}', "m (404)", "NeutronError"),
        ('{"message": "code red", "code": "404 Not Found"}', "code red (404)", "message"),
        ('{"error": {"code": 404, "message": "k", "title": "t"}}', "k (404)", "error"),
        ("<html>x</html>", "404 Not Found", ""),
        ("plain", "404 plain", ""),
        ("", "404 Not Found", ""),
        ("[1]", "404 [1]", ""),
        ("{}", "404 {}", ""),
        ('{"code": 5}', "Not Found (404)", ""),
    ],
)
def test_errors_of_all_shapes(body: str, said: str, kind: str) -> None:
    found = said_in(404, "Not Found", body)
    assert (str(found), found.kind) == (said, kind)
