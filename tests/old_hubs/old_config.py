"""The configuration of an old JupyterHub, from 0.8 on; read by that hub, in its own Python.

No VM is needed to write down what LibcloudSpawner writes down: the spawner below is named as it,
keeps the state of both its generations, and its "VMs" are one small web server in this process.
"""

import http.server
import os
import threading
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub's own

TOKEN = os.environ["OLD_HUB_TOKEN"]
# What stands for bob's server was begun by 1.x, all others by 2.x.
STATES = {
    ("alice", ""): {
        "userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01",
        "userserver_port": 8001,
    },
    ("bob", ""): {"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000},
    ("carol", "gpu"): {
        "userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03",
        "userserver_port": 8003,
    },
    ("carol", "Big_One"): {
        "userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04",
        "userserver_port": 8004,
    },
}


class Machine(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


machine = http.server.HTTPServer(("127.0.0.1", 0), Machine)
threading.Thread(target=machine.serve_forever, daemon=True).start()


class LibcloudSpawner(Spawner):
    found: Any = None

    def load_state(self, state: Any) -> None:
        super().load_state(state)
        self.found = dict(state) or None

    def get_state(self) -> Any:
        state = super().get_state()
        state.update(self.found or {})
        return state

    def clear_state(self) -> None:
        super().clear_state()
        self.found = None

    async def start(self) -> Any:
        self.found = STATES.get((self.user.name, self.name), {"userserver_id": "other"})
        return "127.0.0.1", machine.server_address[1]

    async def stop(self, now: Any = False) -> None:  # noqa: FBT002 - as JupyterHub calls it
        self.found = None

    async def poll(self) -> Any:
        return None if self.found else 0


class KnownPeople(Authenticator):
    async def authenticate(self, handler: Any, data: Any) -> Any:
        return {"name": data["username"], "auth_state": {"upstream": "kept-" + data["username"]}}


class NoProxy(Proxy):
    should_start = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.routes: Any = {}

    async def add_route(self, routespec: Any, target: Any, data: Any) -> None:
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: Any) -> None:
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> Any:
        return self.routes


c.JupyterHub.spawner_class = LibcloudSpawner
c.JupyterHub.authenticator_class = KnownPeople
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = int(os.environ["OLD_HUB_PORT"])
c.JupyterHub.db_url = os.environ["OLD_HUB_DATABASE"]
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.JupyterHub.services = [{"name": "maker", "api_token": TOKEN, "admin": True}]
if "OLD_HUB_ROLES" in os.environ:
    c.JupyterHub.load_roles = [{"name": "admin", "services": ["maker"]}]
c.Authenticator.admin_users = {"bob"}
c.Authenticator.enable_auth_state = True
if "OLD_HUB_ALLOW" in os.environ:
    c.Authenticator.allow_all = True
