"""Templates of an administrator's own: handed over once, and user-data holds no token."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hub.compat_hub import FIRST, SECOND, cloud, compat_hub
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from tests.hub.harness import Hub

CUSTOMS = str(Path(__file__).parents[1] / "unit" / "compat" / "customs")
LABCLOUD = """
c.LibcloudSpawner.userdata_template_module = "labcloud"
c.LibcloudSpawner.userdata_template_name = "labcloud.yaml.j2"
c.Spawner.environment = {"DATA": "/data"}
"""
OLDSCHOOL = """
c.spawner_conf.userdata_template_module = "oldschool"
c.LibcloudSpawner.userdata_template_name = "oldschool.sh.j2"
c.Spawner.port = 8666
"""
FIRSTHUB = """
c.LibcloudSpawner.userdata_template_module = "firsthub"
c.LibcloudSpawner.userdata_template_name = "firsthub.sh.j2"
"""
TOKEN = re.compile(r"JUPYTERHUB_API_TOKEN=([0-9a-f]{32})")


def told_elsewhere(hub: Hub, token: str) -> list[str]:
    """Where a token is that should be on its machine alone: user-data, marks, logs, database."""
    places = {"cloud": str(cloud(hub)["machines"]), "log": hub.output(), "state": ""}
    database = (hub.folder / "plain.sqlite").read_bytes()
    ledger = b"".join(each.read_bytes() for each in hub.state.root.rglob("*") if each.is_file())
    found = [name for name, text in places.items() if token in text]
    found += ["database"] if token.encode() in database else []
    return found + (["ledger"] if token.encode() in ledger else [])


def test_cloud_init_fetches_what_a_template_renders_once() -> None:
    with compat_hub(SECOND + LABCLOUD, packages=CUSTOMS) as hub:
        hub.start()
        client = hub.login("ann")
        page = client.get("hub/spawn")
        assert 'name="course"' in page.text
        form = {
            "userserver_image": "r-24",
            "userserver_size": "s8",
            "course": "maths",
            "gpu": "1",
            "_xsrf": client.cookies["_xsrf"],
        }
        refused = client.post("hub/spawn", data={**form, "course": "x; reboot"})
        assert refused.status_code == 422
        assert "takes letters, digits" in refused.text
        assert not cloud(hub)["wanted"]
        client.post("hub/spawn", data=form)
        wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server")
        found = cloud(hub)
        [machine] = found["machines"].values()
        assert re.fullmatch(
            r"#include-once\nhttp://127\.0\.0\.1:\d+/hub/api/anywhere/machines/include/awt1\.\S+\n",
            machine["userdata"],
        )
        [rendered] = found["fetched"]
        assert "- [ mkdir, -p, /srv/maths ]" in rendered
        assert "    DATA=/data\n" in rendered
        assert "/user/ann/" in rendered
        # The second one to come gets nothing.
        assert found["again"] == [404]
        ticket = machine["userdata"].rsplit("/", 1)[1].strip()
        assert ticket not in hub.output()
        token = TOKEN.search(rendered)
        assert token is not None
        assert told_elsewhere(hub, token[1]) == []
        # What was chosen is kept: over an API start, and over a restart of the hub.
        hub.stop_server("ann")
        assert hub.stop() == 0
        hub.start()
        hub.start_server("ann")
        [rendered] = cloud(hub)["fetched"]
        assert "- [ mkdir, -p, /srv/maths ]" in rendered
        assert '/take-gpu, "1"' in rendered
        hub.stop_server("ann")
        assert cloud(hub)["machines"] == {}


@pytest.mark.parametrize(
    ("config", "port", "word"),
    [
        (FIRST + OLDSCHOOL, 8666, "# ann wants night"),
        (FIRST + FIRSTHUB, 8000, "--hub-prefix=/hub/ --hub-api-url=http://127.0.0.1:"),
    ],
)
def test_modules_of_the_first_generation_run_unchanged(config: str, port: int, word: str) -> None:
    with compat_hub(config, packages=CUSTOMS) as hub:
        hub.start()
        options = {"machineimage": "lab-24", "machinesize": "s1", "queue": "night"}
        hub.start_server("ann", options=options)
        [rendered] = cloud(hub)["fetched"]
        assert word in rendered
        assert f"JUPYTERHUB_SERVICE_URL=http://0.0.0.0:{port}/user/ann/" in rendered
        hub.stop_server("ann")


def test_an_image_that_fetches_nothing_is_told_with_what_to_change() -> None:
    more = "c.Spawner.start_timeout = 8\n"
    with compat_hub(SECOND + LABCLOUD + more, includes=False, packages=CUSTOMS) as hub:
        hub.start()
        hub.add_user("ann")
        options = {"userserver_image": "r-24", "userserver_size": "s8", "course": "maths"}
        hub.api("POST", "users/ann/server", json={"user_options": options}, timeout=90)
        wait_for(lambda: "allow_token_in_userdata = True" in hub.output(), what="what to change")
        wait_for(lambda: not cloud(hub)["machines"], what="the machine is gone")


def test_a_token_is_in_user_data_where_somebody_said_so_and_nowhere_else() -> None:
    more = "c.LibcloudSpawner.allow_token_in_userdata = True\n"
    with compat_hub(SECOND + LABCLOUD + more, includes=False, packages=CUSTOMS) as hub:
        hub.start()
        options = {"userserver_image": "r-24", "userserver_size": "s8", "course": "maths"}
        hub.start_server("ann", options=options)
        [machine] = cloud(hub)["machines"].values()
        token = TOKEN.search(machine["userdata"])
        assert token is not None
        assert told_elsewhere(hub, token[1]) == ["cloud"]
        hub.stop_server("ann")
