"""What may be chosen, asked by API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from tests.hub.page_hub import page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub() as running:
        for name in ("ann", "bob", "sue"):
            running.add_user(name)
        yield running


def ask(hub: Hub, path: str, token: str) -> httpx.Response:
    return httpx.get(f"{hub.url}hub/api/{path}", headers={"Authorization": f"token {token}"})


def names(model: dict[str, Any]) -> list[str]:
    return [profile["name"] for profile in model["profiles"]]


def test_a_user_asks_for_the_own_catalog(hub: Hub) -> None:
    answer = ask(hub, "anywhere/catalog", hub.user_token("ann"))

    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].endswith("default-src 'none'")
    model = answer.json()
    assert model["user"] == "ann"
    assert "python" in names(model)
    assert "hidden" not in names(model)
    assert model["last"] is None
    assert model["notice"] == ""
    assert model["default"]["profile"] == "python"
    Draft202012Validator.check_schema(model["schema"])
    schema = Draft202012Validator(model["schema"])
    assert schema.is_valid(model["default"])
    assert not schema.is_valid({"profile": "hidden", "target": "here", "options": {}})


def test_groups_count(hub: Hub) -> None:
    assert "hidden" in names(ask(hub, "anywhere/catalog", hub.user_token("sue")).json())


def test_an_admin_asks_for_anybody_s(hub: Hub) -> None:
    answer = hub.api("GET", "anywhere/users/sue/catalog")
    assert "hidden" in names(answer.json())
    own = ask(hub, "anywhere/users/sue/catalog", hub.user_token("sue"))
    assert own.json() == answer.json()


def test_others_and_nobody_are_answered_alike(hub: Hub) -> None:
    token = hub.user_token("ann")
    forbidden = ask(hub, "anywhere/users/bob/catalog", token)
    unknown = ask(hub, "anywhere/users/nobody/catalog", token)
    assert forbidden.status_code == unknown.status_code == 404
    assert ask(hub, "anywhere/catalog", "wrong").status_code == 403
    assert httpx.get(f"{hub.url}hub/api/anywhere/catalog").status_code == 403
    assert hub.api("GET", "anywhere/users/nobody/catalog").status_code == 404


def test_a_service_has_no_catalog_of_its_own(hub: Hub) -> None:
    answer = hub.api("GET", "anywhere/catalog")
    assert answer.status_code == 404
    assert "name a user" in answer.json()["message"]


def test_a_token_without_the_scope_is_refused(hub: Hub) -> None:
    made = hub.api("POST", "users/ann/tokens", json={"scopes": ["read:users!user=ann"]})
    token = made.json()["token"]
    assert ask(hub, "anywhere/catalog", token).status_code == 403
    assert ask(hub, "anywhere/users/ann/catalog", token).status_code == 403


def test_each_server_has_a_last_choice_of_its_own(hub: Hub) -> None:
    hub.start_server("bob", "two", options={"profile": "python", "options": {"memory": "2G"}})
    hub.stop_server("bob", "two")
    default = hub.api("GET", "anywhere/users/bob/catalog").json()
    named = hub.api("GET", "anywhere/users/bob/catalog", params={"server": "two"}).json()
    assert default["last"] is None
    assert named["last"]["options"]["memory"] == 2 * 1024**3
    missing = hub.api("GET", "anywhere/users/bob/catalog", params={"server": "three"})
    assert missing.status_code == 404
