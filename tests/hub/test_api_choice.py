"""Choices sent by API are refused before anything is made, with a text for each field."""

from __future__ import annotations

import json
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import wait_for
from tests.hub.page_hub import STUB, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub() as running:
        for name in ("ann", "bob", "sue"):
            running.add_user(name)
        yield running


def start(hub: Hub, options: Any, path: str = "users/ann/server") -> httpx.Response:
    return hub.api("POST", path, json={"user_options": options})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"profile": "nothing"}, "profile"),
        ({"profile": "hidden"}, "profile"),
        ({"profile": 7}, "profile"),
        ({"target": "here"}, "profile"),
        ({"profile": "python", "target": "moon"}, "target"),
        ({"profile": "python", "options": {"memory": "9G"}}, "options.memory"),
        ({"profile": "python", "options": {"memory": []}}, "options.memory"),
        ({"profile": "python", "options": {"gpu": 1}}, "options.gpu"),
        ({"profile": "python", "options": {"image": "x"}}, "options.image"),
        ({"profile": "python", "options": "x"}, "options"),
        ({"profile": "python", "more": 1}, "more"),
    ],
)
def test_a_bad_choice_is_refused_and_nothing_is_made(hub: Hub, options: Any, field: str) -> None:
    for method, path in (("POST", "server"), ("POST", "servers/new"), ("PUT", "servers/new")):
        body = {"user_options": options}
        answer = hub.api(method, f"users/ann/{path}", json=body)

        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["status"] == 422
        assert answer.json()["message"]
        assert list(answer.json()["errors"]) == [field]
    assert hub.server("ann", "new") is None
    default = hub.server("ann")
    assert default is None or not default["user_options"]


def test_forbidden_and_unknown_are_answered_alike(hub: Hub) -> None:
    forbidden = start(hub, {"profile": "hidden"})
    unknown = start(hub, {"profile": "hidder"})

    assert forbidden.status_code == unknown.status_code
    assert forbidden.text.replace("hidden", "X") == unknown.text.replace("hidder", "X")


def test_groups_of_the_file_open_what_they_name(hub: Hub) -> None:
    assert start(hub, {"profile": "hidden"}, "users/sue/server").status_code == 201
    model = hub.server("sue")
    assert model is not None
    assert model["user_options"]["profile"] == "hidden"
    hub.stop_server("sue")


def test_an_oversized_body_is_refused(hub: Hub) -> None:
    answer = start(hub, {"profile": "python", "options": {"memory": "9" * 200_000}})
    assert answer.status_code == 413
    assert answer.json()["status"] == 413
    big = start(hub, {"profile": "python", "options": {"memory": "9" * 70_000}})
    assert big.status_code == 413
    assert list(big.json()["errors"]) == [""]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "server", "["),
        ("POST", "server", '{"user_options": {"profile": "\\ud800"}}'),
        ("POST", "server", "[1]"),
        ("POST", "server", "3"),
        ("POST", "server", '{"user_options": [1]}'),
        ("POST", "server", '{"profile": NaN}'),
        ("POST", "server", "[" * 50_000),
        ("POST", "server", '{"user_options": {"profile": "python", "options": {"memory": 1e999}}}'),
        ("POST", "servers/new", '{"display_name": 3}'),
        ("POST", "servers/new", '{"display_name": "\\ud800", "user_options": {}}'),
        ("PUT", "servers/new", "[1]"),
        ("PATCH", "server", "[1]"),
        ("PATCH", "server", "{}"),
        ("PATCH", "server", '{"more": 1}'),
        ("PATCH", "server", '{"name": 3}'),
        ("PATCH", "server", '{"display_name": 3}'),
        ("PATCH", "server", '{"user_options": 3}'),
        ("PATCH", "server", '{"user_options": null}'),
        ("PATCH", "server", '{"user_options": {"profile": "nothing"}}'),
    ],
)
def test_a_malformed_body_is_a_fault_of_the_client(
    hub: Hub, method: str, path: str, body: str
) -> None:
    answer = hub.api(
        method,
        f"users/bob/{path}",
        content=body.encode(),
        headers={"Content-Type": "application/json"},
    )

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["status"] == answer.status_code


def test_unknown_users_stay_the_business_of_the_hub(hub: Hub) -> None:
    assert start(hub, {"profile": "nothing"}, "users/nobody/server").status_code == 404


def test_a_refused_choice_never_becomes_the_last_one(hub: Hub) -> None:
    hub.start_server("bob", options={"profile": "python", "options": {"memory": "2G"}})
    hub.stop_server("bob")
    assert start(
        hub, {"profile": "python", "options": {"memory": "9G"}}, "users/bob/server"
    ).is_error

    model = hub.start_server("bob")

    assert model["user_options"]["options"]["memory"] == 2 * 1024**3
    hub.stop_server("bob")


def test_what_patch_stored_is_started_and_reset_by_an_empty_choice(hub: Hub) -> None:
    stored = {"profile": "python", "target": "here", "options": {"memory": "3G"}}
    assert hub.api("PATCH", "users/sue/server", json={"user_options": stored}).status_code == 200

    model = hub.start_server("sue")

    assert model["user_options"]["options"]["memory"] == 3 * 1024**3
    hub.stop_server("sue")


def test_what_was_stored_is_validated_again_at_the_start(hub: Hub) -> None:
    hub.add_user("eve")
    hub.api("POST", "groups/special")
    hub.api("POST", "groups/special/users", json={"users": ["eve"]})
    stored = {"user_options": {"profile": "hidden", "target": "here", "options": {}}}
    assert hub.api("PUT", "users/eve/servers/new", json=stored).status_code == 201
    hub.api("DELETE", "groups/special/users", json={"users": ["eve"]})

    answer = hub.api("POST", "users/eve/servers/new")

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["profile"]
    model = hub.server("eve", "new")
    assert model is not None
    assert not model["ready"]
    assert hub.api("DELETE", "users/eve/servers/new", json={"remove": True}).status_code == 204


def test_a_start_that_was_cancelled_is_no_fault_of_the_hub(hub: Hub) -> None:
    with httpx.Client(timeout=30) as client:
        headers = {"Authorization": f"token {hub.token}"}
        url = f"{hub.url}hub/api/users/ann/servers/walk"
        body = json.dumps({"user_options": {"profile": "slow"}})
        answers: list[httpx.Response] = []
        waiting = Thread(
            target=lambda: answers.append(client.post(url, content=body, headers=headers))
        )
        waiting.start()
        wait_for(lambda: (hub.server("ann", "walk") or {}).get("pending"))
        hub.stop_server("ann", "walk")
        waiting.join()
    assert [answer.status_code for answer in answers] == [409]
    assert answers[0].json()["message"] == "The start was cancelled."


def test_private_text_of_a_failure_stays_private(hub: Hub) -> None:
    hub.add_user("cat")
    answer = start(hub, {"profile": "broken"}, "users/cat/server")
    assert answer.status_code == 500
    assert "could not be started" in answer.json()["message"]
    told = start(hub, {"profile": "full"}, "users/cat/server")
    assert told.json()["message"] == "No room is left."
    events = hub.api("GET", "users/cat/server/progress")
    assert json.loads(events.text.partition("data:")[2])["message"] == "No room is left."
    assert "hunter2" not in answer.text + told.text + events.text


def test_a_server_that_ends_while_the_hub_waits_for_it_is_told() -> None:
    ending = {**STUB, "spawner": {"cmd": ["false"], "http_timeout": 60}}
    config = 'c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}\n'
    with page_hub({"targets": {"here": ending}}, config) as hub:
        hub.add_user("ann")
        answer = start(hub, {})
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("The server ended while it was started.")
