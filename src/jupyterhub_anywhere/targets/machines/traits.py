"""The traits of servers on machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from traitlets import Bool, Dict, Enum, Integer, List, TraitError, Unicode, Union, default

from jupyterhub_anywhere.core.names import slug
from jupyterhub_anywhere.targets.machines.job import plain_sources

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyterhub.spawner import Spawner as _Base

    _Keys = Dict[str, Any]
else:
    # JupyterHub takes no subclass of Spawner that lacks a part; these parts are mixed into one.
    from traitlets import HasTraits as _Base

    # What it holds is known to mypy only.
    _Keys = Dict

DELETE: Final = "delete"
NONE, CLOUD_INIT, SCRIPT = "none", "cloud-init", "script"
DIRECT, DIAL = "direct", "dial"
AUTO, PUBLIC, PRIVATE = "auto", "public", "private"
_ACCOUNT: Final = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_ACCOUNT_LENGTH: Final = 32
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_LAST_PORT: Final = 65535
_INSTALL: Final[dict[str, type]] = {
    "enabled": bool,
    "index": str,
    "wheels": str,
    "packages": list,
    "insecure": bool,
}
_WORDS: Final = {bool: "true or false", str: "a text", list: "a list"}


class Ports(Unicode[str, str]):
    """One port or a range of ports, as text."""

    info_text = "one port or a range, as 8000-8999"

    def validate(self, obj: Any, value: Any) -> str:
        """The text.

        Raises:
            TraitError: It is none.
        """
        text = str(super().validate(obj, value)).strip()
        if not port_range(text):
            raise TraitError("ports are one port or a range, as 8000-8999")
        return text


class Account(Unicode[str, str]):
    """The name of an account, never root's; may be empty."""

    info_text = "the name of an account, not root"

    def validate(self, obj: Any, value: Any) -> str:
        """The name.

        Raises:
            TraitError: It can be none.
        """
        text = str(super().validate(obj, value))
        if text == "root":
            raise TraitError("servers never run as the superuser")
        if text and not _ACCOUNT.fullmatch(text):
            raise TraitError("that can be no name of an account")
        return text


class Install(_Keys):
    """What is installed on machines without Jupyter, and from where."""

    info_text = "keys of install: enabled, index, wheels, packages, insecure"

    def validate(self, obj: Any, value: Any) -> dict[str, Any]:
        """The keys, none of them unknown.

        Raises:
            TraitError: One is unknown, is of another type, or would be fetched where anybody on
                the way can change it and nobody said that this may be.
        """
        found: dict[str, Any] = dict(super().validate(obj, value) or {})
        for name, each in found.items():
            kind = _INSTALL.get(name)
            if kind is None:
                raise TraitError(f"install has no {name!r}; it has {', '.join(_INSTALL)}")
            if not isinstance(each, kind):
                raise TraitError(f"{name} of install is {_WORDS[kind]}, not {each!r}")
        plain = plain_sources(found)
        if plain and not found.get("insecure"):
            raise TraitError(
                f"{plain[0]} of install is plain http, so anybody on the way chooses what machines"
                " run as root. Use https, or say insecure: true"
            )
        return found


class CloudTraits(_Base):
    """Which cloud; set by the target, or by the configuration where the spawner is used alone."""

    provider = Unicode(
        "libcloud",
        help="What makes machines: `libcloud`, or a provider that a package brings.",
    ).tag(config=True)
    driver = Unicode("openstack", help="libcloud's driver, as `openstack` or `ec2`.").tag(
        config=True
    )
    driver_params = Dict(
        help="For use without a target: the parameters of the provider, as `{'user': …, 'key': …,"
        " 'auth_url': …, 'region': …, 'verify': True}`; all others go to the driver as they are.",
    ).tag(config=True)
    hub_ca = Unicode(
        help="For use without a target: a file (PEM) with the authority that signed the certificate"
        " of the hub's address. Default: the authorities that the machine's system trusts.",
    ).tag(config=True)
    insecure_http = Bool(
        default_value=False,
        help="For use without a target: let machines reach the hub by plain http, where everybody"
        " on the way may read what their servers get, tokens included.",
    ).tag(config=True)


class MachineTraits(CloudTraits):
    """Set under ``spawner:``, by a profile, or in a section of the hub's configuration."""

    # Set by AnywhereSpawner before a start: the lease that the machine is made for, the id of the
    # API token that its server gets, and what takes down what is known before it is made.
    anywhere_lease = ""
    anywhere_token: int | None = None
    anywhere_progress: Callable[..., Awaitable[None]] | None = None

    image = Unicode(help="The image of the machine, by name or id.").tag(config=True)
    size = Unicode(help="The size of the machine (flavor, instance type), by name or id.").tag(
        config=True
    )
    networks = Union(
        [List(Unicode()), Unicode()],
        help="The networks of the machine, by name or id, in order. Default: the cloud's choice.",
    ).tag(config=True)
    key = Unicode(
        help="The key pair whose public key the machine gets, by name. Default: none.",
    ).tag(config=True)
    security_groups = Union(
        [List(Unicode()), Unicode()],
        help="The security groups of the machine, by name. Default: the cloud's.",
    ).tag(config=True)
    zone = Unicode(help="The availability zone. Default: the cloud's choice.").tag(config=True)
    metadata = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help="Metadata of the machine, beside the marks that say whose it is.",
    ).tag(config=True)
    config_drive = Bool(
        default_value=None,
        allow_none=True,
        help="Whether the machine gets a config drive. Default: the cloud's choice.",
    ).tag(config=True)
    floating_ip = Unicode(
        help="The pool, or external network, of a floating IP. Default: none is asked for.",
    ).tag(config=True)
    boot_volume = Integer(
        0, min=0, help="GiB of a volume to boot from; it ends with the machine. 0: none."
    ).tag(config=True)
    home_volume = Integer(
        0,
        min=0,
        help="GiB of a volume for the user's home, made once and attached to each machine of the"
        " user. It outlives them. 0: none.",
    ).tag(config=True)
    home_volume_kind = Unicode(help="The cloud's volume type of it.").tag(config=True)
    home_mount = Unicode("/home", help="Where the volume is mounted on the machine.").tag(
        config=True
    )
    delete_volumes = Bool(
        default_value=False,
        help="Remove the home volume when the user is deleted. Default: it is kept.",
    ).tag(config=True)
    create_options = Dict(
        help="Further arguments of the provider's own call that makes a machine, as they are.",
    ).tag(config=True)

    configurer = Enum(
        [NONE, CLOUD_INIT, SCRIPT],
        default_value=NONE,
        help="What the machine's first boot runs before the server: nothing, a cloud-init document"
        " from a template, or a script from a template.",
    ).tag(config=True)
    userdata_folder = Unicode(help="The folder of the templates.").tag(config=True)
    userdata_module = Unicode(
        help="A Python module whose `data/` has the templates. Default: those that are shipped.",
    ).tag(config=True)
    userdata_name = Unicode(help="The template's file name, as `lab.yaml.j2`.").tag(config=True)
    userdata_values = Dict(help="Further values for the template.").tag(config=True)

    account = Account(
        help="The account that servers run as on the machine. Default: the user's name.",
    ).tag(config=True)
    make_account = Bool(
        default_value=True,
        help="Make the account, with a home and no password, where the machine has none.",
    ).tag(config=True)
    install = Install(
        help="Where `jupyterhub-singleuser` is missing on the machine, or too old, it is installed:"
        " from `index` (a URL), or `wheels` (a URL or a folder of the machine) and nothing else"
        " where no index is named, or where the machine's pip looks; together with `packages`"
        " (default: `[jupyterlab]`). `insecure: true` lets these URLs be plain http."
        " `enabled: false`: nothing is installed, such a machine is refused.",
    ).tag(config=True)

    ports = Ports(
        "8000-8999",
        help="Where servers listen on the machine: the first free port of these, as `8000-8999`,"
        " or one port.",
    ).tag(config=True)
    reach = Enum(
        [DIRECT, DIAL],
        default_value=DIRECT,
        help="How the hub reaches a server: at the machine's address, or through a connection that"
        " the machine opens to the hub.",
    ).tag(config=True)
    address = Enum(
        [AUTO, PUBLIC, PRIVATE],
        default_value=AUTO,
        help="Which address the hub reaches a server at. `auto`: the public one where a floating IP"
        " was asked for or there is no other, else the private one.",
    ).tag(config=True)
    family = Enum(
        [4, 6], default_value=4, help="Addresses of IPv4 or IPv6 first, where there are both."
    ).tag(config=True)

    on_stop = Enum(
        [DELETE, "stop", "suspend", "shelve"],
        default_value=DELETE,
        help="What becomes of the machine when its server is stopped. All but `delete` keep it with"
        " what is on its disk, and start it again.",
    ).tag(config=True)
    share_machine = Bool(
        default_value=False,
        help="Let servers of one user at one target run on one machine, where what it is made from"
        " (image, size, networks, …) is the same. Only with `on_stop: delete`.",
    ).tag(config=True)
    bind_ticket = Bool(
        default_value=True,
        help="Take a machine's ticket from its own addresses only, as soon as the cloud tells them."
        " Switch it off where machines reach the hub through a proxy or a router that puts its own"
        " address in place of theirs.",
    ).tag(config=True)
    ticket_seconds = Integer(
        0,
        min=0,
        help="Seconds in which a new machine has to ask for its server. 0: until the start's own"
        " deadline.",
    ).tag(config=True)
    report_every = Integer(
        30, min=1, help="Seconds between two reports of a machine whose server runs."
    ).tag(config=True)
    patience = Integer(
        3600,
        min=60,
        help="Seconds without a word from the hub after which a machine stops its server.",
    ).tag(config=True)

    @default("start_timeout")
    def _machines_take_longer(self) -> int:
        return 600

    @default("will_resume")
    def _keeps_what_rests(self) -> bool:
        # The token in a kept machine is not used again: each start hands out a new one.
        return False

    @default("cmd")
    def _of_the_hub(self) -> list[str]:
        return ["jupyterhub-singleuser"]

    @property
    def makes_to_stay(self) -> bool:
        """Whether a machine that is made now is to stay when its server has ended."""
        return bool(self.on_stop != DELETE)


def port_range(text: str) -> tuple[int, int] | None:
    """First and last of ``8000-8999`` or ``8000``; None where it is neither."""
    found = _PORTS.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    return (first, last) if 0 < first <= last <= _LAST_PORT else None


def account_of(declared: str, user: str) -> str:
    """The account that a user's servers run as.

    A user's name that can be no account's, as ``ann@example.org``, becomes a slug with a hash, so
    that two users never have one account.

    Args:
        declared: The trait; empty for the user's own.
        user: The user's name.
    """
    if declared:
        return declared
    if _ACCOUNT.fullmatch(user) and user != "root":
        return user
    return f"u-{slug(f'{user}/', length=_ACCOUNT_LENGTH - 2)}"


def listed(value: str | list[str]) -> tuple[str, ...]:
    """Names of a trait that takes one or several."""
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(value)
