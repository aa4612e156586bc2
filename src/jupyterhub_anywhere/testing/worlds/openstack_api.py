"""What the small OpenStack answers to each call."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.testing.worlds.openstack import PROJECT, USER, Cloud, Trouble, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATHS: Final[Mapping[str, str]] = {
    "identity": "/identity",
    "compute": "/compute/v2.1",
    "image": "/image",
    "network": "/network",
    "volumev3": f"/volume/v3/{PROJECT}",
}
_ACTIONS: Final = {
    "os-stop": ("ACTIVE", "SHUTOFF"),
    "os-start": ("SHUTOFF", "ACTIVE"),
    "suspend": ("ACTIVE", "SUSPENDED"),
    "resume": ("SUSPENDED", "ACTIVE"),
    "shelve": ("ACTIVE", "SHELVED_OFFLOADED"),
    "unshelve": ("SHELVED_OFFLOADED", "ACTIVE"),
    "unpause": ("PAUSED", "ACTIVE"),
}


@dataclass
class Asked:
    """A call.

    Attributes:
        method: GET and so on.
        path: Without the query.
        query: Each with its last value.
        body: Of JSON.
        token: X-Auth-Token.
        base: Where the cloud is, as http://127.0.0.1:1234.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str
    base: str


@dataclass
class Answer:
    """What is answered."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def answer(cloud: Cloud, asked: Asked) -> Answer:
    """Answer a call; the caller holds the cloud's lock.

    Raises:
        Trouble: With an error.
    """
    if re.fullmatch(r"(/identity|/keystone)?/v3/auth/tokens", asked.path):
        return _log_in(cloud, asked)
    if re.fullmatch(r"/(identity|keystone)?/*", asked.path):
        return Answer(300, {"versions": {"values": [{"id": "v3.14", "status": "stable"}]}})
    _check_token(cloud, asked)
    for method, pattern, call in _ROUTES:
        found = re.fullmatch(pattern, asked.path)
        if found and method == asked.method:
            return call(cloud, asked, *found.groups())
    raise Trouble(404, f"The resource {asked.path} could not be found.", "NotFound")


def _log_in(cloud: Cloud, asked: Asked) -> Answer:
    wanted = asked.body["auth"]["identity"]
    if "application_credential" in wanted["methods"]:
        given = wanted["application_credential"]["secret"]
    else:
        given = wanted["password"]["user"]["password"]
    if given != cloud.secret or (cloud.expires and cloud.now() > cloud.expires):
        raise Trouble(401, "The request you have made requires authentication.", "error")
    token, issued = secrets.token_urlsafe(24), cloud.now()
    cloud.tokens[token] = issued + timedelta(seconds=cloud.token_life)
    endpoints = [
        {
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "region": region,
                    "region_id": region,
                    "interface": "public",
                    "url": f"{asked.base}{PATHS[kind]}",
                }
                for region in cloud.regions
            ],
        }
        for kind, name in cloud.services.items()
    ]
    body = {
        "issued_at": _text(issued),
        "expires_at": _text(cloud.tokens[token]),
        "methods": wanted["methods"],
        "user": {"id": USER, "name": "hub", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": PROJECT, "name": "hub"},
        "roles": [{"id": new_id(), "name": "member"}],
        "catalog": endpoints,
    }
    if "application_credential" in wanted["methods"]:
        given_id = wanted["application_credential"]["id"]
        body["application_credential"] = {"id": given_id, "name": "hub", "restricted": True}
    return Answer(201, {"token": body}, (("X-Subject-Token", token),))


def _check_token(cloud: Cloud, asked: Asked) -> None:
    ends = cloud.tokens.get(asked.token)
    if ends is None or cloud.now() >= ends:
        raise Trouble(401, "The request you have made requires authentication.", "error")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _paged(
    cloud: Cloud, asked: Asked, key: str, entries: Sequence[dict[str, Any]], *, glance: bool = False
) -> Answer:
    """One page, by marker and limit."""
    ids = [str(each.get("id") or each.get("name")) for each in entries]
    first = ids.index(asked.query["marker"]) + 1 if "marker" in asked.query else 0
    size = min(int(asked.query.get("limit", cloud.page)), cloud.page)
    shown = [_shown(each) for each in entries[first : first + size]]
    body: dict[str, Any] = {key: shown}
    if first + size < len(entries):
        marker = ids[first + size - 1]
        link = f"{asked.path}?marker={marker}&limit={size}"
        if glance:
            body["next"] = link.removeprefix(PATHS["image"])
        else:
            body[f"{key}_links"] = [{"rel": "next", "href": f"{asked.base}{link}"}]
    return Answer(200, body)


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if not name.startswith("_")}


# --- Nova ----------------------------------------------------------------------------------------


def _servers(cloud: Cloud, asked: Asked) -> Answer:
    for each in list(cloud.servers.values()):
        cloud.look_at(each)
    # Nova knows `name`, a regular expression; what it does not know of a member it ignores.
    pattern = asked.query.get("name", "")
    found = [each for each in cloud.servers.values() if re.search(pattern, each["name"])]
    return _paged(cloud, asked, "servers", found)


def _server(cloud: Cloud, _: Asked, server_id: str) -> Answer:
    server = _of(cloud, server_id)
    cloud.look_at(server)
    return Answer(200, {"server": _shown(_of(cloud, server_id))})


def _of(cloud: Cloud, server_id: str) -> dict[str, Any]:
    if server_id not in cloud.servers:
        raise Trouble(404, f"Instance {server_id} could not be found.")
    return cloud.servers[server_id]


def _create(cloud: Cloud, asked: Asked) -> Answer:
    server = cloud.make_server(asked.body["server"])
    return Answer(202, {"server": {"id": server["id"], "links": [], "adminPass": "x"}})


def _delete(cloud: Cloud, _: Asked, server_id: str) -> Answer:
    server = _of(cloud, server_id)
    server["OS-EXT-STS:task_state"], server["_looks"] = "deleting", cloud.delete_looks
    if server["status"] == "ERROR":
        server["status"] = "ACTIVE"
    return Answer(204)


def _act(cloud: Cloud, asked: Asked, server_id: str) -> Answer:
    server = _of(cloud, server_id)
    action = next(iter(asked.body))
    if action == "os-getConsoleOutput":
        return Answer(200, {"output": "one\ntwo\nthree\n"})
    if action == "forceDelete":
        server["OS-EXT-STS:task_state"], server["_looks"] = "deleting", cloud.delete_looks
        return Answer(202)
    before, after = _ACTIONS[action]
    if server["status"] != before:
        raise Trouble(409, f"Cannot '{action}' instance while it is in state {server['status']}")
    server["status"] = after
    return Answer(202)


def _mark(cloud: Cloud, asked: Asked, server_id: str) -> Answer:
    server = _of(cloud, server_id)
    if server["status"] == "BUILD":
        raise Trouble(409, "Cannot 'update metadata' instance while it is in vm_state building")
    found: dict[str, str] = server["metadata"]
    found.update(asked.body["metadata"])
    return Answer(200, {"metadata": found})


def _unmark(cloud: Cloud, _: Asked, server_id: str, name: str) -> Answer:
    if _of(cloud, server_id)["metadata"].pop(name, None) is None:
        raise Trouble(404, "Metadata item was not found")
    return Answer(204)


def _keys(cloud: Cloud, _: Asked) -> Answer:
    return Answer(200, {"keypairs": [{"keypair": {"name": each}} for each in cloud.keys]})


def _limits(cloud: Cloud, _: Asked) -> Answer:
    used = {"maxTotalInstances": cloud.quota, "totalInstancesUsed": len(cloud.servers)}
    cores = {"maxTotalCores": -1, "totalCoresUsed": 0, "maxTotalRAMSize": -1, "totalRAMUsed": 0}
    return Answer(200, {"limits": {"rate": [], "absolute": {**used, **cores}}})


def _old_images(cloud: Cloud, _: Asked) -> Answer:
    """By Nova's proxy, which has no pages; clients of 2017 ask for images like this."""
    images = [
        {**each, "status": "ACTIVE", "created": each["created_at"], "updated": each["updated_at"]}
        for each in cloud.images
    ]
    return Answer(200, {"images": images})


def _old_networks(cloud: Cloud, _: Asked) -> Answer:
    networks = [{"id": x["id"], "label": x["name"], "cidr": "10.9.0.0/16"} for x in cloud.networks]
    return Answer(200, {"networks": networks})


def _version(_: Cloud, __: Asked) -> Answer:
    return Answer(200, {"version": {"id": "v2.1", "version": "2.96", "min_version": "2.1"}})


# --- Neutron -------------------------------------------------------------------------------------


def _networks(cloud: Cloud, asked: Asked) -> Answer:
    external = asked.query.get("router:external")
    found = [each for each in cloud.networks if external is None or each["router:external"]]
    return _paged(cloud, asked, "networks", found)


def _ports(cloud: Cloud, asked: Asked) -> Answer:
    device = asked.query.get("device_id")
    if cloud.port_looks > 0:
        cloud.port_looks -= 1
        return Answer(200, {"ports": []})
    found = [each for each in cloud.ports.values() if device in (None, each["device_id"])]
    return _paged(cloud, asked, "ports", found)


def _addresses(cloud: Cloud, asked: Asked) -> Answer:
    text = asked.query.get("description")
    found = [each for each in cloud.addresses.values() if text in (None, each["description"])]
    return _paged(cloud, asked, "floatingips", found)


def _make_address(cloud: Cloud, asked: Asked) -> Answer:
    wanted = asked.body["floatingip"]
    address = f"192.0.2.{len(cloud.addresses) + 1}"
    made = {"id": new_id(), "floating_ip_address": address, "description": "", **wanted}
    cloud.addresses[made["id"]] = made
    port = cloud.ports.get(str(wanted.get("port_id")))
    if port is not None:
        server = _of(cloud, port["device_id"])
        entry = {"addr": address, "version": 4, "OS-EXT-IPS:type": "floating"}
        next(iter(server["addresses"].values())).append(entry)
    return Answer(201, {"floatingip": made})


def _drop(what: str) -> Callable[..., Answer]:
    def drop(cloud: Cloud, _: Asked, name: str) -> Answer:
        things = getattr(cloud, what)
        if name not in things:
            raise Trouble(404, f"{name} could not be found.")
        del things[name]
        return Answer(204)

    return drop


# --- Cinder, Keystone ----------------------------------------------------------------------------


def _volumes(cloud: Cloud, asked: Asked) -> Answer:
    name = asked.query.get("name")
    found = [each for each in cloud.volumes.values() if name in (None, each["name"])]
    return _paged(cloud, asked, "volumes", found)


def _volume(cloud: Cloud, _: Asked, volume_id: str) -> Answer:
    if volume_id not in cloud.volumes:
        raise Trouble(404, f"Volume {volume_id} could not be found.")
    return Answer(200, {"volume": cloud.volumes[volume_id]})


def _volume_limits(cloud: Cloud, _: Asked) -> Answer:
    size = sum(int(each["size"]) for each in cloud.volumes.values())
    most = {"maxTotalVolumes": 100, "maxTotalVolumeGigabytes": cloud.volume_quota}
    used = {"totalVolumesUsed": len(cloud.volumes), "totalGigabytesUsed": size}
    return Answer(200, {"limits": {"rate": [], "absolute": {**most, **used}}})


def _make_volume(cloud: Cloud, asked: Asked) -> Answer:
    made = {"id": new_id(), "status": "available", **asked.body["volume"]}
    cloud.volumes[made["id"]] = made
    return Answer(202, {"volume": made})


def _mark_volume(cloud: Cloud, asked: Asked, volume_id: str) -> Answer:
    if volume_id not in cloud.volumes:
        raise Trouble(404, f"Volume {volume_id} could not be found.")
    found: dict[str, str] = cloud.volumes[volume_id].setdefault("metadata", {})
    found.update(asked.body["metadata"])
    return Answer(200, {"metadata": found})


def _credential(cloud: Cloud, _: Asked, name: str) -> Answer:
    ends = cloud.expires.strftime("%Y-%m-%dT%H:%M:%S.000000") if cloud.expires else None
    return Answer(200, {"application_credential": {"id": name, "expires_at": ends}})


def _list(path: str, key: str, what: str, *, glance: bool = False) -> tuple[str, str, Any]:
    def listed(cloud: Cloud, asked: Asked) -> Answer:
        return _paged(cloud, asked, key, getattr(cloud, what), glance=glance)

    return "GET", path, listed


_C, _N, _V = (re.escape(PATHS[each]) for each in ("compute", "network", "volumev3"))
_ID: Final = r"([^/]+)"
_ROUTES: Final[Sequence[tuple[str, str, Callable[..., Answer]]]] = (
    ("GET", f"{_C}/?", _version),
    ("GET", f"{_C}/servers/detail", _servers),
    ("GET", f"{_C}/servers/{_ID}", _server),
    ("POST", f"{_C}/servers", _create),
    ("DELETE", f"{_C}/servers/{_ID}", _delete),
    ("POST", f"{_C}/servers/{_ID}/action", _act),
    ("POST", f"{_C}/servers/{_ID}/metadata", _mark),
    ("DELETE", f"{_C}/servers/{_ID}/metadata/{_ID}", _unmark),
    ("GET", f"{_C}/os-keypairs", _keys),
    ("GET", f"{_C}/limits", _limits),
    ("GET", f"{_C}/images/detail", _old_images),
    ("GET", f"{_C}/os-networks", _old_networks),
    _list(f"{_C}/flavors/detail", "flavors", "flavors"),
    _list("/image/v2/images", "images", "images", glance=True),
    ("GET", f"{_N}/v2.0/networks", _networks),
    _list(f"{_N}/v2.0/security-groups", "security_groups", "groups"),
    ("GET", f"{_N}/v2.0/ports", _ports),
    ("DELETE", f"{_N}/v2.0/ports/{_ID}", _drop("ports")),
    ("GET", f"{_N}/v2.0/floatingips", _addresses),
    ("POST", f"{_N}/v2.0/floatingips", _make_address),
    ("DELETE", f"{_N}/v2.0/floatingips/{_ID}", _drop("addresses")),
    ("GET", f"{_V}/limits", _volume_limits),
    ("GET", f"{_V}/volumes/detail", _volumes),
    ("POST", f"{_V}/volumes", _make_volume),
    ("GET", f"{_V}/volumes/{_ID}", _volume),
    ("DELETE", f"{_V}/volumes/{_ID}", _drop("volumes")),
    ("POST", f"{_V}/volumes/{_ID}/metadata", _mark_volume),
    ("GET", f"/identity/v3/users/{USER}/application_credentials/{_ID}", _credential),
)
