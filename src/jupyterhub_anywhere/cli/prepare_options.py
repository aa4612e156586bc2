"""The options that say what is wanted of a cloud, for ``prepare`` and ``render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.prepare.wish import Wish

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_FILE = click.Path(dir_okay=False, path_type=Path)


def _option(*names: str, **more: Any) -> Callable[[_Command], _Command]:
    return click.option(*names, **more)


# In the order of the guide: credential, network, groups, image, sizes, hub.
_OPTIONS = (
    _option("--credential-name", default="jupyterhub-credentials", show_default=True,
            metavar="NAME", help="The application credential of the hub."),
    _option("--credential-days", default=365, show_default=True, type=click.IntRange(1, 3650),
            metavar="DAYS", help="How long it is valid."),
    _option("--renew-credential", "renew", is_flag=True, help="Make a new one in its place."),
    _option("--credential", "credential_file", type=_FILE, metavar="FILE",
            help="The clouds.yaml of one that was made in the web console; none is made then."),
    _option("--network", default="jupyterhub-net", show_default=True, metavar="NAME",
            help="The network, by name or id; one that is there is used."),
    _option("--cidr", default="10.90.0.0/22", show_default=True, metavar="NET",
            help="The addresses of a network that is made."),
    _option("--dns", multiple=True, metavar="ADDRESS",
            help="A resolver of a network that is made; may be repeated. Default: the cloud's."),
    _option("--router", default="jupyterhub-router", show_default=True, metavar="NAME",
            help="The router of a network that is made."),
    _option("--external", default="", metavar="NAME",
            help="The external network. Default: the only one."),
    _option("--no-router", is_flag=True, help="The network itself leads outside."),
    _option("--no-floating-ip", is_flag=True, help="The hub gets no floating IP."),
    _option("--hub-group", default="jupyterhub-secgroup", show_default=True, metavar="NAME",
            help="The security group of the hub."),
    _option("--user-group", default="userserver-secgroup", show_default=True, metavar="NAME",
            help="That of users' servers."),
    _option("--single-group", is_flag=True, help="One group for both, that of the hub."),
    _option("--from", "web_from", multiple=True, metavar="NET",
            help="Who reaches the hub's pages; may be repeated. Default: everybody."),
    _option("--ssh-from", multiple=True, metavar="NET",
            help="Who reaches its SSH; may be repeated. Default: everybody."),
    _option("--hub-port", default=8081, show_default=True, type=click.IntRange(1, 65535),
            help="Where users' servers reach the hub's API."),
    _option("--key", default="jupyterhub-sysadmin", show_default=True, metavar="NAME",
            help="The key pair of administrators."),
    _option("--public-key", type=_FILE, metavar="FILE",
            help="What it is made from, where there is none."),
    _option("--image", default="", metavar="NAME", help="The image of users' servers."),
    _option("--upload", type=_FILE, metavar="FILE", help="Upload it from this file."),
    _option("--disk-format", default="qcow2", show_default=True, metavar="FORMAT",
            help="The format of the file."),
    _option("--make-from", "base", default="", metavar="BASE",
            help="Make it: of this image, with Jupyter installed."),
    _option("--package", "packages", multiple=True, metavar="NAME",
            help="With --make-from: install this too; may be repeated."),
    _option("--untested", is_flag=True, help="Do not boot the image once to look into it."),
    _option("--flavor", "flavors", multiple=True, metavar="NAME",
            help="A size that users may choose; may be repeated. Default: all that fit."),
    _option("--servers", default=10, show_default=True, type=click.IntRange(1, 100000),
            metavar="COUNT", help="So many servers at the same time have to fit into the quota."),
    _option("--hub", default="jupyterhub", show_default=True, metavar="NAME",
            help="The machine of the hub."),
    _option("--no-hub", is_flag=True, help="Make no machine for the hub."),
    _option("--hub-image", default="", metavar="NAME",
            help="Its image, with Python 3.11 or newer. Default: that of --make-from, else of"
            " --image."),
    _option("--hub-flavor", default="", metavar="NAME",
            help="Its size. Default: the smallest with 2 vCPU and 2 GB."),
    _option("--domain", default="", metavar="HOST",
            help="The name that people open. Default: its address."),
    _option("--login", default="debian", show_default=True, metavar="NAME",
            help="The administrator's account of its image."),
    _option("--version", "version", default="", metavar="VERSION",
            help="The version of this program on it. Default: this one's."),
    _option("--index", default="", metavar="URL", help="The Python package index to install from."),
    _option("--wheels", default="", metavar="DIR",
            help="Install from these wheels instead: a folder here, or an address of one."),
    _option("--insecure", is_flag=True,
            help="Take --index or --wheels by plain http, too: whoever is on the way chooses what"
            " is installed."),
    _option("--minutes", default=30.0, show_default=True, type=click.FloatRange(min=0.1),
            help="How long a machine may take to install or test something."),
)  # fmt: skip


def wish_options(command: _Command) -> _Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wish_of(options: dict[str, Any]) -> Wish:
    """What the options say.

    Raises:
        AnywhereError: They do not go together, or a file of them cannot be read.
    """
    from jupyterhub_anywhere.prepare.wish import ANYWHERE, GroupsWish, NetworkWish, Wish

    o = options
    if not o["image"]:
        raise SurroundingsError(
            "Which image users' servers boot from is not said.", hint="Name it with --image NAME."
        )
    if o["upload"] and o["base"]:
        raise SurroundingsError(
            "An image is either uploaded or made.", hint="Leave out --upload or --make-from."
        )
    return Wish(
        image=_image(o),
        network=NetworkWish(
            name=o["network"],
            cidr=_cidr(o["cidr"]),
            dns=tuple(o["dns"]),
            router=o["router"],
            routed=not o["no_router"],
            external=o["external"],
            floating_ip=not (o["no_floating_ip"] or o["no_hub"]),
        ),
        groups=GroupsWish(
            hub=o["hub_group"],
            users=o["user_group"],
            single=o["single_group"],
            web_from=tuple(o["web_from"]) or ANYWHERE,
            ssh_from=tuple(o["ssh_from"]) or ANYWHERE,
            hub_port=o["hub_port"],
        ),
        install=_install(o),
        hub=_hub(o),
        credential=o["credential_name"],
        credential_days=o["credential_days"],
        renew=o["renew"],
        given=_given(o["credential_file"]),
        key=o["key"],
        public_key=_public_key(o["public_key"]),
        flavors=tuple(o["flavors"]),
        servers=o["servers"],
    )


def _cidr(text: str) -> str:
    from jupyterhub_anywhere.prepare.rules import network

    return network(text)


def _image(o: dict[str, Any]) -> Any:
    from jupyterhub_anywhere.prepare.wish import ImageWish

    return ImageWish(
        name=o["image"],
        upload=o["upload"],
        disk_format=o["disk_format"],
        base=o["base"],
        packages=tuple(o["packages"]),
        tested=not o["untested"],
        minutes=o["minutes"],
    )


def _install(o: dict[str, Any]) -> Any:
    from jupyterhub_anywhere.prepare.wish import Install

    found = Install(
        version=o["version"] or _version("jupyterhub-anywhere"),
        hub_version=_version("jupyterhub"),
        index=o["index"],
        wheels=o["wheels"],
        insecure=o["insecure"],
    )
    if found.plain and not found.insecure:
        name = "--index" if found.indexed else "--wheels"
        raise SurroundingsError(
            f"{name} is an address of plain http, from which pip installs nothing.",
            hint="Serve it by https; or say --insecure: whoever is on the way then chooses what"
            " machines run.",
        )
    return found


def _hub(o: dict[str, Any]) -> Any:
    from jupyterhub_anywhere.prepare.wish import HubWish

    return HubWish(
        name="" if o["no_hub"] else o["hub"],
        image=o["hub_image"],
        flavor=o["hub_flavor"],
        domain=o["domain"],
        login=o["login"],
        minutes=o["minutes"],
    )


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _given(file: Path | None) -> tuple[str, str] | None:
    if file is None:
        return None
    from jupyterhub_anywhere.prepare.login import credential_of

    return credential_of(file)


def _public_key(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SurroundingsError(
            f"{file} cannot be read: {reason.lower()}.", hint="Name another with --public-key FILE."
        ) from error
    if "PRIVATE KEY" in text or not text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise SurroundingsError(
            f"{file} is no public key of SSH.", hint="Name the one that ends with .pub."
        )
    return text
