"""Starts in line: a real hub where two servers may start at the same time, and nine are wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from tests.hub.harness import wait_for
from tests.hub.page_hub import STUB, close_gate, open_gate, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

SLOW: Final = {"targets": ["here"], "sets": {"gated": True}}
SITE: Final[dict[str, Any]] = {
    "targets": {
        "here": {**STUB, "title": "This machine", "starts": 2},
        "small": {**STUB, "title": "The small one", "servers": 1},
    },
    "profiles": {
        "slow": {**SLOW, "title": "Slow"},
        "once": {"title": "Once", "targets": ["small", "here"], "limit": 1},
        "small": {"title": "Small", "targets": ["small"]},
    },
}
# The stock hub would answer the third start with 429.
CONFIG: Final = """
c.JupyterHub.tornado_settings.update({"slow_spawn_timeout": 0})
c.JupyterHub.concurrent_spawn_limit = 2
c.JupyterHub.active_server_limit = 10
"""
MANY: Final = [("ann", name) for name in ("a1", "a2", "a3", "a4")]
OTHERS: Final = [(name, "") for name in ("bob", "sue", "tom", "kim", "lee")]
Server = tuple[str, str]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub(SITE, CONFIG) as running:
        yield running


def path(server: Server) -> str:
    user, name = server
    return f"users/{user}/servers/{name}" if name else f"users/{user}/server"


def ask(hub: Hub, server: Server, profile: str, **more: Any) -> httpx.Response:
    hub.add_user(server[0])
    options = {"profile": profile, **more}
    return hub.api("POST", path(server), json={"user_options": options})


def told(hub: Hub, server: Server, stage: str) -> dict[str, Any]:
    """The first event of a stage, as a program reads it that has just come."""
    headers = {"Authorization": f"token {hub.token}"}
    address = f"{hub.url}hub/api/{path(server)}/progress"
    with httpx.stream("GET", address, headers=headers, timeout=60.0) as answer:
        for line in answer.iter_lines():
            event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if event.get("stage") == stage:
                return dict(event)
            assert not event.get("ready"), f"no {stage} before it was ready"
            assert not event.get("failed"), event
    raise AssertionError(f"no {stage} was told")


def events(hub: Hub, server: Server) -> list[dict[str, Any]]:
    """Every event of a start, to its end, whose gate opens once the first one has come.

    Not before: to who comes when a server is ready, the hub tells only that.
    """
    headers = {"Authorization": f"token {hub.token}"}
    address = f"{hub.url}hub/api/{path(server)}/progress"
    found = []
    with httpx.stream("GET", address, headers=headers, timeout=60.0) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                open_gate(hub, *server)
    return found


def tokens(hub: Hub, user: str) -> list[str]:
    found = hub.api("GET", f"users/{user}/tokens").json()["api_tokens"]
    return [each["note"] for each in found]


def test_nine_starts_at_two_a_time(hub: Hub) -> None:
    wanted = [*MANY, *OTHERS]
    for server in wanted:
        assert ask(hub, server, "slow").status_code == 202

    for server in MANY[:2]:
        assert told(hub, server, "starting")["message"] == "Starting the server"
    # Who has nothing in the making goes before the third and fourth server of one person.
    line = [*OTHERS, *MANY[2:]]
    for number, server in enumerate(line, 1):
        event = told(hub, server, "queued")
        assert (event["position"], event["waiting"]) == (number, 7)
        assert event["message"] == f"Waiting for its turn: number {number} of 7 in line"
    assert any("Server at" in note for note in tokens(hub, "tom"))

    cancelled = hub.api("DELETE", path(("tom", "")))
    assert cancelled.status_code == 204
    assert tokens(hub, "tom") == []
    assert told(hub, ("kim", ""), "queued")["position"] == 3
    model = hub.server("tom")
    assert model is None or not (model["ready"] or model["pending"])

    for user, name in wanted:
        open_gate(hub, user, name)
    for user, name in wanted:
        if user == "tom":
            continue

        def ready(user: str = user, name: str = name) -> bool:
            model = hub.server(user, name)
            assert model is not None
            assert model["ready"] or model["pending"], hub.logs()
            return bool(model["ready"])

        wait_for(ready, what=f"the start of {user}/{name}")
    assert "] 429 POST" not in hub.output()
    for user, name in wanted:
        close_gate(hub, user, name)
        if user != "tom":
            hub.stop_server(user, name)


def test_a_late_viewer_sees_every_stage_and_the_childs_events(hub: Hub) -> None:
    server = ("ann", "late")
    assert ask(hub, server, "slow").status_code == 202
    told(hub, server, "starting")
    seen = events(hub, server)
    assert seen[-1]["ready"]
    stages = [event["stage"] for event in seen if "stage" in event]
    assert stages[:2] == ["preparing", "starting"]
    assert stages[-1] == "ready"
    assert {"progress": 40, "message": "<i>half</i> way"} in seen
    for event in seen:
        if "stage" in event:
            assert event["total"] >= event["after"] >= 0
    close_gate(hub, *server)
    hub.stop_server(*server)


def test_what_has_no_room_is_refused_before_anything_is_made(hub: Hub) -> None:
    assert ask(hub, ("pia", ""), "once").status_code in {201, 202}
    wait_for(lambda: (hub.server("pia") or {}).get("ready"), what="the start")

    answer = ask(hub, ("pia", "second"), "once", target="here")
    assert answer.status_code == 409
    assert answer.json()["errors"] == {
        "profile": "You have 1 server of Once at The small one, and may have 1."
        " Stop one on your home page, then start this one."
    }
    assert hub.server("pia", "second") is None

    answer = ask(hub, ("max", ""), "small")
    assert answer.status_code == 409
    assert answer.json()["errors"]["target"].startswith("The small one is full: 1 of 1 servers")

    client = hub.login("max")
    page = client.get("hub/spawn")
    assert "The small one is full: 1 of 1 servers are there." in page.text
    form = {"_xsrf": client.cookies["_xsrf"], "profile": "small"}
    refused = client.post("hub/spawn", data=form)
    assert refused.status_code == 409
    assert "The small one is full" in refused.text

    hub.stop_server("pia")
    assert ask(hub, ("max", ""), "small").status_code in {201, 202}
    wait_for(lambda: (hub.server("max") or {}).get("ready"), what="the start")
    hub.stop_server("max")


def test_a_full_hub_says_so_in_words() -> None:
    config = CONFIG.replace("active_server_limit = 10", "active_server_limit = 1")
    with page_hub({"targets": {"here": STUB}}, config) as hub:
        hub.start_server("ann")
        hub.add_user("bob")
        answer = hub.api("POST", "users/bob/server")
        assert answer.status_code == 409
        assert answer.json()["message"] == (
            "This hub is full: 1 of 1 servers run. Try again when one has stopped."
        )
        hub.stop_server("ann")
        hub.start_server("bob")
