"""What openstacksdk is asked for: making things, each with the mark, and removing them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from openstack import exceptions as errors

from jupyterhub_anywhere.prepare.looking import state, thing_of
from jupyterhub_anywhere.prepare.things import MARK, Kind, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.prepare.things import Login

_WORDS: Final = "Made by JupyterHub Anywhere, "


def _description(spec: Mapping[str, Any]) -> str:
    return f"{_WORDS}{spec['mark']}"


def _number(spec: Mapping[str, Any]) -> str:
    """The mark as a value, where its name is the key."""
    return str(spec["mark"]).removeprefix(f"{MARK}:")


def credential(connection: Any, login: Login, spec: Mapping[str, Any], ends: datetime) -> Thing:
    """Make an application credential; its secret is among the facts, this one time."""
    made = connection.identity.create_application_credential(
        login.user_id,
        spec["name"],
        description=_description(spec),
        roles=[{"name": each} for each in spec["roles"]],
        unrestricted=False,
        expires_at=f"{ends:%Y-%m-%dT%H:%M:%S.%fZ}",
    )
    found = thing_of[Kind.CREDENTIAL](made)
    return Thing(
        found.kind, found.id, found.name, found.mark, {**found.facts, "secret": made.secret}
    )


def make(connection: Any, kind: Kind, spec: Mapping[str, Any]) -> Thing:
    """Make one thing; see `things.Cloud.make`."""
    net = connection.network
    match kind:
        case Kind.INTERFACE:
            answer = net.add_interface_to_router(spec["router"], subnet_id=spec["subnet"])
            facts = {"router": spec["router"], "subnet": spec["subnet"]}
            return Thing(kind, str(answer["port_id"]), "", "", facts)
        case Kind.RULE:
            made = net.create_security_group_rule(**_rule(spec))
            return Thing(kind, made.id, "", spec["mark"])
        case Kind.IMAGE:
            return _upload(connection, spec) if "file" in spec else _snapshot(connection, spec)
        case _:
            calls: Mapping[Kind, tuple[Callable[..., Any], Callable[..., dict[str, Any]]]] = {
                Kind.NETWORK: (net.create_network, _plain),
                Kind.SUBNET: (net.create_subnet, _subnet),
                Kind.ROUTER: (net.create_router, _router),
                Kind.GROUP: (net.create_security_group, _plain),
                Kind.KEY: (connection.compute.create_keypair, dict),
                Kind.PORT: (net.create_port, _port),
                Kind.FLOATING: (net.create_ip, _floating),
                Kind.SERVER: (connection.compute.create_server, _server),
            }
            call, arguments = calls[kind]
            return thing_of[kind](call(**arguments(spec)))


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": spec["name"], "description": _description(spec)}


def _subnet(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_plain(spec),
        "network_id": spec["network"],
        "ip_version": 6 if ":" in spec["cidr"] else 4,
        "cidr": spec["cidr"],
        "dns_nameservers": spec["dns"],
        "enable_dhcp": True,
    }


def _router(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {**_plain(spec), "external_gateway_info": {"network_id": spec["external"]}}


def _rule(spec: Mapping[str, Any]) -> dict[str, Any]:
    origin = (
        {"remote_ip_prefix": spec["source"]}
        if "source" in spec
        else {"remote_group_id": spec["source_group"]}
    )
    return {
        "security_group_id": spec["group"],
        "direction": "ingress",
        "ether_type": spec["family"],
        "protocol": "tcp",
        "port_range_min": spec["first"],
        "port_range_max": spec["last"],
        "description": _description(spec),
        **origin,
    }


def _port(spec: Mapping[str, Any]) -> dict[str, Any]:
    # An empty list would switch the cloud's own protection off; without groups there is none.
    groups = {"security_group_ids": spec["groups"]} if spec["groups"] else {}
    return {**_plain(spec), "network_id": spec["network"], **groups}


def _floating(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "floating_network_id": spec["external"],
        "port_id": spec["port"],
        "description": _description(spec),
    }


def _server(spec: Mapping[str, Any]) -> dict[str, Any]:
    attached = {"port": spec["port"]} if "port" in spec else {"uuid": spec["network"]}
    more: dict[str, Any] = {}
    if "group" in spec:
        more["security_groups"] = [{"name": spec["group"]}]
    if spec.get("key"):
        more["key_name"] = spec["key"]
    return {
        "name": spec["name"],
        "image_id": spec["image"],
        "flavor_id": spec["flavor"],
        "networks": [attached],
        "user_data": base64.b64encode(str(spec["userdata"]).encode()).decode(),
        "metadata": {MARK: _number(spec)},
        **more,
    }


def _upload(connection: Any, spec: Mapping[str, Any]) -> Thing:
    """Make an image of a file; the record of the image is there before its data is."""
    body = {
        "name": spec["name"],
        "disk_format": spec["format"],
        "container_format": "bare",
        "visibility": "private",
        MARK: _number(spec),
    }
    answer = connection.image.post("/images", json=body)
    errors.raise_from_response(answer)
    return thing_of[Kind.IMAGE](connection.image.get_image(answer.json()["id"]))


def send(connection: Any, image_id: str, stream: Any) -> None:
    """Send the data of an image."""
    answer = connection.image.put(
        f"/images/{image_id}/file",
        data=stream,
        headers={"Content-Type": "application/octet-stream", "Accept": ""},
    )
    errors.raise_from_response(answer)


def _snapshot(connection: Any, spec: Mapping[str, Any]) -> Thing:
    made = connection.compute.create_server_image(
        spec["server"], spec["name"], metadata={MARK: _number(spec)}
    )
    return thing_of[Kind.IMAGE](made)


def remove(
    connection: Any, login: Login, kind: Kind, thing_id: str, facts: Mapping[str, Any]
) -> bool:
    """Begin to remove one thing; see `things.Cloud.remove`."""
    net, nova = connection.network, connection.compute
    match kind:
        case Kind.CREDENTIAL:
            connection.identity.delete_application_credential(login.user_id, thing_id)
        case Kind.INTERFACE:
            _detach(net, facts)
        case Kind.SERVER:
            nova.delete_server(thing_id)
            return state(connection, Kind.SERVER, thing_id) is None
        case Kind.IMAGE:
            connection.image.delete_image(thing_id)
            return state(connection, Kind.IMAGE, thing_id) is None
        case _:
            calls = {
                Kind.NETWORK: net.delete_network,
                Kind.SUBNET: net.delete_subnet,
                Kind.ROUTER: net.delete_router,
                Kind.GROUP: net.delete_security_group,
                Kind.RULE: net.delete_security_group_rule,
                Kind.KEY: nova.delete_keypair,
                Kind.PORT: net.delete_port,
                Kind.FLOATING: net.delete_ip,
            }
            calls[kind](thing_id)
    return True


def _detach(net: Any, facts: Mapping[str, Any]) -> None:
    try:
        net.remove_interface_from_router(facts["router"], subnet_id=facts["subnet"])
    except errors.NotFoundException:
        return
