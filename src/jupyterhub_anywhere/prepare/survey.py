"""What a project has of all that is wanted: asks the cloud, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyterhub_anywhere.prepare.things import Kind
from jupyterhub_anywhere.prepare.wants import wants

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jupyterhub_anywhere.prepare.limits import Flavor, Room
    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.things import Cloud, Login, Thing
    from jupyterhub_anywhere.prepare.wish import Wish

Found = dict[str, tuple["Thing", ...]]


@dataclass(slots=True)
class Seen:
    """A project at one moment.

    Attributes:
        login: Who looked.
        now: When.
        things: Key of a step to all that could be meant; an image's key is `image`, `base` or
            `hub-image`.
        rules: Name of a group to the rules in it.
        externals: The external networks.
        flavors: The sizes of machines.
        rooms: What is left of the quotas.
    """

    login: Login
    now: datetime
    things: Found = field(default_factory=dict)
    rules: Found = field(default_factory=dict)
    externals: Sequence[Thing] = ()
    flavors: Sequence[Flavor] = ()
    rooms: Sequence[Room] = ()


def survey(cloud: Cloud, wish: Wish, record: Record) -> Seen:
    """Look at a project.

    Raises:
        PrepareError: It cannot be asked.
    """
    seen = Seen(cloud.login(), cloud.now())
    seen.flavors, seen.rooms = cloud.flavors(), cloud.rooms()
    seen.externals = cloud.externals() if _outside(wish) else ()
    if wish.given is None:
        seen.things["credential"] = tuple(cloud.find(Kind.CREDENTIAL, wish.credential))
    seen.things["key"] = tuple(cloud.find(Kind.KEY, wish.key))
    _network(cloud, wish, record, seen)
    _groups(cloud, wish, seen)
    _images(cloud, wish, seen)
    _hub(cloud, wish, record, seen)
    return seen


def _outside(wish: Wish) -> bool:
    return wish.network.routed or bool(wish.hub.name and wish.network.floating_ip)


def only(found: Sequence[Thing], record: Record, key: str) -> Thing | None:
    """The one that is meant: that of the record, else the only one; None where it is not clear."""
    entry = record.entry(key)
    if entry is not None:
        ours = [each for each in found if each.id == entry.id or each.mark == record.mark]
        if len(ours) == 1:
            return ours[0]
    return found[0] if len(found) == 1 else None


def _network(cloud: Cloud, wish: Wish, record: Record, seen: Seen) -> None:
    seen.things["network"] = tuple(cloud.find(Kind.NETWORK, wish.network.name))
    interfaces: tuple[Thing, ...] = ()
    if (network := only(seen.things["network"], record, "network")) is not None:
        # Any subnet of it will do; the hub's address is of the first one.
        subnets = [each for each in cloud.find(Kind.SUBNET, "", network.id) if _is_4(each)]
        seen.things["subnet"] = tuple(subnets[:1])
        if subnets and wish.network.routed:
            interfaces = tuple(cloud.find(Kind.INTERFACE, "", subnets[0].id))
    if not wish.network.routed:
        return
    seen.things["interface"] = interfaces[:1]
    name = str(interfaces[0].facts["router"]) if interfaces else wish.network.router
    seen.things["router"] = tuple(cloud.find(Kind.ROUTER, name))


def _is_4(subnet: Thing) -> bool:
    return ":" not in str(subnet.facts.get("cidr", ""))


def _groups(cloud: Cloud, wish: Wish, seen: Seen) -> None:
    for name in wish.groups.names:
        key = f"group:{name}"
        seen.things[key] = tuple(cloud.find(Kind.GROUP, name))
        if len(seen.things[key]) == 1:
            group = seen.things[key][0]
            seen.rules[name] = tuple(cloud.find(Kind.RULE, "", group.id))
    for want in wants(wish):
        if want.kind is Kind.RULE:
            here = seen.rules.get(want.name, ())
            seen.things[want.key] = tuple(each for each in here if each.name == want.key)


def _images(cloud: Cloud, wish: Wish, seen: Seen) -> None:
    seen.things["image"] = tuple(cloud.find(Kind.IMAGE, wish.image.name))
    if wish.image.base:
        seen.things["base"] = tuple(cloud.find(Kind.IMAGE, wish.image.base))
    if wish.hub.name:
        named = {wish.image.name: "image", wish.image.base: "base"}
        key = named.get(wish.hub_image)
        seen.things["hub-image"] = (
            seen.things[key] if key else tuple(cloud.find(Kind.IMAGE, wish.hub_image))
        )


def _hub(cloud: Cloud, wish: Wish, record: Record, seen: Seen) -> None:
    if not wish.hub.name:
        return
    network = only(seen.things["network"], record, "network")
    port: Thing | None = None
    if network is not None:
        seen.things["hub-port"] = tuple(cloud.find(Kind.PORT, f"{wish.hub.name}-port", network.id))
        port = only(seen.things["hub-port"], record, "hub-port")
    if wish.network.floating_ip and port is not None:
        seen.things["floating"] = tuple(cloud.find(Kind.FLOATING, "", port.id))
    seen.things["hub"] = tuple(cloud.find(Kind.SERVER, wish.hub.name))
