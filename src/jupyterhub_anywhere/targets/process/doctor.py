"""What ``anywhere doctor`` looks at for servers in processes of this machine."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.quantities import format_memory
from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.process import nss
from jupyterhub_anywhere.targets.process.probe import Probe, probe_server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_anywhere.targets.process.environment import Prefix
    from jupyterhub_anywhere.targets.process.limits import Enforcement

_LEAST_DISK: Final = 1 << 30
_LEAST_FILES: Final = 4096
_LEAST_PROCESSES: Final = 1024


def python_findings(subject: str, probe: Probe, hub_version: str) -> list[Finding]:
    """Whether the server's Python runs, and has what a server needs."""
    if not probe.ok:
        return [Finding(Level.ERROR, subject, probe.message, probe.cure)]
    found = probe.versions.get("jupyterhub", "")
    if not found:
        cure = f"Install jupyterhub=={hub_version} in it."
        return [Finding(Level.ERROR, subject, f"{probe.message} It has no JupyterHub.", cure)]
    if found.partition(".")[0] != hub_version.partition(".")[0]:
        text = f"{probe.message} The hub is JupyterHub {hub_version}."
        return [Finding(Level.ERROR, subject, text, f"Install jupyterhub=={hub_version} in it.")]
    if "jupyterlab" not in probe.versions:
        text = f"{probe.message} It has no JupyterLab."
        return [Finding(Level.WARNING, subject, text, "Install jupyterlab in it.")]
    return [Finding(Level.OK, subject, probe.message)]


def limit_findings(subject: str, held: Enforcement) -> list[Finding]:
    """Whether limits are enforced."""
    missing = held.missing()
    if not missing:
        return [Finding(Level.OK, subject, f"Memory and CPU limits are enforced {held.how}.")]
    text = f"{missing[0].upper()}{missing[1:]}: {held.how}."
    return [
        Finding(
            Level.WARNING,
            subject,
            text,
            "Run the hub as root, or where systemd runs for this account.",
        )
    ]


def folder_findings(subject: str, folders: Iterable[Path]) -> list[Finding]:
    """Whether folders can be written, and have space left."""
    found = []
    for folder in folders:
        there = _nearest_existing(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            cure = f"Run `chown {os.geteuid()} {there}`, or choose another state folder."
            found.append(Finding(Level.ERROR, subject, f"{folder} cannot be written.", cure))
            continue
        free = shutil.disk_usage(there).free
        unit = 30 if free >= _LEAST_DISK else 20
        text = f"{folder} can be written; {format_memory(free >> unit << unit)} free."
        if free < _LEAST_DISK:
            found.append(Finding(Level.WARNING, subject, text, "Make room on that disk."))
        else:
            found.append(Finding(Level.OK, subject, text))
    return found


def rlimit_findings(subject: str) -> list[Finding]:
    """Whether the hub's own limits, which servers inherit, leave room to work."""
    found = []
    for name, number, least in (
        ("open files", resource.RLIMIT_NOFILE, _LEAST_FILES),
        ("processes", resource.RLIMIT_NPROC, _LEAST_PROCESSES),
    ):
        _, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY and hard < least:
            text = f"At most {hard} {name}; servers with many kernels want {least}."
            cure = "Raise it in /etc/security/limits.conf or in the unit of the hub."
            found.append(Finding(Level.WARNING, subject, text, cure))
    return found or [Finding(Level.OK, subject, "Open files and processes have room.")]


def privacy_findings(subject: str, mounts: str) -> list[Finding]:
    """What users see of each other's processes, and whether ssh knows them (as root)."""
    options = next(
        (line.split()[3] for line in mounts.splitlines() if line.split()[1:2] == ["/proc"]), ""
    )
    hidden = any(each in options.split(",") for each in ("hidepid=2", "hidepid=invisible"))
    text = (
        "Users do not see each other's processes."
        if hidden
        else "Users see the names of each other's processes, never their environment."
    )
    cure = "" if hidden else "If that matters: mount -o remount,hidepid=invisible /proc"
    found = [Finding(Level.OK, subject, text, cure)]
    if not nss.find_library():
        text = "ssh, and git over ssh, do not work for users without an account here."
        found.append(Finding(Level.OK, subject, text, "apt-get install libnss-wrapper"))
    return found


def collect(  # noqa: PLR0913 - what was asked before, in one place
    target: str,
    *,
    prefix: Prefix | None,
    hub_version: str,
    probe_uid: int | None,
    held: Enforcement,
    folders: Iterable[Path],
) -> list[Finding]:
    """Everything, in the order it is shown. Blocks for seconds.

    Args:
        target: The target's name.
        prefix: The environment that servers come from; None for a command of the site's own.
        hub_version: The hub's JupyterHub.
        probe_uid: Whom to try the environment as; None for the account of this process.
        held: Which limits are enforced.
        folders: What the hub writes to.
    """
    found: list[Finding] = []
    if prefix is not None:
        probe = probe_server(None if prefix.own else prefix.path, probe_uid)
        found += python_findings(f"target {target}: the server's Python", probe, hub_version)
    found += limit_findings(f"target {target}: limits", held)
    found += folder_findings(f"target {target}: folders", folders)
    found += rlimit_findings(f"target {target}: system limits")
    if probe_uid is not None:
        try:
            mounts = Path("/proc/self/mounts").read_text()
        except OSError:
            mounts = ""
        found += privacy_findings(f"target {target}: users", mounts)
    return found


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
