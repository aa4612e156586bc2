"""Stopping idle servers: jupyterhub-idle-culler as a service, with no more rights than it needs."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.config.models import Cull

SERVICE: Final = "idle-culler"
# By its README: whom to look at, since when, which servers, and to stop them.
SCOPES: Final = ("list:users", "read:users:activity", "read:servers", "delete:servers")
_SELDOM: Final = 600.0
# A service has to end with its hub, also with one that is killed: the kernel sees to it, unless
# the hub went before this line was reached. The log takes the place of the hub's terminal.
_TETHERED: Final = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(0)
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(log, 1)
os.dup2(log, 2)
os.execv(sys.argv[3], sys.argv[3:])
"""


def culling(cull: Cull, log: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The service and its role.

    Args:
        cull: What was declared.
        log: The file that the service writes to.

    Returns:
        Entries for ``JupyterHub.services`` and ``JupyterHub.load_roles``.

    Raises:
        SurroundingsError: The culler is not installed.
    """
    if importlib.util.find_spec("jupyterhub_idle_culler") is None:
        raise SurroundingsError(
            "hub.cull needs jupyterhub-idle-culler, which is not installed.",
            hint='Install it with: pip install "jupyterhub-anywhere[hub]"',
        )
    every = cull.every if cull.every is not None else min(cull.idle / 2, _SELDOM)
    command = [
        *(sys.executable, "-m", "jupyterhub_idle_culler"),
        f"--timeout={max(round(cull.idle), 1)}",
        f"--cull-every={max(round(every), 1)}",
    ]
    if cull.max_age is not None:
        command.append(f"--max-age={max(round(cull.max_age), 1)}")
    tethered = [sys.executable, "-I", "-c", _TETHERED, str(os.getpid()), str(log), *command]
    service = {"name": SERVICE, "command": tethered}
    role = {"name": SERVICE, "scopes": list(SCOPES), "services": [SERVICE]}
    return service, role
