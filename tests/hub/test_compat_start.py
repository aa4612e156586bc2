"""A hub whose file names LibcloudSpawner, and nothing of ours: start, options, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.hub.compat_hub import FIRST, SECOND, cloud, compat_hub
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

MORE = """
c.Spawner.args = ["", "--debug"]
c.Spawner.environment = {"DATA": "/data"}
c.LibcloudSpawner.allowed_env = ["COURSE_*"]
c.LibcloudSpawner.allowed_argv = ["--LabApp.*"]
"""


@pytest.fixture(scope="module")
def second() -> Iterator[Hub]:
    with compat_hub(SECOND + MORE) as hub:
        yield hub.start()


def test_a_server_gets_a_machine_and_gives_it_back(second: Hub) -> None:
    options = {"userserver_image": "r-24", "userserver_size": "s8"}
    model = second.start_server("ann", options=options)
    assert model["user_options"]["options"] == options
    found = cloud(second)
    [wanted] = [each for each in found["wanted"] if each["image"] == "r-24"]
    assert (wanted["size"], wanted["networks"], wanted["key"]) == (
        "s8",
        ["private-net"],
        "sysadmin",
    )
    assert found["access"][0]["user"] == "me"
    assert found["access"][0]["options"] == {
        "ex_force_auth_version": "3.x_appcred",
        "ex_tenant_name": "t",
    }
    job = found["jobs"][-1]
    assert job["args"] == ["--debug"]
    assert job["env"]["DATA"] == "/data"
    assert job["account"] == {"name": "ann", "make": True}
    assert job["ports"] == [[8000, 8999]]
    second.stop_server("ann")
    assert not [x for x in cloud(second)["machines"].values() if "ann" in x["name"]]


def test_options_by_api_are_checked_against_what_is_offered(second: Hub) -> None:
    second.add_user("bob")
    for options, word in (
        ({"userserver_image": "plain"}, "no choice"),
        ({"userserver_size": "large"}, "no choice"),
        ({"userserver_image": "lab-24", "flavor": "x"}, "no option"),
        ({"userserver_image": "lab-24", "env": {"LD_PRELOAD": "/x"}}, "none of the variables"),
        ({"userserver_image": "lab-24", "env": {"JUPYTERHUB_USER": "x"}}, "none of the variables"),
        ({"userserver_image": "lab-24", "argv": ["--ServerApp.token="]}, "none of the arguments"),
    ):
        answer = second.api("POST", "users/bob/server", json={"user_options": options})
        assert answer.status_code == 422, answer.text
        assert word in answer.text
    made = len(cloud(second)["wanted"])
    assert not [x for x in cloud(second)["machines"].values() if "bob" in x["name"]]
    assert made == len(cloud(second)["wanted"])


def test_variables_and_arguments_that_are_allowed_reach_the_server(second: Hub) -> None:
    options = {
        "userserver_image": "lab-24",
        "userserver_size": "s1",
        "env": {"COURSE_NAME": "maths"},
        "argv": ["--LabApp.x=1"],
    }
    second.start_server("eve", options=options)
    job = cloud(second)["jobs"][-1]
    assert job["env"]["COURSE_NAME"] == "maths"
    assert job["args"] == ["--debug", "--LabApp.x=1"]
    second.stop_server("eve")


def test_the_form_of_old_is_read_and_a_missing_field_takes_the_first(second: Hub) -> None:
    client = second.login("carl")
    page = client.get("hub/spawn")
    assert "lab-24" in page.text
    form = {"userserver_size": "s8", "_xsrf": client.cookies["_xsrf"]}
    client.post("hub/spawn", data=form)
    wait_for(lambda: (second.server("carl") or {}).get("ready"), what="carl's server")
    model = second.server("carl")
    assert model is not None
    assert model["user_options"]["options"] == {
        "userserver_image": "lab-24",
        "userserver_size": "s8",
    }
    refused = client.post("hub/spawn/carl/other", data={**form, "userserver_size": "s9"})
    assert refused.status_code in {400, 404, 422}
    second.stop_server("carl")


def test_a_machine_that_the_cloud_cannot_build_ends_the_start_at_once(second: Hub) -> None:
    second.add_user("dora")
    options = {"userserver_image": "broken", "userserver_size": "s1"}
    second.api("POST", "users/dora/server", json={"user_options": options})
    wait_for(lambda: not (second.server("dora") or {}).get("pending"), what="the end of the start")
    model = second.server("dora")
    assert model is None or not model["ready"]
    gone = wait_for(
        lambda: not [x for x in cloud(second)["machines"].values() if "dora" in x["name"]],
        what="dora's machine is gone",
    )
    assert gone


def test_no_token_and_no_key_is_in_what_others_read(second: Hub) -> None:
    second.start_server("fay", options={"userserver_image": "lab-24", "userserver_size": "s1"})
    found = cloud(second)
    token = found["jobs"][-1]["env"]["JUPYTERHUB_API_TOKEN"]
    told = str(found["machines"]) + second.output() + str(second.server("fay"))
    assert token not in told
    assert "top-secret-key" not in told
    assert "plain http" in second.output() or "own machine only" in second.output()
    second.stop_server("fay")


def test_the_first_generation_has_its_port_its_fields_and_its_arguments() -> None:
    config = FIRST + 'c.LibcloudSpawner.notebookargs = "--notebook-dir=~ --no-browser"\n'
    with compat_hub(config) as hub:
        hub.start()
        hub.start_server("ann", options={"machineimage": "r-24", "machinesize": "s1"})
        found = cloud(hub)
        assert found["wanted"][-1]["image"] == "r-24"
        assert found["wanted"][-1]["key"] == "sysadmin"
        job = found["jobs"][-1]
        assert job["ports"] == [[8000, 8000]]
        assert job["env"]["JUPYTERHUB_ROOT_DIR"] == "~"
        assert job["args"] == []
        # A start without options takes those of the last one.
        hub.stop_server("ann")
        hub.start_server("ann")
        assert cloud(hub)["wanted"][-1]["image"] == "r-24"
        hub.stop_server("ann")
        assert hub.stop() == 0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SECOND.replace("ex_force_auth_url", "url"), "no identity URL is set"),
        (
            SECOND.replace('userserver_images = [("Lab", "lab-24")', 'userserver_images = ["x"'),
            "pair",
        ),
        (SECOND + "c.LibcloudSpawner.userdata_template_module = 'no_such_package'\n", "no_such"),
        (SECOND + "c.LibcloudSpawner.userdata_template_name = 'x.j2'\n", "no such template"),
    ],
)
def test_a_hub_whose_options_cannot_be_used_says_so_and_ends(config: str, words: str) -> None:
    with compat_hub(config) as hub:
        process = hub.launch()
        assert process.wait(timeout=120) != 0
        assert words in hub.output()
        assert "Traceback" not in hub.output()
