"""Starts that are cancelled, and starts whose hub dies, where a ledger is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from tests.hub.harness import SOURCES, Hub, wait_for
from tests.hub.page_hub import open_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE: Final[dict[str, Any]] = {
    "hub": {"ledger": {"every": "1s", "grace": "3s"}, "starts": 1},
    "targets": {"here": {"kind": "custom", "class": "cleaning_spawners.CleaningSpawner"}},
    "profiles": {"slow": {"title": "Slow", "targets": ["here"], "sets": {"gated": True}}},
}
CONFIG: Final = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.StubSpawner.gates = {folder!r}
c.StubSpawner.home_dir_template = {folder!r} + "/home-{{username}}"
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    paths = os.pathsep.join([str(SOURCES), str(Path(__file__).parent)])
    hub = Hub(site=SITE, arguments=["--share-account"], environment={"PYTHONPATH": paths})
    try:
        hub.write_config(CONFIG.format(folder=str(hub.folder)))
        yield hub.start()
    finally:
        hub.close()


def ask(hub: Hub, user: str) -> None:
    hub.add_user(user)
    answer = hub.api("POST", f"users/{user}/server", json={"user_options": {"profile": "slow"}})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def states(hub: Hub) -> dict[str, str]:
    """User to state, by the ledger."""
    found = hub.api("GET", "anywhere/leases")
    found.raise_for_status()
    return {each["user"]: each["state"] for each in found.json()["servers"]}


def read_at_home(hub: Hub, user: str) -> str:
    return hub.login(user).get("hub/home").text


def tokens(hub: Hub, user: str) -> list[str]:
    found = hub.api("GET", f"users/{user}/tokens").json()["api_tokens"]
    return [each["note"] for each in found if each["note"].startswith("Server at")]


def test_a_cancelled_start_is_answered_while_its_child_still_cleans_up(hub: Hub) -> None:
    ask(hub, "ann")
    wait_for(lambda: states(hub) == {"ann": "starting"}, what="a start")
    answer = hub.api("DELETE", "users/ann/server")
    assert answer.status_code == httpx.codes.NO_CONTENT, answer.text
    assert (hub.folder / "cleans-ann").exists(), "it was cancelled"
    assert not (hub.folder / "cleaned-ann").exists(), "the answer has waited for the child"
    assert states(hub) == {"ann": "stopping"}
    assert tokens(hub, "ann") == []
    model = hub.server("ann")
    assert model is None or not (model["ready"] or model["pending"])

    (hub.folder / "may-end-ann").touch()
    wait_for(lambda: states(hub) == {}, what="the end of what was begun")
    assert (hub.folder / "cleaned-ann").exists()
    open_gate(hub, "ann")
    hub.start_server("ann", options={"profile": "slow"})
    assert states(hub) == {"ann": "running"}


def test_who_waited_when_the_hub_died_is_told(hub: Hub) -> None:
    ask(hub, "ann")
    wait_for(lambda: states(hub) == {"ann": "starting"}, what="a start")
    ask(hub, "bob")
    wait_for(lambda: states(hub).get("bob") == "queued", what="a start in line")
    hub.kill()
    hub.start()
    wait_for(lambda: states(hub) == {}, what="the end of what nobody works on")
    assert "while your server waited for its start" in read_at_home(hub, "bob")
    assert "while your server started" in read_at_home(hub, "ann")
    wait_for(lambda: not tokens(hub, "ann") and not tokens(hub, "bob"), what="the end of tokens")
    open_gate(hub, "bob")
    hub.start_server("bob", options={"profile": "slow"})
    assert "waited for its start" not in read_at_home(hub, "bob")
