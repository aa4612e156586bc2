"""The faults of LibcloudSpawner 2.3.3, each by its name: none of them is left.

That upstream has them is shown at the real one, by tests/hub/upstream.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.compat_hub import SECOND, cloud, compat_hub
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

OPTIONS = {"userserver_image": "lab-24", "userserver_size": "s1"}
CONFIG = """
c.JupyterHub.allow_named_servers = True
c.Spawner.environment = {"SITE_SETTING": "of the administrator"}
c.Spawner.poll_interval = 1
c.LibcloudSpawner.allowed_env = ["COURSE"]
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with compat_hub(SECOND.replace('userserver_keyname = "sysadmin"', "x = 1") + CONFIG) as found:
        yield found.start()


def machines(hub: Hub, user: str) -> list[dict[str, Any]]:
    return [
        each for each in cloud(hub)["machines"].values() if each["marks"]["anywhere-user"] == user
    ]


def ended(hub: Hub, user: str, server: str = "") -> None:
    """Wait until a start has ended, and its machine is gone."""

    def over() -> bool:
        model = hub.server(user, server)
        return (model is None or not model["pending"]) and not machines(hub, user)

    wait_for(over, what=f"the end of {user}'s start")


def ask(hub: Hub, user: str, options: dict[str, Any]) -> Any:
    hub.add_user(user)
    return hub.api("POST", f"users/{user}/server", json={"user_options": options}, timeout=90)


def test_stop_raises(hub: Hub) -> None:
    hub.start_server("stopper", options=OPTIONS)
    answer = hub.api("DELETE", "users/stopper/server", timeout=90)
    assert answer.status_code in {202, 204}
    ended(hub, "stopper")
    assert "Traceback" not in hub.output()


def test_one_missed_probe_ends_a_session(hub: Hub) -> None:
    hub.start_server("prober", options=OPTIONS)
    cloud(hub, "deaf")
    asked = cloud(hub)["asked"].count("list")
    wait_for(lambda: cloud(hub)["asked"].count("list") > asked + 2, what="three more looks")
    model = hub.server("prober")
    assert model is not None
    assert model["ready"]
    assert len(machines(hub, "prober")) == 1
    hub.stop_server("prober")
    ended(hub, "prober")


def test_leak_where_the_api_is_away(hub: Hub) -> None:
    hub.start_server("outage", options=OPTIONS)
    cloud(hub, "away")
    asked = len(cloud(hub)["asked"])
    wait_for(lambda: len(cloud(hub)["asked"]) > asked + 3, what="some looks")
    model = hub.server("outage")
    assert model is not None
    assert model["ready"]
    # A stop meanwhile is a wish that is kept.
    hub.api("DELETE", "users/outage/server", timeout=90)
    cloud(hub, "back")
    ended(hub, "outage")


def test_error_is_waited_for(hub: Hub) -> None:
    begun = time.monotonic()
    answer = ask(hub, "broken", {**OPTIONS, "userserver_image": "broken"})
    ended(hub, "broken")
    # Far below the ten minutes that a start may take: the cloud's word is heeded at once.
    assert time.monotonic() - begun < 60
    assert "No valid host" in answer.text + hub.output()


def test_named_server_leaks(hub: Hub) -> None:
    hub.start_server("namer", "gpu", options=OPTIONS)
    hub.start_server("namer", options=OPTIONS)
    found = machines(hub, "namer")
    assert {each["marks"]["anywhere-server"] for each in found} == {"", "gpu"}
    assert len({each["name"] for each in found}) == 2
    hub.stop_server("namer", "gpu")
    [left] = machines(hub, "namer")
    assert left["marks"]["anywhere-server"] == ""
    hub.stop_server("namer")
    ended(hub, "namer")


def test_machine_name_has_no_server_and_no_mark(hub: Hub) -> None:
    hub.start_server("marker", options=OPTIONS)
    [machine] = machines(hub, "marker")
    for mark in ("anywhere-hub", "anywhere-target", "anywhere-lease"):
        assert machine["marks"][mark]
    hub.stop_server("marker")


def test_token_in_user_data_and_token_is_printed(hub: Hub) -> None:
    hub.start_server("teller", options={**OPTIONS, "env": {"COURSE": "maths"}})
    token = cloud(hub)["jobs"][-1]["env"]["JUPYTERHUB_API_TOKEN"]
    [machine] = machines(hub, "teller")
    assert len(token) >= 32
    assert token not in machine["userdata"]
    assert token not in str(machine["marks"])
    assert token not in hub.output()
    hub.stop_server("teller")


@pytest.mark.parametrize(
    "evil",
    [
        {"env": {"COURSE": "$(reboot)"}},
        {"env": {"COURSE": "a\nb"}},
        {"env": {"JUPYTER_X": "1"}},
        {"argv": ["`reboot`"]},
        {"userserver_image": "plain"},
        {"userserver_size": "large"},
        {"userserver_image": "lab-24'; reboot"},
    ],
)
def test_env_and_arguments_and_any_image(hub: Hub, evil: dict[str, Any]) -> None:
    before = len(cloud(hub)["wanted"])
    answer = ask(hub, "evil", {**OPTIONS, **evil})
    assert answer.status_code == 422, answer.text
    assert len(cloud(hub)["wanted"]) == before


def test_user_name_is_run_as_root(hub: Hub) -> None:
    name = "a;reboot"
    answer = hub.api("POST", "users", json={"usernames": [name]})
    assert answer.status_code == 201, answer.text
    hub.api("POST", f"users/{name}/server", json={"user_options": OPTIONS}, timeout=90)
    wait_for(lambda: (hub.server(name) or {}).get("ready"), what="the server")
    for each in cloud(hub)["machines"].values():
        assert name not in each["userdata"]
    # It can be no account: the machine is told another one, as data.
    accounts = {job["account"]["name"] for job in cloud(hub)["jobs"]}
    assert not [each for each in accounts if ";" in each]
    hub.stop_server(name)
    wait_for(
        lambda: not [x for x in cloud(hub)["machines"].values() if name in str(x["marks"])],
        what="its machine is gone",
    )


def test_environment_is_dropped_and_without_a_key_no_start(hub: Hub) -> None:
    hub.start_server("plainly", options=OPTIONS)
    assert cloud(hub)["jobs"][-1]["env"]["SITE_SETTING"] == "of the administrator"
    assert cloud(hub)["wanted"][-1]["key"] == ""
    hub.stop_server("plainly")


def test_polls_ask_twice_and_users_log_in_anew(hub: Hub) -> None:
    users = [f"many{number}" for number in range(4)]
    for user in users:
        hub.start_server(user, options=OPTIONS)
    # One provider, and so one session, whoever starts.
    assert len(cloud(hub)["access"]) == 1
    before = cloud(hub)["asked"]
    wait_for(lambda: cloud(hub)["asked"][len(before) :].count("list") > 3, what="some listings")
    asked = cloud(hub)["asked"][len(before) :]
    # Four servers that are polled each second: one listing answers for all of them.
    assert "look" not in asked
    for user in users:
        hub.stop_server(user)


def test_leak_at_timeout() -> None:
    more = "c.Spawner.start_timeout = 6\ncompat_cloud.GUESTS.silent = True\n"
    with compat_hub(SECOND + more) as hub:
        hub.start()
        ask(hub, "late", OPTIONS)
        wait_for(lambda: "create" in cloud(hub)["asked"], what="the machine")
        ended(hub, "late")
