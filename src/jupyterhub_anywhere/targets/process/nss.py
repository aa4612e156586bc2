"""A passwd entry for uids without an account, where libnss_wrapper is installed.

Without an entry most programs work, and ssh does not ("No user exists for uid"), so neither does
git over ssh.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.names import slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyterhub_anywhere.targets.process.identity import Identity

_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib")
_SYSTEM: Final = (("passwd", Path("/etc/passwd")), ("group", Path("/etc/group")))
_ODD: Final = re.compile(r"[:\n\r\0]")


def find_library(folders: Iterable[str] = _FOLDERS) -> str:
    """The path of libnss_wrapper; empty where it is not installed."""
    for folder in folders:
        for pattern in ("libnss_wrapper.so", "*-linux-*/libnss_wrapper.so"):
            for found in sorted(Path(folder).glob(pattern)):
                return str(found)
    return ""


def entries(identity: Identity) -> dict[str, str]:
    """The lines of a user for the passwd and the group file; empty for a name that breaks them."""
    fields = (identity.name, str(identity.home), identity.shell)
    if any(_ODD.search(field) for field in fields):
        return {}
    name, home, shell = fields
    return {
        "passwd": f"{name}:x:{identity.uid}:{identity.gid}::{home}:{shell}\n",
        "group": f"{name}:x:{identity.gid}:\n",
    }


def variables(identity: Identity, folder: Path, library: str) -> dict[str, str]:
    """Write the files, and return what makes a server use them.

    Args:
        identity: A user of the reserved range.
        folder: Where the files are kept; made, readable for all, as ``/etc/passwd`` is.
        library: The path of libnss_wrapper; empty returns nothing.

    Raises:
        TargetError: The folder cannot be written.
    """
    lines = entries(identity)
    if not library or not lines:
        return {}
    try:
        made = _write(folder, slug(identity.name), lines)
    except OSError as error:
        raise TargetError(
            f"The passwd entry of {identity.name!r} cannot be written: {error}.",
            hint=f"Look at the owner and free space of {folder}.",
        ) from error
    return {
        "LD_PRELOAD": library,
        "NSS_WRAPPER_PASSWD": made["passwd"],
        "NSS_WRAPPER_GROUP": made["group"],
    }


def _write(folder: Path, stem: str, lines: Mapping[str, str]) -> dict[str, str]:
    folder.mkdir(mode=0o711, exist_ok=True)
    folder.chmod(0o711)
    made = {}
    for kind, system in _SYSTEM:
        path = folder / f"{stem}.{kind}"
        # Two servers of one user may start at once.
        new = folder / f".{stem}.{kind}.{secrets.token_hex(4)}"
        new.write_text(system.read_text(errors="replace") + lines[kind], "utf-8")
        new.chmod(0o644)
        new.replace(path)
        made[kind] = str(path)
    return made
