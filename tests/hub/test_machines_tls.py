"""A real hub with internal_ssl, and a machine that runs the real agent and a real server."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

# The hub's process has the cloud, whose machines are processes of this machine.
_CLOUD = """
import os, pathlib, sys
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
from jupyterhub_anywhere.testing.worlds.machine_processes import ProcessGuest

folder = pathlib.Path(os.environ["ANYWHERE_TEST_FOLDER"])
cloud = MemoryCloud.named("test")
cloud.guest = ProcessGuest(folder / "machines", search=[os.path.dirname(sys.executable)])
c.MachineSpawner.report_every = 1
# By which the harness finds what it has to end.
c.Spawner.environment = {"ANYWHERE_TEST_FOLDER": str(folder)}
# The account that root's agent uses has no home that it could write to.
home = folder / "home"
home.mkdir(exist_ok=True)
home.chmod(0o777)
for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
    c.Spawner.environment[name] = str(home / name.lower())
c.Spawner.notebook_dir = str(home)
"""


def site(**spawner: Any) -> dict[str, Any]:
    account = "daemon" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    traits = {
        "image": "plain",
        "size": "small",
        "account": account,
        "make_account": False,
        # All of them are 127.0.0.1 to the hub.
        "bind_ticket": False,
        **spawner,
    }
    return {
        "users": {"login": "shared-password", "allowed": ["ann"]},
        "targets": {
            "cloud": {
                "kind": "cloud",
                "provider": "memory",
                "insecure": True,
                "options": {"cloud": "test"},
                "spawner": traits,
            }
        },
        "profiles": {"lab": {"title": "Lab", "targets": ["cloud"]}},
    }


def agent_logs(hub: Hub) -> str:
    return "\n".join(x.read_text("utf-8") for x in hub.folder.glob("machines/*/agent.log"))


@pytest.fixture
def tls_hub() -> Iterator[Hub]:
    made = Hub(mode="plain", site=site(), environment={"ANYWHERE_HUB_URL": None})
    made.write_config(
        f"""{_CLOUD}
from jupyterhub_anywhere import setup
setup(c, {str(made.file)!r}, state={str(made.state.root)!r})
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("http:", "https:")
c.ConfigurableHTTPProxy.api_url = c.ConfigurableHTTPProxy.api_url.replace("http:", "https:")
c.JupyterHub.internal_certs_location = {str(made.folder / "certs")!r}
"""
    )
    made.state.root.mkdir(exist_ok=True)
    target = site()["targets"]["cloud"]
    made.write_site({"targets": {"cloud": {**target, "internal_url": made.url.rstrip("/")}}})
    yield made
    made.close()


def test_with_internal_ssl_the_machine_makes_its_own_key(tls_hub: Hub) -> None:
    tls_hub.start()
    tls_hub.start_server("ann")
    headers = {"Authorization": f"token {tls_hub.user_token('ann')}"}
    answer = tls_hub.client(headers=headers).get("user/ann/api/status")
    assert answer.status_code == 200, (answer.text, agent_logs(tls_hub))
    routes = tls_hub.api("GET", "proxy").json()
    assert routes["/user/ann/"]["target"].startswith("https://127.77.0.1:")
    # The hub has never had the key.
    assert not list((tls_hub.folder / "certs").glob("user-*"))
    tls_hub.stop_server("ann")
