"""A small OpenStack in this process: the real openstacksdk talks to it, without a socket.

It stands for the world: Keystone, Nova, Neutron and Glance in the shapes of the real ones, as far
as preparing a project asks. Things depend on each other as there: what is in use is not removed.
"""

from __future__ import annotations

import base64
import io
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import openstack.config
import requests
from requests.adapters import BaseAdapter

from jupyterhub_anywhere.prepare.project import OpenStackProject

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "http://cloud.test"
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PROJECT, USER = "p" * 32, "u" * 32
GOOD = {
    "os": "debian-12",
    "cloud_init": "22.4.2",
    "systemd": "252",
    "python": "3.11.2",
    "singleuser": "6.1.0",
    "lab": "4.4.1",
    "done": "yes",
}
KEYS = """\
-----BEGIN SSH HOST KEY KEYS-----
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhvc3Q root@hub
-----END SSH HOST KEY KEYS-----
"""


class RefusedError(Exception):
    """What a service answers other than well."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def ident() -> str:
    return str(uuid.uuid4())


@dataclass
class World:
    """One project, and the services around it."""

    things: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    roles: list[str] = field(default_factory=lambda: ["member", "reader"])
    token: int = 201
    restricted: bool | None = None
    """None: logged in by a password; else whether the application credential is restricted."""
    limits: dict[str, int] = field(default_factory=dict)
    quotas: dict[str, tuple[int, int]] = field(default_factory=dict)
    refuse: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """Method and a piece of the path to the answer."""
    answers: Callable[[dict[str, Any]], dict[str, str] | None] = lambda _server: dict(GOOD)
    """What a machine tells on its console; None: no console in this cloud."""
    broken: str = ""
    """Why machines end in ERROR."""
    before: Callable[[str, str], None] = lambda _method, _path: None
    after: Callable[[str, str], None] = lambda _method, _path: None
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.add("networks", name="public", **{"router:external": True}, description="")
        for name, cpus, ram, disk in (
            ("m1.tiny", 1, 256, 1),
            ("m1.small", 1, 1024, 5),
            ("m1.medium", 2, 2048, 10),
            ("m1.large", 4, 8192, 40),
        ):
            self.add("flavors", name=name, vcpus=cpus, ram=ram, disk=disk)
        self.image("debian-12")
        self.image("lab")

    def add(self, kind: str, **body: Any) -> dict[str, Any]:
        made = {"id": ident(), **body}
        self.things.setdefault(kind, {})[made["id"]] = made
        return made

    def image(self, name: str, **more: Any) -> dict[str, Any]:
        body = {"status": "active", "min_disk": 3, "min_ram": 0, "size": 1 << 30, **more}
        return self.add("images", name=name, **body)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return list(self.things.get(kind, {}).values())

    def named(self, kind: str, name: str) -> list[dict[str, Any]]:
        return [each for each in self.all(kind) if each.get("name") == name]

    def count(self) -> dict[str, int]:
        return {kind: len(found) for kind, found in self.things.items() if found}

    # --- the wire --------------------------------------------------------------------------------

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        path, _, query = url.removeprefix(BASE).partition("?")
        if method not in {"GET", "HEAD"} and not path.endswith("/auth/tokens"):
            self.calls.append((method, path))
        for (verb, piece), (status, message) in self.refuse.items():
            if verb == method and piece in path:
                return status, failure(status, message), {}
        try:
            return self.route(method, path, parameters(query), body)
        except RefusedError as error:
            return error.status, failure(error.status, error.message), {}

    def route(
        self, method: str, path: str, query: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        service, _, rest = path.strip("/").partition("/")
        if not rest or rest in {"v3", "v2.1", "v2.0", "v2"}:
            return 200, discovery(service, rest), {}
        if rest == "v3/auth/tokens":
            return self.log_in()
        data = json.loads(body) if body and not rest.endswith("/file") else {}
        parts = rest.split("/")[1:]
        handlers = {
            "identity": self.keystone,
            "compute": self.nova,
            "network": self.neutron,
            "image": self.glance,
        }
        status, answer = handlers[service](method, parts, query, data)
        return status, answer, {}

    def log_in(self) -> tuple[int, Any, dict[str, str]]:
        if self.token != 201:
            raise RefusedError(self.token, "The request you have made requires authentication.")
        token: dict[str, Any] = {
            "methods": ["password"],
            "user": {"id": USER, "name": "ann", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": PROJECT, "name": "hub", "domain": {"id": "d", "name": "Default"}},
            "roles": [{"id": each, "name": each} for each in self.roles],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "catalog": [catalogue(*each) for each in SERVICES],
        }
        if self.restricted is not None:
            token["application_credential"] = {
                "id": "ac", "name": "ac", "restricted": self.restricted,
            }  # fmt: skip
        return 201, {"token": token}, {"X-Subject-Token": "t"}

    # --- services --------------------------------------------------------------------------------

    def keystone(
        self, method: str, parts: list[str], _query: dict[str, str], data: Any
    ) -> tuple[int, Any]:
        kind = "application_credentials"
        if method == "POST":
            wanted = data["application_credential"]
            if self.named(kind, wanted["name"]):
                raise RefusedError(
                    409, "Conflict occurred attempting to store application credential"
                )
            made = self.add(kind, **wanted)
            return 201, {"application_credential": {**made, "secret": f"secret-{made['id']}"}}
        if method == "DELETE":
            return self.delete(kind, parts[-1])
        return 200, {kind: self.all(kind)}

    def nova(  # noqa: C901, PLR0911 - one a call
        self, method: str, parts: list[str], query: dict[str, str], data: Any
    ) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["flavors", "detail"]:
                return 200, {"flavors": self.all("flavors")}
            case "GET", ["limits"]:
                used = {"totalInstancesUsed": 0, "totalCoresUsed": 0, "totalRAMUsed": 0}
                free = {"maxTotalInstances": -1, "maxTotalCores": -1, "maxTotalRAMSize": -1}
                return 200, {"limits": {"rate": [], "absolute": {**free, **used, **self.limits}}}
            case _, ["os-keypairs", *name]:
                return self.keypairs(method, name, data)
            case "GET", ["servers", "detail"]:
                found = [
                    s for s in self.all("servers") if re.search(query.get("name", ""), s["name"])
                ]
                return 200, {"servers": found}
            case "POST", ["servers"]:
                return 202, {"server": self.boot(data["server"])}
            case "POST", ["servers", server, "action"]:
                return self.action(self.get("servers", server), data)
            case "GET", ["servers", server]:
                return 200, {"server": self.watch(self.get("servers", server))}
            case "DELETE", ["servers", server]:
                self.get("servers", server)
                for port in self.all("ports"):
                    if port.get("device_id") == server:
                        if port.get("ours"):
                            port["device_id"] = ""
                        else:
                            del self.things["ports"][port["id"]]
                return self.delete("servers", server)
        raise RefusedError(404, f"no {method} {parts}")

    def keypairs(self, method: str, name: list[str], data: Any) -> tuple[int, Any]:
        pairs = self.things.setdefault("keypairs", {})
        if method == "POST":
            wanted = data["keypair"]
            if wanted["name"] in pairs:
                raise RefusedError(409, "Key pair already exists")
            pairs[wanted["name"]] = {**wanted, "fingerprint": "aa:bb"}
            return 201, {"keypair": pairs[wanted["name"]]}
        if method == "DELETE":
            return self.delete("keypairs", name[0])
        return 200, {"keypairs": [{"keypair": each} for each in pairs.values()]}

    def boot(self, wanted: dict[str, Any]) -> dict[str, Any]:
        made = self.add("servers", status="BUILD", **wanted)
        for each in wanted["networks"]:
            if "port" in each:
                self.get("ports", each["port"]).update(device_id=made["id"], ours=True)
            else:
                groups = [g["name"] for g in wanted.get("security_groups", [])]
                body = {"network_id": each["uuid"], "device_id": made["id"], "name": ""}
                self.add("ports", security_groups=groups, fixed_ips=[], **body)
        return made

    def watch(self, server: dict[str, Any]) -> dict[str, Any]:
        if self.broken:
            server.update(status="ERROR", fault={"message": self.broken, "code": 500})
        elif server["status"] == "BUILD":
            server["status"] = "ACTIVE"
        return server

    def action(self, server: dict[str, Any], data: Any) -> tuple[int, Any]:
        if "os-getConsoleOutput" in data:
            told = self.answers(server)
            if told is None:
                raise RefusedError(501, "Unable to get console log: not supported")
            script = base64.b64decode(server.get("user_data", "")).decode()
            [nonce] = re.findall(r"^nonce=(\S+)$", script, re.MULTILINE)
            lines = [f"[ 1.2] ANYWHERE-{nonce} {key}={value}\n" for key, value in told.items()]
            return 200, {"output": f"Linux version 6\n{''.join(lines)}{KEYS}"}
        if "os-stop" in data:
            server["status"] = "SHUTOFF"
            return 202, None
        wanted = data["createImage"]
        made = self.image(
            wanted["name"], image_type="snapshot", **wanted.get("metadata", {}), of=server["id"]
        )
        return 202, {"image_id": made["id"]}

    def neutron(
        self, method: str, parts: list[str], query: dict[str, str], data: Any
    ) -> tuple[int, Any]:
        if parts[0] == "quotas":
            quota = {k: {"limit": a, "used": b, "reserved": 0} for k, (a, b) in self.quotas.items()}
            return 200, {"quota": quota}
        kind = parts[0].replace("-", "_")
        one = kind[:-1]
        if method == "PUT" and parts[-1].endswith("_router_interface"):
            return self.interface(parts[1], parts[2], data["subnet_id"])
        if method == "POST":
            return 201, {one: self.net_make(kind, data[one])}
        if method == "DELETE":
            self.in_use(kind, parts[1])
            return self.delete(kind, parts[1])
        if len(parts) > 1:
            return 200, {one: self.get(kind, parts[1])}
        found = [each for each in self.all(kind) if matches(each, query)]
        return 200, {kind: found}

    def net_make(self, kind: str, wanted: dict[str, Any]) -> dict[str, Any]:
        if kind == "security_groups":
            wanted = {**wanted, "project_id": PROJECT}
        made = self.add(kind, **wanted)
        if kind == "security_groups":
            for family in ("IPv4", "IPv6"):
                body = {"direction": "egress", "ethertype": family, "description": ""}
                self.add("security_group_rules", security_group_id=made["id"], **body)
        if kind == "ports":
            subnets = [s for s in self.all("subnets") if s["network_id"] == made["network_id"]]
            number = len(self.all("ports")) + 4
            made["fixed_ips"] = [{"subnet_id": subnets[0]["id"], "ip_address": f"10.90.0.{number}"}]
        if kind == "floatingips":
            made["floating_ip_address"] = f"203.0.113.{len(self.all(kind)) + 6}"
        return made

    def interface(self, router: str, action: str, subnet: str) -> tuple[int, Any]:
        self.get("routers", router)
        network = self.get("subnets", subnet)["network_id"]
        if action == "remove_router_interface":
            for port in self.all("ports"):
                if port.get("device_id") == router:
                    del self.things["ports"][port["id"]]
                    return 200, {"port_id": port["id"]}
            raise RefusedError(404, "Router has no interface on subnet")
        port = self.add(
            "ports",
            name="",
            network_id=network,
            device_id=router,
            device_owner="network:router_interface",
            fixed_ips=[{"subnet_id": subnet, "ip_address": "10.90.0.1"}],
        )
        return 200, {"id": router, "subnet_id": subnet, "port_id": port["id"]}

    def in_use(self, kind: str, thing: str) -> None:
        ports = self.all("ports")
        used = {
            "networks": any(p["network_id"] == thing for p in ports)
            or any(s["network_id"] == thing for s in self.all("subnets")),
            "subnets": any(i.get("subnet_id") == thing for p in ports for i in p["fixed_ips"]),
            "routers": any(p.get("device_id") == thing for p in ports),
            "security_groups": any(thing in (p.get("security_groups") or []) for p in ports),
        }
        if used.get(kind):
            raise RefusedError(409, f"Unable to complete operation on {kind} {thing}: still in use")
        if kind == "security_groups":
            for rule in self.all("security_group_rules"):
                if thing in {rule["security_group_id"], rule.get("remote_group_id")}:
                    del self.things["security_group_rules"][rule["id"]]
        if kind == "ports":
            for each in self.all("floatingips"):
                each["port_id"] = None if each["port_id"] == thing else each["port_id"]

    def glance(
        self, method: str, parts: list[str], query: dict[str, str], data: Any
    ) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["images"]:
                return 200, {"images": [i for i in self.all("images") if matches(i, query)]}
            case "GET", ["images", image]:
                return 200, self.get("images", image)
            case "POST", ["images"]:
                return 201, self.image(**{**data, "status": "queued"})
            case "PUT", ["images", image, "file"]:
                self.get("images", image)["status"] = "active"
                return 204, None
            case "DELETE", ["images", image]:
                return self.delete("images", image)
        raise RefusedError(404, f"no {method} {parts}")

    def get(self, kind: str, thing: str) -> dict[str, Any]:
        try:
            return self.things.get(kind, {})[thing]
        except KeyError:
            raise RefusedError(404, f"{kind} {thing} could not be found.") from None

    def delete(self, kind: str, thing: str) -> tuple[int, Any]:
        self.get(kind, thing)
        del self.things[kind][thing]
        return 204, None


SERVICES = (
    ("identity", "keystone", "identity"),
    ("compute", "nova", "compute/v2.1"),
    ("network", "neutron", "network"),
    ("image", "glance", "image"),
)


def catalogue(kind: str, name: str, path: str) -> dict[str, Any]:
    url = {"region": "R1", "region_id": "R1", "interface": "public", "url": f"{BASE}/{path}"}
    return {"type": kind, "name": name, "id": kind, "endpoints": [{**url, "id": kind}]}


def discovery(service: str, version: str) -> Any:
    names = {
        "identity": ("v3.14", "v3"),
        "compute": ("v2.1", "v2.1"),
        "network": ("v2.0", "v2.0"),
        "image": ("v2.9", "v2"),
    }
    number, path = names[service]
    href = f"{BASE}/{service}/{path}/"
    entry: dict[str, Any] = {
        "id": number, "status": "CURRENT" if service != "identity" else "stable",
        "links": [{"rel": "self", "href": href}],
    }  # fmt: skip
    if service == "compute":
        entry |= {"version": "2.90", "min_version": "2.1"}
    if version:
        return {"version": entry}
    return {"versions": {"values": [entry]} if service == "identity" else [entry]}


def parameters(query: str) -> dict[str, str]:
    return dict(parse_qsl(query))


def matches(each: dict[str, Any], query: dict[str, str]) -> bool:
    for key, value in query.items():
        if key == "router:external":
            if bool(each.get(key)) != (value == "True"):
                return False
        elif key not in {"limit", "marker"} and str(each.get(key)) != value:
            return False
    return True


def failure(status: int, message: str) -> Any:
    return {"error": {"message": message, "code": status, "title": "t"}}


class _Adapter(BaseAdapter):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def send(self, request: Any, *_args: Any, **_more: Any) -> requests.Response:
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        raw = body.encode() if isinstance(body, str) else body
        method = str(request.method)
        self.world.before(method, request.url)
        status, data, headers = self.world.answer(method, request.url, raw)
        self.world.after(method, request.url)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = status, request.url, request
        text = b"" if data is None else json.dumps(data, default=str).encode()
        answer.raw = io.BytesIO(text)
        answer.headers.update({"Content-Type": "application/json", **headers})
        answer._content = text
        return answer

    def close(self) -> None:
        pass


class Project(OpenStackProject):
    """The real one; only its clock is the world's."""

    def __init__(self, world: World) -> None:
        auth = {
            "auth_url": f"{BASE}/identity/v3",
            "username": "ann",
            "password": "x",
            "project_id": PROJECT,
            "user_domain_id": "default",
        }
        found = openstack.config.OpenStackConfig(load_yaml_config=False, load_envvars=False)
        region = found.get_one(auth=auth, region_name="R1")
        super().__init__(region)
        self.world = world
        self.connection.session.session.mount("http://", _Adapter(world))

    def now(self) -> datetime:
        return self.world.now

    def pause(self, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)
