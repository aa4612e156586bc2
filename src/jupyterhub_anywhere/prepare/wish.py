"""What is wanted of a project: names, sizes and sources, with the guide's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.names import slug

if TYPE_CHECKING:
    from pathlib import Path

ANYWHERE: Final = ("0.0.0.0/0",)
HUB_PORT: Final = 8081
FIRST_PORT: Final = 8000
LAST_PORT: Final = 8999
HUB_CPUS: Final = 2
HUB_MEMORY: Final = 2048
"""MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWish:
    """The network of the hub and of its users' servers.

    Attributes:
        name: Name or id; one of that name is used, else it is made.
        cidr: The addresses of a subnet that is made.
        dns: Its resolvers; empty for those of the cloud's own DHCP.
        router: The name of a router that is made.
        routed: Whether a router to the external network is wanted at all.
        external: Name or id of the external network; empty where there is only one.
        floating_ip: Whether the hub gets a floating IP.
    """

    name: str = "jupyterhub-net"
    cidr: str = "10.90.0.0/22"
    dns: tuple[str, ...] = ()
    router: str = "jupyterhub-router"
    routed: bool = True
    external: str = ""
    floating_ip: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsWish:
    """Who may reach what.

    Attributes:
        hub: The security group of the hub.
        users: That of users' servers.
        single: One group for both, of the name `hub`.
        web_from: Networks that reach the hub's pages.
        ssh_from: Networks that reach its SSH.
        hub_port: Where users' servers reach the hub's API.
    """

    hub: str = "jupyterhub-secgroup"
    users: str = "userserver-secgroup"
    single: bool = False
    web_from: tuple[str, ...] = ANYWHERE
    ssh_from: tuple[str, ...] = ANYWHERE
    hub_port: int = HUB_PORT

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, the hub's first."""
        return (self.hub,) if self.single else (self.hub, self.users)

    @property
    def of_users(self) -> str:
        """The group that users' servers get."""
        return self.hub if self.single else self.users


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWish:
    """The image of users' servers: it is there, or uploaded, or made from another one.

    Attributes:
        name: Name or id of the image.
        upload: A file with it.
        disk_format: The file's format.
        base: The image that it is made from.
        packages: What is installed besides, as `pip` takes it.
        tested: Whether it is booted once, to see what is in it.
        flavor: The flavor of the machine that tests or makes it; empty for the smallest that fits.
        minutes: How long that machine may take.
    """

    name: str
    upload: Path | None = None
    disk_format: str = "qcow2"
    base: str = ""
    packages: tuple[str, ...] = ()
    tested: bool = True
    flavor: str = ""
    minutes: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Where this program and Jupyter come from.

    Attributes:
        version: Of this program; empty for the newest.
        hub_version: Of JupyterHub, in an image that is made.
        index: A Python package index; empty for the default one.
        wheels: A folder of wheels here, handed over by SSH; or an address of one.
        insecure: Whether plain http will do for either: whoever is on the way chooses what comes.
    """

    version: str = ""
    hub_version: str = ""
    index: str = ""
    wheels: str = ""
    insecure: bool = False

    @property
    def carried(self) -> bool:
        """Whether the wheels lie in a folder of this machine."""
        return bool(self.wheels) and "://" not in self.wheels

    @property
    def indexed(self) -> bool:
        """Whether machines that were given no wheels install from an index."""
        return self.carried or not self.wheels

    @property
    def source(self) -> str:
        """The address that they install from; empty for pip's own."""
        return self.index if self.indexed else self.wheels

    @property
    def plain(self) -> bool:
        """Whether that address is one of plain http."""
        return urlsplit(self.source).scheme == "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubWish:
    """The machine of the hub itself.

    Attributes:
        name: Its name; empty for no machine.
        image: Name or id of its image; empty for that which the users' image is made from, else
            the users' image.
        flavor: Empty for the smallest that suffices.
        domain: The name that people open; empty for its address.
        login: The account that its image has for administrators.
        minutes: How long its first boot may take.
    """

    name: str = "jupyterhub"
    image: str = ""
    flavor: str = ""
    domain: str = ""
    login: str = "debian"
    minutes: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that is wanted.

    Attributes:
        credential: The name of the application credential.
        credential_days: How long it is valid.
        renew: Whether a new one is made though the old one is still valid.
        given: Id and secret of one that somebody made by hand; None to make one.
        key: The name of the key pair.
        public_key: The public key, as ssh-keygen writes it; empty where the key pair is there.
        flavors: What users may choose; empty for all that the image fits in.
        servers: How many servers are wanted at the same time.
    """

    image: ImageWish
    network: NetworkWish = field(default_factory=NetworkWish)
    groups: GroupsWish = field(default_factory=GroupsWish)
    install: Install = field(default_factory=Install)
    hub: HubWish = field(default_factory=HubWish)
    credential: str = "jupyterhub-credentials"
    credential_days: int = 365
    renew: bool = False
    given: tuple[str, str] | None = field(default=None, repr=False)
    key: str = "jupyterhub-sysadmin"
    public_key: str = ""
    flavors: tuple[str, ...] = ()
    servers: int = 10

    @property
    def hub_image(self) -> str:
        """The image that the hub's machine boots from."""
        return self.hub.image or self.image.base or self.image.name


def builder_name(image: str, task: str) -> str:
    """The name of the machine that tests or makes an image, and goes away again."""
    return f"anywhere-{task}-{slug(image, length=40)}"
