"""A real hub asks the same of a spawner through AnywhereSpawner as it asks of the bare spawner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import SOURCES, Hub, wait_for

from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
COMMON = """
c.JupyterHub.allow_named_servers = True
c.JupyterHub.load_groups = {"gpu": {"users": ["ann"]}}
c.Spawner.environment = {"FROM": "spawner"}
c.Spawner.start_timeout = 25
c.RecordingSpawner.record = RECORD
c.RecordingSpawner.labels = {"a": "1"}
c.RecordingSpawner.group_overrides = {
    "gpu": {"groups": ["gpu"], "spawner_override": {"labels": {"b": "2"}}}
}

def before(spawner):
    spawner.write("pre_spawn_hook", child=type(spawner).__name__.startswith("RecordingSpawner"))
    spawner.environment["HOOK"] = "pre"
    spawner.colour = spawner.colour + "ish"

def after(spawner):
    spawner.write("post_stop_hook")

def ready(spawner, event):
    spawner.write("progress_ready_hook")
    return event

async def auth_state(spawner, state):
    spawner.write("auth_state_hook")

c.Spawner.pre_spawn_hook = before
c.Spawner.post_stop_hook = after
c.RecordingSpawner.progress_ready_hook = ready
c.Spawner.auth_state_hook = auth_state
"""
BARE = """
from recording import RecordingSpawner
c.JupyterHub.spawner_class = RecordingSpawner
c.RecordingSpawner.colour = "blue"
c.RecordingSpawner.mem_limit = "1G"
"""
OURS = """
from jupyterhub_anywhere import setup
setup(c, FILE, state=STATE)
"""
SITE = {
    "targets": {
        "lab": {
            "kind": "custom",
            "class": "recording.RecordingSpawner",
            "spawner": {"colour": "blue"},
        }
    },
    "profiles": {
        "python": {
            "title": "Python",
            "targets": ["lab"],
            "options": {
                "memory": {
                    "type": "memory",
                    "default": "1G",
                    "max": "4G",
                    "sets": {"mem_limit": "{value}"},
                }
            },
        }
    },
}


def config_of(hub: Hub, kind: str, extra: str = "") -> str:
    head = f"RECORD = {str(hub.folder / 'record.jsonl')!r}\n"
    head += f"FILE = {str(hub.file)!r}\nSTATE = {str(hub.state.root)!r}\n"
    return head + (BARE if kind == "bare" else OURS) + COMMON + extra


def records(hub: Hub, *calls: str) -> list[dict[str, Any]]:
    path = hub.folder / "record.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [each for each in found if not calls or each["call"] in calls]


@pytest.fixture
def make() -> Iterator[Callable[..., Hub]]:
    hubs: list[Hub] = []

    def build(kind: str, *, extra: str = "", site: dict[str, Any] | None = None) -> Hub:
        hub = Hub(
            mode="plain",
            site=site or SITE,
            environment={"PYTHONPATH": f"{SOURCES}:{HERE}"},
        )
        hubs.append(hub)
        hub.write_config(config_of(hub, kind, extra))
        return hub

    yield build
    for hub in hubs:
        hub.close()


def conversation(hub: Hub) -> list[dict[str, Any]]:
    """Everything that the hub does with a server, from its first start to its deletion."""
    hub.start()
    for user, server in (("ann", ""), ("ann", "second"), ("bob", "")):
        hub.start_server(user, server)
    progress = hub.api("GET", "users/ann/server/progress")
    assert '"ready": true' in progress.text
    hub.stop_server("ann")
    hub.start_server("ann")
    hub.kill()
    hub.start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="ann's server after the restart")
    wait_for(lambda: (hub.server("ann", "second") or {}).get("ready"), what="the named server")
    hub.stop_server("ann", "second")
    renamed = hub.api("PATCH", "users/ann/servers/second", json={"name": "third"})
    assert renamed.status_code == 200, renamed.text
    gone = hub.api("DELETE", "users/ann/servers/third", json={"remove": True})
    assert gone.status_code in {202, 204}, gone.text
    hub.stop_server("bob")
    assert hub.api("DELETE", "users/bob").status_code == 204
    return records(hub)


def sortable(found: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in found)


def test_the_hub_asks_the_same_through_us_as_of_the_bare_spawner(
    make: Callable[..., Hub],
) -> None:
    bare_hub, our_hub = make("bare"), make("ours")
    # Ports, host and paths are each hub's own.
    swaps = {str(bare_hub.port): "PORT", str(our_hub.port): "PORT"}

    def plain(hub: Hub) -> list[str]:
        lines = sortable(conversation(hub))
        api = [json.loads(x)["environment"]["JUPYTERHUB_API_URL"] for x in lines if '"start"' in x]
        result = []
        for line in lines:
            text = line
            for url in {u.rsplit("/hub/", 1)[0] for u in api}:
                text = text.replace(url, "HUB")
            for old, new in swaps.items():
                text = text.replace(old, new)
            result.append(text)
        return result

    bare = plain(bare_hub)
    ours = plain(our_hub)
    assert len(bare) > 15
    assert ours == bare


def test_options_and_hooks_meet_in_the_declared_order(make: Callable[..., Hub]) -> None:
    hub = make("ours").start()
    choice = {"profile": "python", "target": "lab", "options": {"memory": "2G"}}
    hub.start_server("ann", options=choice)
    (start,) = records(hub, "start")
    assert start["mem_limit"] == 2 * 2**30
    assert start["colour"] == "blueish"
    assert start["labels"] == {"a": "1", "b": "2"}
    assert start["extra"] == {"FROM": "spawner", "HOOK": "pre"}
    assert start["options"] == {}
    model = hub.server("ann")
    assert model is not None
    assert model["user_options"]["options"] == {"memory": 2 * 2**30}
    assert model["state"]["target"] == "lab"
    (hook,) = records(hub, "pre_spawn_hook")
    assert hook["child"] is True


def test_what_a_child_keeps_survives_stop_and_is_told_at_deletion(
    make: Callable[..., Hub],
) -> None:
    hub = make("ours").start()
    hub.start_server("ann")
    hub.stop_server("ann")
    hub.start_server("ann")
    assert [each["kept_volume"] for each in records(hub, "start")] == ["", "volume-of-ann-"]
    hub.stop_server("ann")
    assert hub.api("DELETE", "users/ann").status_code == 204
    assert [each["volume"] for each in records(hub, "delete_forever")] == ["volume-of-ann-"]


REFUSED: tuple[dict[str, Any], ...] = (
    {"profile": "nope"},
    {"profile": "python", "target": "nope"},
    {"profile": "python", "options": {"memory": "9G"}},
    {"profile": "python", "options": {"memory": True}},
    {"profile": "python", "options": {"disk": "1G"}},
    {"whatever": 1},
)


def test_a_refused_choice_makes_nothing_and_is_forgotten(make: Callable[..., Hub]) -> None:
    hub = make("ours").start()
    hub.start_server("ann")
    hub.stop_server("ann")
    for options in REFUSED:
        answer = hub.api("POST", "users/ann/server", json={"user_options": options})
        assert 400 <= answer.status_code < 500, answer.text
        model = hub.server("ann")
        assert model is None or not (model["ready"] or model["pending"]), options
        assert len(records(hub, "start")) == 1
    # The refused choice is not replayed by a start without options.
    hub.start_server("ann")
    assert len(records(hub, "start")) == 2


def test_what_put_stored_is_validated_at_start(make: Callable[..., Hub]) -> None:
    hub = make("ours").start()
    hub.add_user("ann")
    body = {"user_options": {"profile": "nope"}}
    stored = hub.api("PUT", "users/ann/servers/lab1", json=body)
    if stored.status_code < 400:
        answer = hub.api("POST", "users/ann/servers/lab1")
        assert 400 <= answer.status_code < 500, answer.text
    assert records(hub, "start") == []


def test_a_child_that_raises_harms_its_own_server_only(make: Callable[..., Hub]) -> None:
    site = json.loads(json.dumps(SITE))
    methods = ("start", "stop", "poll", "get_url")
    for method in methods:
        site["targets"][method] = {
            "kind": "custom",
            "class": "recording.RecordingSpawner",
            "spawner": {"fail_in": method},
        }
        site["profiles"][f"bad-{method}"] = {"targets": [method]}
    hub = make("ours", site=site).start()
    hub.start_server("ann")
    for method in methods:
        user = f"bob-{method.replace('_', '-')}"
        hub.add_user(user)
        body = {"user_options": {"profile": f"bad-{method}"}}
        answer = hub.api("POST", f"users/{user}/server", json=body)
        assert "secret cause" not in answer.text
        assert (answer.status_code == 500) == (method == "start"), answer.text
    survivors = ("ann", "bob-stop", "bob-poll", "bob-get-url")

    def all_ready() -> bool:
        return all((hub.server(user) or {}).get("ready") for user in survivors)

    wait_for(all_ready, what="the servers of the others")
    hub.kill()
    hub.start()
    wait_for(all_ready, what="the servers after the restart")
    assert hub.api("DELETE", "users/bob-stop/server").status_code in {202, 204}
    assert hub.login("bob-poll").get("hub/home").status_code == 200
    assert (hub.server("ann") or {})["ready"]


def test_a_child_that_cannot_be_built_is_refused_and_leaves_no_ghost(
    make: Callable[..., Hub],
) -> None:
    site = json.loads(json.dumps(SITE))
    site["targets"]["bad"] = {"kind": "custom", "class": "recording.UnbuildableSpawner"}
    site["profiles"]["broken"] = {"targets": ["bad"]}
    hub = make("ours", site=site).start()
    hub.add_user("bob")
    answer = hub.api("POST", "users/bob/server", json={"user_options": {"profile": "broken"}})
    assert answer.status_code == 500
    assert "secret cause" not in answer.text
    assert "administrator" in answer.text
    model = hub.server("bob")
    assert model is None or not (model["ready"] or model["pending"])
    hub.start_server("bob", options={"profile": "python"})


def test_a_start_that_takes_too_long_says_so(make: Callable[..., Hub]) -> None:
    site = json.loads(json.dumps(SITE))
    site["targets"]["slow"] = {
        "kind": "custom",
        "class": "recording.RecordingSpawner",
        "spawner": {"hang_in": "start", "start_timeout": 3},
    }
    site["profiles"]["slow"] = {"targets": ["slow"]}
    hub = make("ours", site=site).start()
    hub.add_user("bob")
    answer = hub.api("POST", "users/bob/server", json={"user_options": {"profile": "slow"}})
    assert answer.status_code >= 500
    assert "did not start within 3s" in answer.text


def test_a_target_that_left_the_file_keeps_its_running_servers(make: Callable[..., Hub]) -> None:
    site = json.loads(json.dumps(SITE))
    site["targets"]["old"] = {
        "kind": "custom",
        "class": "recording.RecordingSpawner",
        "spawner": {"colour": "sepia"},
    }
    site["profiles"]["old"] = {"targets": ["old"]}
    hub = make("ours", site=site).start()
    hub.start_server("ann", options={"profile": "old"})
    hub.kill()
    hub.write_site(SITE)
    hub.start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server of the old target")
    hub.stop_server("ann")
    assert [each["volume"] for each in records(hub, "stop")] == ["volume-of-ann-"]
    # The remembered choice is gone with its target: the declared default serves.
    hub.start_server("ann")
    assert records(hub, "start")[-1]["colour"] == "blueish"


def test_the_wrappers_own_hooks_come_first_and_once(make: Callable[..., Hub]) -> None:
    extra = """
def mine(spawner):
    spawner.write("own_hook", child=type(spawner).__name__ == "RecordingSpawner_lab")
    spawner.colour = "red"

c.AnywhereSpawner.pre_spawn_hook = mine
"""
    hub = make("ours", extra=extra).start()
    hub.start_server("ann")
    calls = [each["call"] for each in records(hub, "own_hook", "pre_spawn_hook")]
    assert calls == ["own_hook", "pre_spawn_hook"]
    assert records(hub, "own_hook")[0]["child"] is False
    # What only the child has is set on the child.
    assert records(hub, "start")[0]["colour"] == "redish"


def test_a_running_server_of_the_bare_spawner_is_taken_over(make: Callable[..., Hub]) -> None:
    hub = make("bare").start()
    hub.start_server("ann")
    hub.kill()
    hub.write_config(config_of(hub, "ours"))
    hub.start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server taken over")
    hub.stop_server("ann")
    assert [each["volume"] for each in records(hub, "stop")] == ["volume-of-ann-"]
    hub.start_server("ann")
    assert records(hub, "start")[-1]["kept_volume"] == "volume-of-ann-"


def test_the_class_name_alone_delegates_and_validates(make: Callable[..., Hub]) -> None:
    hub = make("bare")
    text = (
        config_of(hub, "bare")
        + f"""
c.JupyterHub.spawner_class = "anywhere"
c.AnywhereSpawner.config_file = {str(hub.file)!r}
"""
    )
    hub.write_config(text)
    hub.start()
    hub.start_server("ann", options={"profile": "python", "options": {"memory": "2G"}})
    assert records(hub, "start")[0]["mem_limit"] == 2 * 2**30
    hub.stop_server("ann")
    refused = hub.api("POST", "users/ann/server", json={"user_options": {"profile": "nope"}})
    assert 400 <= refused.status_code < 500
    assert "profile" in refused.json()["errors"]
    page = hub.login("bob").get("hub/spawn")
    assert "Python" in page.text


def test_a_hub_without_an_id_gets_one_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "anywhere.yaml"
    file.write_text("targets: {here: {kind: process}}\n", "utf-8")
    state = tmp_path / "state"
    assert load_site(file, state_root=state, fallback_id="db-1").info.hub_id == "db-1"
    file.write_text("hub: {id: mine-1}\ntargets: {here: {kind: process}}\n", "utf-8")
    assert load_site(file, state_root=state, fallback_id="db-1").info.hub_id == "mine-1"


def test_a_group_override_that_nobody_has_is_told(make: Callable[..., Hub]) -> None:
    extra = """
c.AnywhereSpawner.group_overrides = {
    "gpu": {"groups": ["gpu"], "spawner_override": {"colur": "red"}}
}
"""
    hub = make("ours", extra=extra).start()
    hub.add_user("ann")
    answer = hub.api("POST", "users/ann/server", json={})
    assert answer.status_code == 500
    assert "settings for your group" in answer.text
    assert "colur" not in answer.text
    assert "no attribute colur" in hub.logs()


def test_secrets_of_profiles_reach_the_child_and_nobody_else(make: Callable[..., Hub]) -> None:
    site = json.loads(json.dumps(SITE))
    site["profiles"]["python"]["sets"] = {"environment": {"KEY": {"file": "key.txt"}}}
    hub = make("ours", site=site)
    (hub.folder / "key.txt").write_text("hunter2\n", "utf-8")
    hub.start()
    hub.start_server("ann")
    assert records(hub, "start")[0]["extra"]["KEY"] == "hunter2"
    model = hub.server("ann")
    assert "hunter2" not in json.dumps(model)
    assert "hunter2" not in hub.logs(10_000)


def test_the_childs_own_form_is_shown_and_its_answer_reaches_the_child(
    make: Callable[..., Hub],
) -> None:
    site = json.loads(json.dumps(SITE))
    site["profiles"]["own"] = {"title": "Its own form", "targets": ["lab"], "form": "child"}
    extra = """
c.RecordingSpawner.options_form = 'Size <input name="profile" value="none">'
c.RecordingSpawner.options_from_form = lambda form: {"size": form["profile"][0].upper()}
c.RecordingSpawner.apply_user_options = {"size": "colour"}
"""
    hub = make("ours", site=site, extra=extra).start()
    browser = hub.login("ann")
    page = browser.get("hub/spawn")
    assert '<input name="profile" value="none">' in page.text
    form = {"menu:profile": "own", "profile": "huge", "_xsrf": browser.cookies["_xsrf"]}
    answer = browser.post("hub/spawn", data=form)
    assert answer.status_code == 200, answer.text
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="ann's server")
    (start,) = records(hub, "start")
    assert start["options"] == {"size": "HUGE"}
    assert start["colour"] == "HUGEish"


def test_a_resumed_server_keeps_its_token(make: Callable[..., Hub]) -> None:
    hub = make("ours", extra="c.RecordingSpawner.resume = True\n").start()

    def whose(token: str) -> int:
        headers = {"Authorization": f"token {token}"}
        return hub.client().get("hub/api/user", headers=headers).status_code

    hub.start_server("ann")
    token = (hub.folder / "token-ann-").read_text("ascii")
    assert whose(token) == 200
    hub.stop_server("ann")
    # The hub deletes the token of a server that will not resume.
    assert whose(token) == 200
    hub.start_server("ann")
    assert whose(token) == 200
    hub.stop_server("ann")


def test_deletion_reaches_every_target_that_a_server_was_at(make: Callable[..., Hub]) -> None:
    site = json.loads(json.dumps(SITE))
    site["targets"]["other"] = {"kind": "custom", "class": "recording.RecordingSpawner"}
    site["profiles"]["python"]["targets"] = ["lab", "other"]
    hub = make("ours", site=site).start()
    for target in ("lab", "other"):
        hub.start_server("ann", options={"profile": "python", "target": target})
        hub.stop_server("ann")
    hub.kill()
    hub.start()
    assert hub.api("DELETE", "users/ann").status_code == 204
    assert len(records(hub, "delete_forever")) == 2


def test_a_server_that_outlived_its_hub_leaves_no_token(make: Callable[..., Hub]) -> None:
    hub = make("ours").start()

    def tokens() -> list[str]:
        found = hub.api("GET", "users/ann/tokens").json()["api_tokens"]
        return [each["note"] for each in found if each["note"].startswith("Server at")]

    hub.start_server("ann")
    hub.start_server("ann", "second")
    assert sorted(tokens()) == ["Server at /user/ann/", "Server at /user/ann/second/"]
    hub.kill()
    hub.start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="ann's server")
    hub.stop_server("ann")
    assert tokens() == ["Server at /user/ann/second/"]
