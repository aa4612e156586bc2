"""Which ports are open, from where, and why: a table, for the plan, the docs and the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.prepare.wish import FIRST_PORT, LAST_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyterhub_anywhere.prepare.wish import GroupsWish

_OWN: Final = "in one group, so that users' servers reach each other's ports 8000-8999 too"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a security group.

    Attributes:
        group: The group that it belongs to.
        first: The first port.
        last: The last one.
        source: A network, as `0.0.0.0/0`; empty where it is a group.
        source_group: The name of a group; empty where it is a network.
        why: What it is for.
    """

    group: str
    first: int
    last: int
    source: str = ""
    source_group: str = ""
    why: str = ""

    @property
    def family(self) -> str:
        """Neutron's word for the version of IP."""
        return f"IPv{ip_network(self.source).version}" if self.source else "IPv4"

    @property
    def ports(self) -> str:
        """For people."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def origin(self) -> str:
        """Where it opens to, for people."""
        return self.source or f"group {self.source_group}"

    @property
    def key(self) -> str:
        """What makes it this rule."""
        return f"rule:{self.group}:tcp:{self.ports}:{self.source or '@' + self.source_group}"


@dataclass(frozen=True, slots=True)
class Left:
    """A port of the old guide that stays closed."""

    ports: str
    origin: str
    why: str


def rules(wish: GroupsWish) -> list[Rule]:
    """All rules that let something in; what goes out is open, as Neutron makes every group.

    Raises:
        SurroundingsError: A source is no network.
    """
    users = wish.of_users
    added = "the hub's API; the old guide forgot it"
    between = "Jupyter, from the hub's proxy"
    return [
        *_outside(wish.hub, 80, wish.web_from, "leads people to https"),
        *_outside(wish.hub, 443, wish.web_from, "the hub's pages and all of Jupyter"),
        *_outside(wish.hub, 22, wish.ssh_from, "administrators; the way of the secrets to the hub"),
        Rule(wish.hub, wish.hub_port, wish.hub_port, source_group=users, why=added),
        Rule(
            users,
            FIRST_PORT,
            LAST_PORT,
            source_group=wish.hub,
            why=f"{between}; {_OWN}" if wish.single else between,
        ),
    ]


def _outside(group: str, port: int, sources: Sequence[str], why: str) -> Iterator[Rule]:
    for source in sources:
        yield Rule(group, port, port, source=network(source), why=why)


def network(text: str) -> str:
    """A network or an address, as Neutron wants it.

    Raises:
        SurroundingsError: It is neither.
    """
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise SurroundingsError(
            f"{text!r} is no network that a rule could open to: {error}.",
            hint="Write it as 192.0.2.0/24, 2001:db8::/32 or one address.",
        ) from None


def left_closed(wish: GroupsWish) -> list[Left]:
    """What the old guide opened, or what is often open, and stays closed here."""
    users = f"group {wish.of_users}"
    found = [
        Left("8000", users, "the proxy's pages: servers do not open them, people come by 443"),
        Left("8001", users, "the proxy's own API: who reaches it may redirect everybody's traffic"),
        Left("8080", users, "nothing of JupyterHub listens there"),
    ]
    if not wish.single:
        found.append(Left("all", f"{users}, in it", "nothing between users' servers"))
    return [each for each in found if each.ports != str(wish.hub_port)]


def table(wish: GroupsWish) -> list[tuple[str, str, str, str]]:
    """Group, ports, origin and reason: what is open, then what stays closed."""
    opened = [(each.group, f"tcp {each.ports}", each.origin, each.why) for each in rules(wish)]
    out = [(name, "all, outwards", "-", "the cloud's own default") for name in wish.names]
    closed = [("closed", f"tcp {each.ports}", each.origin, each.why) for each in left_closed(wish)]
    return [*opened, *out, *closed]


def unwanted(rule: Rule, wish: GroupsWish) -> str:
    """What to say of a rule that is in a group already and that nobody here asked for."""
    if rule.source_group and rule.source_group == rule.group == wish.users and not wish.single:
        return "users' servers reach each other by it"
    return "opened by somebody else; remove it where nobody needs it"
