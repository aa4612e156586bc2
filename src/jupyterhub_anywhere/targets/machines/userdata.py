"""What a machine's first boot gets: the configurer's part and the launcher's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.machines import compose, configure
from jupyterhub_anywhere.targets.machines.compose import Part
from jupyterhub_anywhere.targets.machines.traits import NONE, account_of, port_range

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.core import MachineCore

# Bytes of user-data that clouds take, by libcloud's driver: Nova 65535 once it is base64, EC2 16
# KiB before that (their API references), GCE 256 KiB for one value of metadata.
MOST: Final = {"openstack": 49_149, "ec2": 16_384, "gce": 262_144}


def values_of(spawner: MachineCore) -> dict[str, Any]:
    """What templates can use; nothing of it is secret."""
    first, last = port_range(spawner.ports) or (0, 0)
    return {
        "user": spawner.user.name,
        "server": spawner.name or "",
        "account": account_of(spawner.account, spawner.user.name),
        "machine": spawner.resource,
        "hub_url": spawner.hub_url,
        "image": spawner.image,
        "size": spawner.size,
        "first_port": first,
        "last_port": last,
        "home_volume": spawner.home_volume,
        "home_mount": spawner.home_mount,
        "make_account": spawner.make_account,
        "user_options": dict(spawner.user_options or {}),
        **spawner.userdata_values,
    }


def of(spawner: MachineCore, boot: str) -> str:
    """The user-data of a start.

    Args:
        spawner: Whose.
        boot: The launcher's script.

    Raises:
        TargetError: A template cannot be rendered, or the whole is too long for the cloud.
    """
    values, parts = values_of(spawner), []
    if spawner.home_volume:
        parts.append(Part("home.sh", configure.render("", "", "home.sh.j2", values)))
    configured = spawner.configured(values)
    if configured:
        parts.append(Part(spawner.userdata_name.removesuffix(".j2") or "configure", configured))
    text = compose.composed([*parts, Part("anywhere.sh", boot)])
    declared = getattr(spawner.cloud, "userdata_limit", None)
    most = declared if isinstance(declared, int) else MOST.get(spawner.driver, 0)
    compose.check_size(text, most, spawner.title)
    return text


def configured(spawner: MachineCore, values: dict[str, Any]) -> str:
    """The configurer's part; empty for none.

    Raises:
        TargetError: The template is not named, is not there, or cannot be rendered.
    """
    if spawner.configurer == NONE:
        return ""
    name = spawner.userdata_name or f"{spawner.configurer}.j2"
    folder, module = spawner.userdata_folder, spawner.userdata_module
    target = spawner.anywhere_target
    if folder and target is not None:
        folder = str(target.site.base / folder)
    return configure.render(folder, module, name, values)
