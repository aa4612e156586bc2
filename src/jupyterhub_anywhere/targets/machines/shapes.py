"""What a machine is made from, as a fingerprint: where it is the same, servers may share it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.traits import MachineTraits

# Traits that go into the create call or into the user-data, and the account: of another one, nobody
# may be beside a server.
_TRAITS: Final = (
    *("image", "size", "networks", "key", "security_groups", "zone", "metadata", "config_drive"),
    *("floating_ip", "boot_volume", "home_volume", "home_volume_kind", "home_mount"),
    *("create_options", "configurer", "userdata_folder", "userdata_module", "userdata_name"),
    *("userdata_values", "account", "reach", "install"),
)
_LENGTH: Final = 16


def fingerprint(spawner: MachineTraits) -> str:
    """The fingerprint; the same for all servers that may be on one machine.

    What a template makes of the server's name or its user's choice is no part of it: the first
    server of a machine decides that.

    Args:
        spawner: Whose machine it is.
    """
    values: dict[str, Any] = {name: getattr(spawner, name) for name in _TRAITS}
    for name in ("networks", "security_groups"):
        # One name, or a list of one, is the same.
        values[name] = [values[name]] if isinstance(values[name], str) else list(values[name])
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
