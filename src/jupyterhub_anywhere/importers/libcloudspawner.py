"""LibcloudSpawner's configuration, of both generations, as a target and a profile."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.importers import spawners
from jupyterhub_anywhere.importers.libcloud_hub import hub_address
from jupyterhub_anywhere.importers.libcloud_options import NEW, gather, is_set, unknown
from jupyterhub_anywhere.importers.libcloud_site import TARGET, declare
from jupyterhub_anywhere.importers.values import class_name

if TYPE_CHECKING:
    from jupyterhub_anywhere.importers.reading import OldConfig
    from jupyterhub_anywhere.importers.result import Imported

_CLASS: Final = "LibcloudSpawner"
MACHINES: Final = "jupyterhub_anywhere.targets.machines.spawner.MachineSpawner"


def recognises(old: OldConfig) -> bool:
    """Whether a file is one of LibcloudSpawner's, by its spawner or by what it sets."""
    used = old.section("JupyterHub").get("spawner_class")
    name = class_name(used) or (used if isinstance(used, str) else "")
    # The example of upstream has it as libcloudspawner.spawner.libcloudSpawner, which never loaded.
    return name.rpartition(".")[2].lower() == _CLASS.lower() or is_set(old.sections)


def convert(old: OldConfig, *, hostname: str = "") -> Imported:
    """Make a target and a profile of what was set for LibcloudSpawner.

    Args:
        old: The old configuration.
        hostname: The name of the hub's machine; default: this one's.

    Returns:
        The new configuration, which `anywhere check` accepts where nothing that it needs is left.
    """
    found = gather(old.sections)
    hub = old.section("JupyterHub")
    out = declare(found, hub_address(hub, hostname or socket.getfqdn()))
    check_traits(out)
    for name in sorted(NEW & found.own.keys()):
        why = "it is an option of the class jupyterhub_anywhere.compat.LibcloudSpawner alone."
        out.leave(f"LibcloudSpawner.{name}", why)
    if _cloud(out).get("key"):
        out.told.append(
            "The password stands in the new file, which only you can read; {file: PATH} or"
            " {env: NAME} in its place keeps it out."
        )
    _whole(out, old)
    return out


def _cloud(out: Imported) -> dict[str, Any]:
    found: dict[str, Any] = out.data["targets"][TARGET]
    return found


def check_traits(out: Imported) -> None:
    """Leave out what the spawner of machines does not take, and say so."""
    cls = spawners.find_class(MACHINES)
    settings = _cloud(out)["spawner"]
    for name in list(settings):
        reason = spawners.refusal(cls, name, settings[name])
        if not reason:
            continue
        source = out.sources.pop(("targets", TARGET, "spawner", name), name)
        del settings[name]
        if "has no trait" in reason:
            reason = unknown(name, sorted(spawners.traits_of(cls)))
        out.leave(source, reason, "Correct it, or take it out.")


def _whole(out: Imported, old: OldConfig) -> None:
    profile = next(iter(out.data["profiles"].values()))
    needed = ("auth_url", "user", "key")
    if len(profile["options"]) < 2 or any(not _cloud(out).get(name) for name in needed):  # noqa: PLR2004 - image and size
        # Half a target would only be refused: what is missing is told.
        out.data = {}
    if old.failure:
        out.leave(
            str(old.file),
            f"it could not be run to its end ({old.failure}); only plain values were read.",
            "Run the import where the old hub runs, in its environment.",
        )
    known = {"libcloudspawner"}
    out.told += [
        f"The Python package {module} is not installed here."
        for module in old.missing
        if module not in known
    ]
