"""A child that misbehaves harms its own server only, whatever it raises and wherever it hangs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import SOURCES, Hub, wait_for

from jupyterhub_anywhere.spawner import left, noticed, watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
SITE: dict[str, Any] = {
    "targets": {
        "lab": {"kind": "custom", "class": "recording.RecordingSpawner"},
        "old": {
            "kind": "custom",
            "class": "recording.RecordingSpawner",
            "spawner": {"version": "4.1.6"},
        },
        "own": {"kind": "custom", "class": "recording.RecordingSpawner"},
    },
    "profiles": {
        "lab": {"targets": ["lab"]},
        "old": {"targets": ["old"]},
        "own": {"targets": ["own"], "form": "child"},
    },
}
CONFIG = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
c.JupyterHub.allow_named_servers = True
c.RecordingSpawner.record = {folder!r} + "/record.jsonl"
c.RecordingSpawner.options_form = "<input name=size>"
c.AnywhereSpawner.poll_deadline = 1
c.AnywhereSpawner.url_deadline = 1
c.AnywhereSpawner.stop_deadline = 1
c.AnywhereSpawner.tidy_deadline = 1
"""
RAISES = ("raise", "exit", "odd")
# Method and how it goes wrong, at a restart of the hub while the server runs.
RESTART = (
    *((method, how) for method in ("constructor", "load_state", "attribute") for how in RAISES),
    *((method, how) for method in ("poll", "get_url") for how in (*RAISES, "cancel", "hang")),
    ("poll", "cling"),
    ("get_url", "garbage"),
    *(("get_state", how) for how in (*RAISES, "garbage")),
)


def user_of(method: str, how: str) -> str:
    return f"{method.replace('_', '-')}-{how}"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    made = Hub(mode="plain", site=SITE, environment={"PYTHONPATH": f"{SOURCES}:{HERE}"})
    names = {
        "file": str(made.file),
        "state": str(made.state.root),
        "folder": str(made.folder),
    }
    made.write_config(CONFIG.format(**names))
    yield made.start()
    made.close()


def set_trouble(hub: Hub, **trouble: tuple[str, str]) -> None:
    named = {name.replace("_", "-"): each for name, each in trouble.items()}
    draft = hub.folder / "trouble.new"
    draft.write_text(json.dumps(named), "utf-8")
    draft.replace(hub.folder / "trouble.json")


def ready(hub: Hub, user: str) -> bool:
    return bool((hub.server(user) or {}).get("ready"))


def pid_of(hub: Hub, user: str) -> int:
    model = hub.server(user)
    assert model is not None
    return int(model["state"]["child"]["pid"])


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits for nothing but its parent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


def records(hub: Hub, call: str, user: str) -> list[dict[str, Any]]:
    lines = (hub.folder / "record.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [each for each in found if each["call"] == call and each["user"] == user]


def test_the_hub_starts_and_keeps_every_server(hub: Hub) -> None:
    users = {user_of(*each): each for each in RESTART}
    for user in ("ann", *users):
        hub.start_server(user)
    set_trouble(hub, **users)
    hub.kill()
    hub.start()
    for user in ("ann", *users):
        wait_for(lambda user=user: ready(hub, user), what=f"{user} after the restart")  # type: ignore[misc]  # a default that mypy cannot infer
    assert hub.login("poll-hang").get("hub/home").status_code == 200
    # Nobody else is kept from anything.
    hub.stop_server("ann")
    hub.start_server("ann")
    # When the trouble is over, its servers can be stopped.
    set_trouble(hub)
    for user in ("constructor-exit", "poll-cling", "get-url-garbage", "get-state-odd"):
        pid = pid_of(hub, user)
        hub.stop_server(user)
        wait_for(lambda pid=pid: has_ended(pid), what=f"the end of {user}")  # type: ignore[misc]  # a default that mypy cannot infer


STARTS = (
    *((method, how) for method in ("constructor", "load_state", "start") for how in RAISES),
    ("start", "cancel"),
)


def test_a_start_that_fails_is_told_and_leaves_the_hub_alive(hub: Hub) -> None:
    for method, how in STARTS:
        user = f"start-{user_of(method, how)}"
        set_trouble(hub, **{user: (method, how)})
        hub.add_user(user)
        answer = hub.api("POST", f"users/{user}/server", json={"user_options": {"profile": "lab"}})
        assert answer.status_code == 500, (method, how, answer.text)
        assert "secret cause" not in answer.text
        model = hub.server(user)
        assert model is None or not (model["ready"] or model["pending"]), (method, how)
        set_trouble(hub)
        hub.start_server(user)
        hub.stop_server(user)


def test_a_form_that_cannot_be_built_hides_no_other_profile(hub: Hub) -> None:
    set_trouble(hub, eve=("constructor", "exit"))
    page = hub.login("eve").get("hub/spawn")
    assert page.status_code == 200
    assert 'value="lab"' in page.text
    set_trouble(hub)


@pytest.mark.parametrize("how", ["raise", "exit", "hang"])
def test_what_a_failed_stop_has_left_is_told_and_tried_again(hub: Hub, how: str) -> None:
    user = f"stop-{how}"
    hub.start_server(user)
    pid = pid_of(hub, user)
    set_trouble(hub, **{user: ("stop", how)})
    hub.stop_server(user)
    os.kill(pid, 0)
    (entry,) = [each for each in left.entries(hub.state) if each["server"].startswith(user)]
    assert entry["target"] == "lab"
    assert any(user in finding.message for finding in left.findings(hub.state))
    model = hub.server(user)
    assert model is not None
    assert model["state"]["left"]["lab"]["pid"] == pid
    set_trouble(hub)
    hub.start_server(user)
    wait_for(lambda: has_ended(pid), what="the end of what was left")
    assert not [each for each in left.entries(hub.state) if each["server"].startswith(user)]
    model = hub.server(user)
    assert model is not None
    assert "left" not in model["state"]
    hub.stop_server(user)


@pytest.mark.parametrize("how", ["raise", "exit", "hang"])
def test_a_rename_that_fails_is_refused(hub: Hub, how: str) -> None:
    user = f"rename-{how}"
    hub.start_server(user, "one")
    hub.stop_server(user, "one")
    set_trouble(hub, **{user: ("rename", how)})
    answer = hub.api("PATCH", f"users/{user}/servers/one", json={"name": "two"})
    assert answer.status_code == 500
    assert "cannot be renamed at lab" in answer.text
    assert "secret cause" not in answer.text
    set_trouble(hub)
    answer = hub.api("PATCH", f"users/{user}/servers/one", json={"name": "two"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("how", ["raise", "exit", "odd", "hang"])
def test_a_deletion_that_fails_is_told_and_goes_on_elsewhere(hub: Hub, how: str) -> None:
    user = f"delete-{how}"
    for profile in ("lab", "own"):
        hub.start_server(user, options={"profile": profile})
        hub.stop_server(user)
    set_trouble(hub, **{user: ("delete_forever", how)})
    assert hub.api("DELETE", f"users/{user}").status_code == 204
    # Both, and what else is of kind custom: nobody knows what such a class keeps for a user.
    assert len(records(hub, "delete_forever", user)) == 3
    told = f"{user} at lab: delete_forever"
    wait_for(lambda: told in hub.output(), what="the log")


def test_a_child_that_blocks_is_named_in_log_and_doctor(hub: Hub) -> None:
    set_trouble(hub, mallory=("start", "block"))
    hub.start_server("mallory")
    name = "target lab: recording.RecordingSpawner.start"
    wait_for(lambda: f"{name} has let the hub's thread go" in hub.output(), what="the watchdog")
    assert f"{name} has held the hub's thread" in hub.output()
    wait_for(lambda: watchdog.findings(hub.state), what="the journal")
    (finding,) = [each for each in watchdog.findings(hub.state) if each.subject == name]
    assert f"{HERE / 'recording.py'}:" in finding.message
    set_trouble(hub)
    hub.stop_server("mallory")


def test_a_server_of_another_version_is_told_to_its_user_and_to_administrators(hub: Hub) -> None:
    hub.start_server("carol", options={"profile": "old"})
    hub.start_server("carol", "fine", options={"profile": "lab"})
    page = hub.login("carol").get("hub/home").text
    assert page.count("This server has JupyterHub 4.1.6, the hub has") == 1
    progress = hub.api("GET", "users/carol/server/progress").text
    assert "This server has JupyterHub 4.1.6" in progress
    assert "The server of carol at target old has JupyterHub 4.1.6" in hub.output()
    (finding,) = [each for each in noticed.findings(hub.state) if "4.1.6" in each.message]
    assert finding.subject == "target old"
    hub.stop_server("carol")
    assert "4.1.6" not in hub.login("carol").get("hub/home").text
