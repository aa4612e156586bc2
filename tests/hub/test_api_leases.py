"""Leases and leaks, asked by API and shown on pages, in a real hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.lease_hub import lease_hub, tell, wishes
from tests.hub.page_hub import XSS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

UNKNOWN = {"user": "ann", "state": "unknown"}
STOPPING = {"user": "ann", "server": "two", "state": "stopping"}
STRAY = {"name": "r-eve", "user": "eve", "server": ""}
FILES = {"name": "r-files", "user": "eve", "server": "x", "keep": True, "alive": False}
PATHS = [
    ("GET", "leases"),
    ("GET", "leaks"),
    ("POST", "leaks/clean"),
    ("POST", "leaks/lift"),
    ("POST", "adopt"),
]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with lease_hub() as running:
        for name in ("ann", "bob"):
            running.add_user(name)
        yield running


def admin(hub: Hub) -> str:
    """A token of an administrator: the tests' own service has no right to stop servers."""
    hub.login("root-of-all")
    return hub.user_token("root-of-all")


def ask(hub: Hub, method: str, path: str, token: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"token {token}"}
    url = f"{hub.url}hub/api/anywhere/{path}"
    return httpx.request(method, url, headers=headers, timeout=30, **more)


def test_an_administrator_sees_every_server(hub: Hub) -> None:
    tell(hub, UNKNOWN, {"user": "bob", "state": "running"})
    answer = ask(hub, "GET", "leases", admin(hub))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert [(each["user"], each["state"]) for each in told["servers"]] == [
        ("ann", "unknown"),
        ("bob", "running"),
    ]
    assert told["targets"][0]["servers"] == {"running": 1, "unknown": 1}
    assert "disagreements" not in told


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_who_may_stop_all_servers(hub: Hub, method: str, path: str) -> None:
    tell(hub, resources=[STRAY])
    own = hub.user_token("ann")
    assert ask(hub, method, path, own, json={"all": True}).status_code == 403
    assert ask(hub, method, path, "wrong", json={"all": True}).status_code == 403
    made = hub.api("POST", "users/ann/tokens", json={"scopes": ["read:servers!user=ann"]})
    narrow = made.json()["token"]
    assert ask(hub, method, path, narrow, json={"all": True}).status_code == 403
    assert wishes(hub) == []


def test_a_cookie_alone_removes_nothing(hub: Hub) -> None:
    tell(hub, resources=[STRAY])
    client = hub.login("root-of-all")
    answer = client.post("hub/api/anywhere/leaks/clean", json={"all": True})
    assert answer.status_code == 403
    assert wishes(hub) == []


def test_leaks_are_told_and_removed(hub: Hub) -> None:
    tell(hub, resources=[STRAY, FILES])
    token = admin(hub)
    told = ask(hub, "GET", "leaks", token).json()
    assert {each["key"] for each in told["disagreements"]} == {"here/r-eve", "here/r-files"}
    look = ask(hub, "POST", "leaks/clean", token, json={"all": True, "dry_run": True}).json()
    assert [each["key"] for each in look["done"]] == ["here/r-eve"]
    assert [each["key"] for each in look["spared"]] == ["here/r-files"]
    assert wishes(hub) == []
    done = ask(hub, "POST", "leaks/clean", token, json={"all": True})
    assert done.status_code == 200, done.text
    assert wishes(hub) == [["clean", ["here", "r-eve"]]]
    ask(hub, "POST", "leaks/clean", token, json={"keys": ["r-files"], "files": True})
    assert wishes(hub)[-1] == ["clean", ["here", "r-files"]]


def test_adopted_is_what_was_named(hub: Hub) -> None:
    tell(hub, resources=[STRAY, FILES])
    token = admin(hub)
    answer = ask(hub, "POST", "adopt", token, json={"keys": ["here/r-files"]})
    assert answer.status_code == 200, answer.text
    assert wishes(hub) == [["adopt", ["here", "r-files"]]]
    wrong = ask(hub, "POST", "adopt", token, json={"keys": ["here/r-fils"]})
    assert wrong.status_code == 404
    assert "Did you mean here/r-files?" in wrong.json()["message"]


def test_a_hold_is_lifted(hub: Hub) -> None:
    tell(hub, hold="the hub's database is new")
    token = admin(hub)
    assert ask(hub, "GET", "leaks", token).json()["clean"] is False
    assert ask(hub, "POST", "leaks/lift", token).json()["lifted"] == "the hub's database is new"
    assert wishes(hub) == [["lift"]]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"keys": ["x"], "all": True},
        {"keys": "x"},
        {"keys": [1]},
        {"all": "yes"},
        {"all": True, "force": True},
        {"all": True, "files": 1},
    ],
)
def test_a_wrong_body_removes_nothing(hub: Hub, body: Any) -> None:
    tell(hub, resources=[STRAY])
    assert ask(hub, "POST", "leaks/clean", admin(hub), json=body).status_code == 400
    assert wishes(hub) == []


def test_a_ledger_that_cannot_be_read_is_no_empty_one(hub: Hub) -> None:
    tell(hub, broken=True)
    answer = ask(hub, "GET", "leases", admin(hub))
    assert answer.status_code == 503
    assert answer.json()["message"] == "The ledger is damaged. Put a copy back."


def test_a_user_sees_the_own_servers_and_no_secrets(hub: Hub) -> None:
    tell(hub, UNKNOWN, STOPPING, {"user": "bob", "state": "running"})
    answer = ask(hub, "GET", "users/ann/leases", hub.user_token("ann"))
    assert answer.status_code == 200, answer.text
    assert [(each["server"], each["state"]) for each in answer.json()["servers"]] == [
        ("", "unknown"),
        ("two", "stopping"),
    ]
    assert answer.json()["servers"][0]["unknown_since"] == "2026-05-04T14:02:00+00:00"
    assert "administrators" not in answer.text
    assert ask(hub, "GET", "users/bob/leases", hub.user_token("ann")).status_code == 404
    assert ask(hub, "GET", "users/nobody/leases", admin(hub)).status_code == 404


def test_the_home_page_tells_of_what_is_unknown_or_stopping(hub: Hub) -> None:
    tell(hub, UNKNOWN, STOPPING, {"user": "ann", "server": XSS, "state": "stopping"})
    page = hub.login("ann").get("hub/home")
    assert page.status_code == 200
    assert "Cannot be reached" in page.text
    assert "It cannot be reached since 14:02 UTC. It is kept" in page.text
    assert "“two” is being removed" in page.text
    assert "<script>window.hacked" not in page.text
    assert "It cannot be reached" not in hub.login("bob").get("hub/home").text


def test_other_pages_tell_it_too(hub: Hub) -> None:
    tell(hub, {"user": "ann", "state": "stopping"})
    client = hub.login("ann")
    assert "It has been stopping since 14:02 UTC" in client.get("hub/spawn").text
    assert "It has been stopping since 14:02 UTC" in client.get("hub/user/ann/").text
    tell(hub)
    assert "stopping since" not in client.get("hub/spawn").text


def test_our_figures_stand_beside_the_hub_s(hub: Hub) -> None:
    page = httpx.get(f"{hub.url}hub/metrics")
    assert page.status_code == 200
    assert 'jupyterhub_anywhere_leases{state="running",target="here"} 3.0' in page.text
    assert "jupyterhub_running_servers" in page.text
