"""What has to be there, in the order in which it is made: one entry a thing, pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.prepare.rules import rules
from jupyterhub_anywhere.prepare.things import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.prepare.rules import Rule
    from jupyterhub_anywhere.prepare.things import Thing
    from jupyterhub_anywhere.prepare.wish import Wish

Spec = Mapping[str, Any]


@dataclass(slots=True)
class Known:
    """What the steps so far have come to.

    Attributes:
        mark: Written on all that is made.
        things: Key of the step to the thing.
    """

    mark: str
    things: dict[str, Thing] = field(default_factory=dict)

    def id(self, key: str) -> str:
        """The id of a thing."""
        return self.things[key].id

    def fact(self, key: str, name: str) -> Any:
        """Something about a thing; None where there is no such thing, or it is not known."""
        thing = self.things.get(key)
        return None if thing is None else thing.facts.get(name)


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that has to be there.

    Attributes:
        key: Names it within the plan and the record.
        kind: What it is.
        name: Its name in the cloud.
        spec: What the cloud is asked for, from what is known by then.
        detail: What is special of it, for people.
        why: What it is for.
    """

    key: str
    kind: Kind
    name: str
    spec: Callable[[Known], Spec]
    detail: str = ""
    why: str = ""


def wants(wish: Wish) -> Iterator[Want]:
    """Everything but images and machines, which take more than one call."""
    if wish.given is None:
        yield _credential(wish)
    yield from _network(wish)
    for name in wish.groups.names:
        yield _group(name, wish)
    for rule in rules(wish.groups):
        yield _rule(rule)
    yield _key(wish)


def _credential(wish: Wish) -> Want:
    days = wish.credential_days
    return Want(
        "credential",
        Kind.CREDENTIAL,
        wish.credential,
        lambda known: {
            "name": wish.credential,
            "roles": ["member"],
            "days": days,
            "mark": known.mark,
        },
        f"role member, restricted, {days} days",
        "the hub makes machines with it; it opens nothing else and makes no other credential",
    )


def _network(wish: Wish) -> Iterator[Want]:
    net = wish.network
    yield Want(
        "network",
        Kind.NETWORK,
        net.name,
        lambda known: {"name": net.name, "mark": known.mark},
        why="of the hub and all users' servers",
    )
    resolvers = ", ".join(net.dns) or "of the cloud"
    yield Want(
        "subnet",
        Kind.SUBNET,
        f"{net.name}-subnet",
        lambda known: {
            "name": f"{net.name}-subnet",
            "network": known.id("network"),
            "cidr": net.cidr,
            "dns": list(net.dns),
            "mark": known.mark,
        },
        f"{net.cidr}, DNS {resolvers}",
    )
    if net.routed:
        yield Want(
            "router",
            Kind.ROUTER,
            net.router,
            lambda known: {
                "name": net.router,
                "external": known.id("external"),
                "mark": known.mark,
            },
            "to the external network",
            "machines fetch packages and the hub is reached through it",
        )
        yield Want(
            "interface",
            Kind.INTERFACE,
            f"{net.router} to {net.name}",
            lambda known: {"router": known.id("router"), "subnet": known.id("subnet")},
        )


def _group(name: str, wish: Wish) -> Want:
    of_hub = name == wish.groups.hub
    if wish.groups.single:
        why = "of the hub and of users' servers"
    else:
        why = "of the hub" if of_hub else "of users' servers"
    return Want(
        f"group:{name}",
        Kind.GROUP,
        name,
        lambda known: {"name": name, "mark": known.mark},
        "all outwards",
        why,
    )


def _rule(rule: Rule) -> Want:
    def spec(known: Known) -> Spec:
        found: dict[str, Any] = {
            "group": known.id(f"group:{rule.group}"),
            "first": rule.first,
            "last": rule.last,
            "family": rule.family,
            "mark": known.mark,
        }
        if rule.source:
            return {**found, "source": rule.source}
        return {**found, "source_group": known.id(f"group:{rule.source_group}")}

    return Want(
        rule.key,
        Kind.RULE,
        rule.group,
        spec,
        f"tcp {rule.ports} from {rule.origin}",
        rule.why,
    )


def _key(wish: Wish) -> Want:
    return Want(
        "key",
        Kind.KEY,
        wish.key,
        lambda _known: {"name": wish.key, "public_key": wish.public_key},
        why="administrators reach machines by SSH with it",
    )


def hub_wants(wish: Wish, spec: Callable[[Known], Spec], size: str) -> Iterator[Want]:
    """The hub's port, its floating IP and its machine.

    Args:
        wish: What is wanted.
        spec: The machine, from what is known by then.
        size: Its flavor, for people.
    """
    name, group = wish.hub.name, wish.groups.hub
    yield Want(
        "hub-port",
        Kind.PORT,
        f"{name}-port",
        lambda known: {
            "name": f"{name}-port",
            "network": known.id("network"),
            "groups": [known.id(f"group:{group}")],
            "mark": known.mark,
        },
        f"group {group}",
        "the hub's address stands in anywhere.yaml before its machine is made",
    )
    if wish.network.floating_ip:
        yield Want(
            "floating",
            Kind.FLOATING,
            f"of {name}",
            lambda known: {
                "external": known.id("external"),
                "port": known.id("hub-port"),
                "mark": known.mark,
            },
            "on the hub only",
            "where people open the hub",
        )
    yield Want(
        "hub",
        Kind.SERVER,
        name,
        spec,
        f"{size}, image {wish.hub_image}",
        "its user-data installs this program and holds no secret",
    )
