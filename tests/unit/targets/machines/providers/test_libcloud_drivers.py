"""Any driver, by libcloud's own dummy and one that has a little more; EC2's errors."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from libcloud.common.types import InvalidCredsError
from libcloud.compute.base import Node
from libcloud.compute.drivers.dummy import DummyNodeDriver
from libcloud.compute.types import NodeState
from tests.unit.targets.machines.providers.clouds import HandClock, wanted

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import Access, Power, Rest, Volume
from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider
from jupyterhub_anywhere.targets.machines.providers.libcloud.account import (
    Account,
    arguments,
    userdata_limit,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.aws import Response
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend, marks_in
from jupyterhub_anywhere.targets.machines.providers.libcloud.ec2 import Ec2Backend
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Refused
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Lookups

# libcloud has types for some of its classes only.
Dummy: Any = DummyNodeDriver
Answered: Any = Response


class Driver(Dummy):
    """A cloud of a few calls, as most of libcloud's drivers have."""

    def create_node(  # noqa: PLR0917 - libcloud's own shape
        self,
        name: str,
        size: Any,
        image: Any,
        location: Any = None,
        ex_user_data: str = "",
        ex_tags: dict[str, str] | None = None,
        ex_keyname: str = "",
    ) -> Any:
        extra = {"tags": dict(ex_tags or {}), "data": ex_user_data, "key": ex_keyname}
        extra["where"] = location.name if location else ""
        node = Node(
            id=str(len(self.nl) + 100),
            name=name,
            state=NodeState.PENDING,
            public_ips=["2001:db8::1", "192.0.2.1"],
            private_ips=["10.0.0.1"],
            driver=self,
            extra=extra,
        )
        node.created_at = datetime(2026, 1, 1)  # noqa: DTZ001 - as libcloud gives it
        self.nl.append(node)
        return node

    def stop_node(self, node: Any) -> bool:
        node.state = NodeState.STOPPED
        return True

    def start_node(self, node: Any) -> bool:
        node.state = NodeState.RUNNING
        return True

    def ex_get_console_output(self, node: Any) -> dict[str, str]:
        return {"output": "one\ntwo\n"}


@pytest.fixture
def driver() -> Driver:
    return Driver("creds")


@pytest.fixture
def backend() -> Backend:
    account = Account.of(Access(title="t", driver="dummy", user="creds"))
    return Backend(account, Lookups(HandClock()))


def asked(**more: Any) -> Any:
    return wanted(**{"image": "Ubuntu 9.10", "size": "Small", **more})


def test_a_whole_life(backend: Backend, driver: Driver) -> None:
    made = backend.create(
        driver, asked(userdata="#!/bin/sh\n", key="admin", zone="London Loft"), []
    )
    assert made.power is Power.BUILDING
    assert made.public == ("192.0.2.1", "2001:db8::1")
    assert made.created == datetime(2026, 1, 1, tzinfo=UTC)
    node = backend.node(driver, made.id)
    assert (node.extra["data"], node.extra["key"]) == ("#!/bin/sh\n", "admin")
    assert node.extra["where"] == "London Loft"
    found = backend.marked(driver, {"anywhere-hub": "h1"})
    assert [each.id for each in found] == [made.id]
    assert backend.by_name(driver, "alice-h1", {"anywhere-lease": "l1"}) == found
    assert backend.console(driver, made.id, 1) == "two"
    assert backend.source(driver).startswith("dummy:")
    assert not backend.rest(driver, made.id, Rest.STOP)
    assert backend.rest(driver, made.id, Rest.STOP)
    backend.wake(driver, made.id)
    assert backend.node(driver, made.id).state == NodeState.RUNNING
    assert not backend.destroy(driver, made.id)
    assert backend.destroy(driver, made.id)
    assert backend.machine(driver, made.id) is None


def test_a_machine_that_a_cloud_goes_on_to_list_is_gone(backend: Backend, driver: Driver) -> None:
    made = backend.create(driver, asked(), [])
    backend.node(driver, made.id).state = NodeState.TERMINATED
    assert backend.destroy(driver, made.id)
    assert made.id not in {each.id for each in backend.listed(driver)}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"config_drive": True}, "takes no config drive"),
        ({"security_groups": ("x",)}, "takes no security groups"),
        ({"floating_ip": "x"}, "takes no floating ip"),
        ({"boot_volume": 5}, "takes no boot volume"),
        ({"networks": ("x",)}, "no list of networks"),
        ({"image": "Ubuntu 9.11"}, "no image Ubuntu 9.11"),
    ],
)
def test_what_a_driver_cannot_is_refused_before_anything_is_made(
    backend: Backend, driver: Driver, more: dict[str, Any], why: str
) -> None:
    before = len(driver.nl)
    with pytest.raises(Exception, match=why) as caught:
        backend.create(driver, asked(**more), [])
    assert getattr(caught.value, "hint", "") or "no list" in why
    assert len(driver.nl) == before


def test_what_else_a_driver_cannot(backend: Backend, driver: Driver) -> None:
    made = backend.create(driver, asked(), [])
    for call in (
        lambda: backend.rest(driver, made.id, Rest.SUSPEND),
        lambda: backend.rest(driver, made.id, Rest.SHELVE),
        lambda: backend.mark(driver, made.id, {"a": "b"}),
        lambda: backend.volume(driver, Volume("x", 1), {}),
        lambda: backend.make_volume(driver, Volume("x", 1), {}, ""),
        lambda: backend.wake(driver, "nobody"),
    ):
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.cause is FailureCause.CONFIG
    # libcloud's base class has methods that only raise; they count as none.
    bare = Dummy("creds")
    with pytest.raises(Refused, match="cannot stop"):
        backend.rest(bare, "1", Rest.STOP)
    assert backend.console(bare, "1", 5) == ""
    # Without marks nobody would find it again.
    with pytest.raises(Refused, match="takes no marks"):
        backend.create(bare, asked(), [])


@pytest.mark.parametrize(
    ("extra", "marks"),
    [
        ({"metadata": {"a": 1}}, {"a": "1"}),
        ({"tags": {"a": "b"}}, {"a": "b"}),
        ({"metadata": {"items": [{"key": "a", "value": "b"}]}}, {"a": "b"}),
        ({"metadata": None, "tags": [], "labels": {"a": "b"}}, {"a": "b"}),
        ({}, {}),
    ],
)
def test_marks_in_all_shapes(extra: dict[str, Any], marks: dict[str, str]) -> None:
    assert marks_in(extra) == marks


def test_arguments_of_drivers() -> None:
    ec2 = Account.of(Access(title="t", driver="ec2", user="a", key="b", region="eu-west-1"))
    given, words = arguments(ec2)
    assert given == ("a", "b")
    assert words == {"timeout": 60.0, "signature_version": "4", "region": "eu-west-1"}
    token = Account.of(Access(title="t", driver="digitalocean", user="t", options={"x": {"y": 1}}))
    assert arguments(token) == (("t",), {"timeout": 60.0, "x": {"y": 1}})
    assert arguments(Account.of(Access(title="t", driver="dummy")))[0] == ()
    assert userdata_limit("ec2") < userdata_limit("openstack")


def test_an_account_tells_no_secret() -> None:
    made = Account.of(Access(title="t", user="u", key="hunter2", options={"ex_token": "swordfish"}))
    assert "hunter2" not in repr(made)
    assert "swordfish" not in repr(made)
    assert set(made.secrets) == {"hunter2", "swordfish"}
    odd = Account.of(Access(title="t", auth_url="https://a:hunter2@h:5000/x?token=hunter2"))
    assert odd.place == "openstack h:5000/x"


async def test_a_provider_that_was_never_used_is_closed() -> None:
    await LibcloudProvider(Access(title="t")).close()


async def test_a_driver_without_volumes_has_none_of_ours(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LibcloudProvider(Access(title="t", driver="dummy", user="creds"))
    monkeypatch.setattr(made._made()[0], "driver", lambda: driver)
    try:
        assert await made.volume_marks("home", {}) is None
    finally:
        await made.close()


def test_an_instance_that_stops_is_not_off_yet() -> None:
    """Its system still writes to the volume with the home."""
    node = Node("i-1", "ann", NodeState.UNKNOWN, [], [], None, extra={"status": "stopping"})

    class Instances:
        def list_nodes(self, **_: Any) -> list[Node]:
            return [node]

        def ex_stop_node(self, node: Node) -> None:
            raise AssertionError(f"{node.id} stops already")

    backend = Ec2Backend(Account.of(Access(title="t", driver="ec2")), Lookups(HandClock()))
    assert backend.machine_of(node).power is Power.STOPPED
    assert not backend.rest(Instances(), "i-1", Rest.STOP)
    node.state, node.extra["status"] = NodeState.STOPPED, "stopped"
    assert backend.rest(Instances(), "i-1", Rest.STOP)


NAMESPACE = ' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'


@pytest.mark.parametrize("namespace", ["", NAMESPACE])
def test_errors_of_ec2(namespace: str) -> None:
    def answer(body: str) -> Any:
        raw = requests.Response()
        raw.status_code, raw.reason, raw._content = 400, "Bad Request", body.encode()
        raw.request = requests.Request("GET", "http://h/").prepare()
        return Answered(raw, SimpleNamespace(driver=None))

    def told(code: str, more: str = "") -> str:
        error = f"<Error><Code>{code}</Code><Message>it is so</Message>{more}</Error>"
        return f"<Response{namespace}><Errors>{error}</Errors></Response>"

    with pytest.raises(Exception, match=r"^InvalidInstanceID.NotFound: it is so$"):
        answer(told("InvalidInstanceID.NotFound"))
    with pytest.raises(Exception, match="it is so"):
        answer(told("Odd", "<More>than libcloud takes</More>"))
    for code in ("AuthFailure", "SignatureDoesNotMatch"):
        with pytest.raises(InvalidCredsError):
            answer(told(code))
    for body in ("", "<html>", "<a/>"):
        with pytest.raises(Exception, match="400 Bad Request"):
            answer(body)
