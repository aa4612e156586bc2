"""Templates of an administrator's own on guests of a real cloud, which fetch what is rendered."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from tests.engines.openstack_compat import CUSTOMS, CompatHub, parameters
from tests.engines.openstack_hub import PATIENCE, ports_of
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

# A hook keeps what nobody else is told: the tokens of servers, beside the hub.
_COMMON: Final = """
def keep(spawner):
    with open({kept!r}, "a") as file:
        file.write(spawner.api_token + "\\n")

c.Spawner.pre_spawn_hook = keep
c.Spawner.start_timeout = 2400
"""
_FIRST: Final = """
c.LibcloudSpawner.machine_images = [("A stub", "debian-stub")]
c.LibcloudSpawner.machine_sizes = [("1 core", "m1.tiny")]
c.LibcloudSpawner.machine_net = "hubnet"
c.LibcloudSpawner.libcloudparams = {parameters!r}
"""
_OLDSCHOOL: Final = """
c.LibcloudSpawner.userdata_template_module = "oldschool"
c.LibcloudSpawner.userdata_template_name = "oldschool.sh.j2"
c.LibcloudSpawner.notebookargs = "--debug"
c.Spawner.port = 8666
c.Spawner.environment = {"JUPYTER_DATA": "/srv/data with blanks"}
"""
# In the days of the first guide nobody made accounts.
_FIRSTHUB: Final = """
c.LibcloudSpawner.userdata_template_module = "firsthub"
c.LibcloudSpawner.userdata_template_name = "firsthub.sh.j2"
c.LibcloudSpawner.forceuser = "jovyan"
"""
_SECOND: Final = """
c.LibcloudSpawner.userserver_images = [("Debian 12", "debian-12")]
c.LibcloudSpawner.userserver_sizes = [("2 cores", "m1.small")]
c.LibcloudSpawner.userserver_net = "hubnet"
c.LibcloudSpawner.userserver_keyname = ""
c.LibcloudSpawner.libcloud_driver_params = {parameters!r}
"""
_LABCLOUD: Final = """
c.LibcloudSpawner.userdata_template_module = "labcloud"
c.LibcloudSpawner.userdata_template_name = "labcloud.yaml.j2"
c.Spawner.args = ["--ServerApp.root_dir=/"]
"""
_USERDATA: Final = re.compile(
    r"#include-once\n(http://[\d.:]+/hub/api/anywhere/machines/include/(awt1\.\S+))\n"
)


@contextlib.contextmanager
def custom_hub(cloud: OpenStack, folder: Path, base: str, module: str) -> Iterator[CompatHub]:
    """A hub whose machines a module of ours sets up."""
    common = _COMMON.format(kept=str(folder / "tokens"))
    config = common + base.format(parameters=parameters(cloud)) + module
    hub = CompatHub(cloud, config, packages=[str(CUSTOMS)])
    try:
        yield hub.start()
    finally:
        hub.close()


def token_of(folder: Path) -> str:
    """The API token of the only server."""
    [token] = set((folder / "tokens").read_text().split())
    return token


def machine_of(hub: CompatHub) -> dict[str, Any]:
    """The hub's only machine."""
    [machine] = hub.machines().values()
    return machine


def places(hub: CompatHub, machine: dict[str, Any]) -> dict[str, bytes]:
    """What others can read of a start, by its name."""
    # What a guest has in place of a metadata service: the whole of its config drive.
    [drive] = hub.cloud.folder.rglob(f"{machine['id']}/disk.config")
    found = {
        "the cloud's word": json.dumps(machine).encode(),
        "user-data": given(machine).encode(),
        "the config drive": drive.read_bytes(),
        "the console": hub.cloud.console_log(machine["id"]).encode(),
        "the hub's log": hub.output().encode(),
        "the hub's database": hub.database.read_bytes(),
    }
    kept = [each for each in hub.state.root.rglob("*") if each.is_file()]
    return found | {f"state: {each.name}": each.read_bytes() for each in kept}


def given(machine: dict[str, Any]) -> str:
    """A machine's user-data, as the cloud keeps it."""
    return base64.b64decode(machine["OS-EXT-SRV-ATTR:user_data"]).decode()


def is_on_disk(cloud: OpenStack, machine: dict[str, Any], text: str) -> bool:
    """Whether a guest has written something; its system does so some seconds later."""
    [disk] = cloud.folder.rglob(f"{machine['id']}/disk")
    return text.encode() in disk.read_bytes()


def handed_over(hub: CompatHub, token: str) -> None:
    """The machine has what was rendered, from a page that is good for nothing now."""
    machine = machine_of(hub)
    found = _USERDATA.fullmatch(given(machine))
    assert found, given(machine)
    url, ticket = found.groups()
    assert url.startswith(hub.inner)
    read = places(hub, machine)
    assert [name for name, text in read.items() if token.encode() in text] == []
    # It is looked for where it would be: there the ticket is.
    assert ticket.encode() in read["the config drive"]
    what = "the token on the machine's own disk"
    wait_for(lambda: is_on_disk(hub.cloud, machine, token), seconds=PATIENCE, what=what)
    assert useless(url)


def useless(url: str) -> bool:
    """Whether nobody gets anything from a page any more."""
    answer = httpx.get(url, timeout=60)
    assert answer.text in {"There is nothing here.\n", "This server was stopped.\n"}
    return answer.status_code in {404, 410}


def stopped(hub: CompatHub, user: str) -> None:
    """Nothing is left after a stop."""
    machine = machine_of(hub)
    found = _USERDATA.fullmatch(given(machine))
    assert found
    hub.stop_server(user, seconds=PATIENCE)
    assert hub.machines() == {}
    assert ports_of(hub.cloud, [machine["id"]]) == []
    assert useless(found[1])


def test_a_script_of_1_2(openstack: OpenStack, tmp_path: Path) -> None:
    with custom_hub(openstack, tmp_path, _FIRST, _OLDSCHOOL) as hub:
        options = {"machineimage": "debian-stub", "machinesize": "m1.tiny", "queue": "night"}
        hub.start_server("ann", options=options, seconds=PATIENCE)
        handed_over(hub, token_of(tmp_path))
        told = hub.told("ann", "stub/about")
        # The template has made an account, and given its server all that the hub says.
        assert told["home"] == "/home/ann"
        assert told["argv"][1:] == ["--debug"]
        wanted = {"JUPYTERHUB_API_TOKEN", "JUPYTERHUB_OAUTH_SCOPES", "JUPYTER_DATA"}
        assert wanted <= set(told["environment"])
        stopped(hub, "ann")


@pytest.mark.full
def test_a_script_of_the_first_guide(openstack: OpenStack, tmp_path: Path) -> None:
    with custom_hub(openstack, tmp_path, _FIRST, _FIRSTHUB) as hub:
        options = {"machineimage": "debian-stub", "machinesize": "m1.tiny"}
        hub.start_server("ann", options=options, seconds=PATIENCE)
        handed_over(hub, token_of(tmp_path))
        told = hub.told("ann", "stub/about")
        assert told["uid"] == 1000
        assert "--base-url=/user/ann/" in told["argv"]
        assert f"--hub-api-url={hub.inner}/hub/api" in told["argv"]
        assert {"JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN"} <= set(told["environment"])
        stopped(hub, "ann")


@pytest.mark.full
def test_a_cloud_config_of_2(openstack: OpenStack, tmp_path: Path) -> None:
    """The real cloud-init fetches it, the real systemd runs JupyterLab."""
    with custom_hub(openstack, tmp_path, _SECOND, _LABCLOUD) as hub:
        client = hub.login("ann")
        form = {
            "userserver_image": "debian-12",
            "userserver_size": "m1.small",
            "course": "maths",
            "_xsrf": client.cookies["_xsrf"],
        }
        answer = client.post("hub/spawn", data=form, timeout=PATIENCE)
        assert answer.status_code < 400, answer.text
        # One answer that lasts as long as the start: to ask again and again would slow it down.
        hub.api("GET", "users/ann/server/progress", timeout=2 * PATIENCE).raise_for_status()
        assert hub.is_ready("ann"), hub.output()
        token = token_of(tmp_path)
        handed_over(hub, token)
        # JupyterLab asks the hub who comes, by its token; the account and the folder that its user
        # has asked for in the form are there.
        for folder, name in {"home": "ann", "srv": "maths"}.items():
            listed = hub.told("ann", f"api/contents/{folder}")["content"]
            assert name in {each["name"] for each in listed}
        stopped(hub, "ann")
