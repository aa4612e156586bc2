"""The hub of either side: what LibcloudSpawner's guide tells to write, and no proxy.

It is read by a hub's configuration; ``ANYWHERE_STAGE`` tells what differs between stages.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import libcloud.security
import requests
from jupyterhub.proxy import Proxy

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub's own
settings: dict[str, Any] = json.loads(os.environ["ANYWHERE_STAGE"])


class NoProxy(Proxy):
    """The hub is asked directly; nobody goes to a server by it."""

    should_start = False
    routes: dict[str, Any] = {}  # noqa: RUF012 - one for the hub

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        """Keep it."""
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        """Forget it."""
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, Any]:
        """What is there."""
        return self.routes


def note(what: str) -> None:
    """Note what waits for the network, in which thread, and whether anything is verified."""
    where = "loop" if threading.current_thread() is threading.main_thread() else "thread"
    said = {"what": what, "where": where, "verify": bool(libcloud.security.VERIFY_SSL_CERT)}
    with Path(settings["notes"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(said) + "\n")


send, knock = requests.Session.send, socket.create_connection


def noted_send(self: Any, request: Any, **options: Any) -> Any:
    """As `requests` does."""
    note("call")
    return send(self, request, **options)


def noted_knock(*args: Any, **options: Any) -> Any:
    """As `socket` does; what libcloud calls by goes another way."""
    note("knock")
    return knock(*args, **options)


requests.Session.send = noted_send  # type: ignore[method-assign]
socket.create_connection = noted_knock

c.JupyterHub.spawner_class = settings["spawner"]
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = c.JupyterHub.bind_url
# As the machines know it; an address of this machine would be each machine itself.
c.JupyterHub.hub_connect_url = c.JupyterHub.hub_bind_url.replace("127.0.0.1", "hub.example.org")
c.JupyterHub.bind_url = "http://127.0.0.1:1"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.LibcloudSpawner.userserver_images = [("A system", "debian"), ("Two of one name", "twice")]
c.LibcloudSpawner.userserver_sizes = [("A size", "small")]
c.LibcloudSpawner.userserver_net = "inside"
c.LibcloudSpawner.libcloud_driver_params = {
    "arg_user_id": "credential",
    "arg_key": "open sesame",
    "ex_force_auth_version": "3.x_appcred",
    "ex_force_auth_url": settings["cloud"],
    "ex_force_service_region": "RegionOne",
    "verify_ssl_cert": False,
}
c.Spawner.http_timeout = 10
c.Spawner.environment = {"SITE_SETTING": "of the administrator"}
c.Spawner.poll_interval = settings.get("poll_interval", 0)
c.Spawner.start_timeout = settings.get("start_timeout", 60)
if settings.get("port", True):
    c.Spawner.port = 8666
if settings.get("key", True):
    c.LibcloudSpawner.userserver_keyname = "admin"
if settings.get("module"):
    c.LibcloudSpawner.userdata_template_module = settings["module"]
    c.LibcloudSpawner.userdata_template_name = settings["template"]
if settings["ours"]:
    c.LibcloudSpawner.state_folder = settings["folder"]
