"""Trying a server's Python as the user that will run it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.process.environment import SYSTEM_PATH, Prefix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS: Final = 60.0
PACKAGES: Final = ("jupyterhub", "jupyterlab", "jupyter_server", "ipykernel")
_PROGRAM: Final = f"""
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {{"python": sys.version.split()[0]}}
for name in {PACKAGES!r}:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of trying a Python.

    Attributes:
        ok: Whether that user can run it.
        message: What was found, naming the path.
        cure: What to do; empty when nothing has to be done.
        versions: ``python`` and each of `PACKAGES` that is there, to its version.
    """

    ok: bool
    message: str
    cure: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def blocked_at(path: Path, uid: int) -> Path | None:
    """The first folder on the way to a path that a user without groups cannot enter.

    Args:
        path: An absolute path; links in it are followed.
        uid: The user.
    """
    for start in dict.fromkeys((path, path.resolve())):
        for folder in [*reversed(start.parents)]:
            try:
                info = folder.stat()
            except OSError:
                return folder
            enters = 0o100 if info.st_uid == uid else 0o001
            if not info.st_mode & enters:
                return folder
    return None


def probe_server(prefix: Path | None = None, uid: int | None = None) -> Probe:
    """Run the Python of an environment as a user, and ask for its versions. Blocks for a while.

    Args:
        prefix: The environment; None for the hub's own.
        uid: The user, by number, without groups; None for the account of this process.
    """
    python = Prefix.named(str(prefix) if prefix else "").python
    who = "this account" if uid is None else f"uid {uid}"
    switched: dict[str, Any] = (
        {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    )
    try:
        done = subprocess.run(  # noqa: S603 - argument list, no shell
            [str(python), "-I", "-c", _PROGRAM],
            env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            **switched,
        )
    except subprocess.TimeoutExpired:
        return Probe(ok=False, message=f"{python} gave no answer in {_SECONDS:g} seconds.")
    except OSError as error:
        return _refused(python, who, uid, error.strerror or str(error))
    try:
        versions = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return _refused(python, who, uid, last or f"exit status {done.returncode}")
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Probe(ok=True, message=f"{python} runs as {who}: {found}.", versions=versions)


def _refused(python: Path, who: str, uid: int | None, reason: str) -> Probe:
    wall = blocked_at(python, os.geteuid() if uid is None else uid)
    if wall is None:
        return Probe(
            ok=False,
            message=f"{python} cannot be executed by {who}: {reason}.",
            cure="Make the environment anew, or name another one in `prefix`.",
        )
    return Probe(
        ok=False,
        message=f"{python} cannot be executed by {who}, who cannot enter {wall}: {reason}.",
        cure="Put the environment where every user may read it, as under /opt, and start the hub"
        " from there.",
    )
