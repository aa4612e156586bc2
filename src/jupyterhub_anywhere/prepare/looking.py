"""From openstacksdk's resources to things: what is there."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from openstack import exceptions as errors

from jupyterhub_anywhere.prepare.expiry import parse
from jupyterhub_anywhere.prepare.rules import Rule
from jupyterhub_anywhere.prepare.things import MARK, Kind, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyterhub_anywhere.prepare.things import Login

_MARKED: Final = re.compile(rf"{MARK}:[0-9a-f]+")
_EVERYTHING: Final = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}


def mark_of(text: object) -> str:
    """The mark in a description, or in what else carries it."""
    found = _MARKED.search(str(text or ""))
    return found[0] if found else ""


def find(connection: Any, login: Login, kind: Kind, name: str, within: str) -> list[Thing]:
    """All of a kind that have a name, or an id; see `things.Cloud.find`."""
    looks: dict[Kind, Callable[[], Iterable[Thing]]] = {
        Kind.CREDENTIAL: lambda: _credentials(connection, login, name),
        Kind.KEY: lambda: [_key(k) for k in connection.compute.keypairs() if k.name == name],
        Kind.SERVER: lambda: _servers(connection.compute, name),
        Kind.IMAGE: lambda: _named(
            connection.image.images, connection.image.get_image, name, _image
        ),
        **_network_looks(connection.network, login, name, within),
    }
    return list(looks[kind]())


def _network_looks(
    net: Any, login: Login, name: str, within: str
) -> dict[Kind, Callable[[], Iterable[Thing]]]:
    mine = {"project_id": login.project_id}
    return {
        Kind.NETWORK: lambda: _named(net.networks, net.get_network, name, _network),
        Kind.SUBNET: lambda: map(_subnet, net.subnets(network_id=within)),
        Kind.ROUTER: lambda: _named(net.routers, net.get_router, name, _router),
        Kind.INTERFACE: lambda: [each for p in net.ports() for each in _interface(p, within)],
        Kind.GROUP: lambda: _named(
            net.security_groups, net.get_security_group, name, _group, **mine
        ),
        Kind.RULE: lambda: _rules(net, within),
        Kind.PORT: lambda: map(_port, net.ports(network_id=within, name=name)),
        Kind.FLOATING: lambda: map(_floating, net.ips(port_id=within)),
    }


def _credentials(connection: Any, login: Login, name: str) -> list[Thing]:
    found = connection.identity.application_credentials(login.user_id)
    return [_credential(each) for each in found if name in {each.name, each.id}]


def _servers(nova: Any, name: str) -> list[Thing]:
    # Nova's own filter takes a regular expression.
    found = nova.servers(name=f"^{re.escape(name)}$")
    return [_server(each) for each in found if each.name == name]


def _rules(net: Any, group: str) -> list[Thing]:
    names = {each.id: each.name for each in net.security_groups()}
    return [_rule(each, names) for each in net.security_group_rules(security_group_id=group)]


def _named(
    listed: Callable[..., Iterable[Any]],
    get: Callable[[str], Any],
    name: str,
    convert: Callable[[Any], Thing],
    **query: str,
) -> list[Thing]:
    found = [each for each in listed(name=name, **query) if each.name == name]
    if not found and re.fullmatch(r"[0-9a-f-]{32,36}", name):
        with suppress(errors.NotFoundException, errors.BadRequestException):
            found = [get(name)]
    return [convert(each) for each in found]


def state(connection: Any, kind: Kind, thing_id: str) -> Thing | None:
    """A machine or an image as it is now; None where there is none."""
    try:
        if kind is Kind.IMAGE:
            return _image(connection.image.get_image(thing_id))
        return _server(connection.compute.get_server(thing_id))
    except errors.NotFoundException:
        return None


def _credential(each: Any) -> Thing:
    facts = {"expires": parse(each.expires_at)}
    return Thing(Kind.CREDENTIAL, each.id, each.name, mark_of(each.description), facts)


def _network(each: Any) -> Thing:
    return Thing(Kind.NETWORK, each.id, each.name, mark_of(each.description))


def _subnet(each: Any) -> Thing:
    facts = {"cidr": each.cidr, "dns": list(each.dns_nameservers or [])}
    return Thing(Kind.SUBNET, each.id, each.name, mark_of(each.description), facts)


def _router(each: Any) -> Thing:
    gateway = each.external_gateway_info or {}
    facts = {"external": gateway.get("network_id")}
    return Thing(Kind.ROUTER, each.id, each.name, mark_of(each.description), facts)


def _interface(port: Any, subnet: str) -> Iterator[Thing]:
    """The router that a port connects to a subnet; nothing where it is none of a router."""
    if not str(port.device_owner or "").startswith("network:") or "router" not in port.device_owner:
        return
    if "gateway" in port.device_owner:
        return
    if subnet in {each.get("subnet_id") for each in port.fixed_ips or []}:
        facts = {"router": port.device_id, "subnet": subnet}
        yield Thing(Kind.INTERFACE, port.id, port.device_id, "", facts)


def _group(each: Any) -> Thing:
    return Thing(Kind.GROUP, each.id, each.name, mark_of(each.description))


def _rule(each: Any, names: dict[str, str]) -> Thing:
    source_group = names.get(each.remote_group_id or "", each.remote_group_id or "")
    source = "" if source_group else each.remote_ip_prefix or _EVERYTHING.get(each.ether_type, "")
    group = names.get(each.security_group_id, "")
    first, last = each.port_range_min, each.port_range_max
    outwards = each.direction == "egress"
    facts: dict[str, Any] = {"outwards": outwards, "source_group": source_group}
    origin = source or f"group {source_group}"
    ports = "all" if first is None else str(first) if first == last else f"{first}-{last}"
    facts["text"] = f"{each.protocol or 'all'} {ports} from {origin}"
    name = f"other:{each.id}"
    if each.protocol in {"tcp", "6"} and first is not None and not outwards:
        name = Rule(group, int(first), int(last), source, source_group).key
    return Thing(Kind.RULE, each.id, name, mark_of(each.description), facts)


def _key(each: Any) -> Thing:
    facts = {"public_key": each.public_key, "text": each.fingerprint}
    return Thing(Kind.KEY, each.name, each.name, "", facts)


def _image(each: Any) -> Thing:
    # Nova copies the metadata of a snapshot into its properties.
    mark = each.properties.get(MARK) if each.properties else None
    facts = {
        "status": str(each.status or "").lower(),
        "snapshot": str((each.properties or {}).get("image_type", "")) == "snapshot",
        "min_disk": int(each.min_disk or 0),
        "min_ram": int(each.min_ram or 0),
        "virtual_size": int(each.virtual_size or each.size or 0),
    }
    return Thing(Kind.IMAGE, each.id, each.name, mark_of(f"{MARK}:{mark}"), facts)


def _port(each: Any) -> Thing:
    address = next((str(ip["ip_address"]) for ip in each.fixed_ips or []), "")
    return Thing(Kind.PORT, each.id, each.name, mark_of(each.description), {"address": address})


def _floating(each: Any) -> Thing:
    address = str(each.floating_ip_address)
    return Thing(Kind.FLOATING, each.id, address, mark_of(each.description), {"address": address})


def _server(each: Any) -> Thing:
    fault = (each.fault or {}).get("message", "") if isinstance(each.fault, dict) else ""
    facts = {"status": str(each.status or "").upper(), "fault": fault}
    mark = (each.metadata or {}).get(MARK)
    return Thing(Kind.SERVER, each.id, each.name, mark_of(f"{MARK}:{mark}"), facts)


thing_of: Final = {
    Kind.NETWORK: _network,
    Kind.SUBNET: _subnet,
    Kind.ROUTER: _router,
    Kind.GROUP: _group,
    Kind.KEY: _key,
    Kind.PORT: _port,
    Kind.FLOATING: _floating,
    Kind.SERVER: _server,
    Kind.IMAGE: _image,
    Kind.CREDENTIAL: _credential,
}
