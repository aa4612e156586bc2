"""The environment that a server starts in, and the Python environment that it comes from.

Nothing of the hub's own environment reaches a server but its language and its time zone.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.targets.process.identity import Identity

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STANDARD_COMMAND: Final = "jupyterhub-singleuser"
_POOR_LOCALES: Final = frozenset({"", "C", "POSIX"})
_DIST_INFO: Final = re.compile(r"jupyterhub-(\d+)\.([^-]*)\.dist-info")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A Python environment: a venv, a conda prefix, or the hub's own.

    Attributes:
        path: Its folder.
    """

    path: Path

    @classmethod
    def named(cls, text: str, base: str = "") -> Prefix:
        """The environment in a folder, an empty text for the hub's own.

        Args:
            text: The folder.
            base: Where a relative one starts from.
        """
        return cls(Path(base, Path(text).expanduser()) if text else Path(sys.prefix))

    @property
    def own(self) -> bool:
        """Whether it is the environment of the hub itself."""
        return self.path == Path(sys.prefix)

    @property
    def bin(self) -> Path:
        """Its folder of programs."""
        return self.path / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter, whether it is there or not."""
        for name in ("python", "python3"):
            if (self.bin / name).exists():
                return self.bin / name
        return Path(sys.executable) if self.own else self.bin / "python"

    @property
    def conda(self) -> bool:
        """Whether conda made it."""
        return (self.path / "conda-meta").is_dir()

    def jupyterhub_version(self) -> str:
        """The version of the JupyterHub in it, by its files alone; empty when not found."""
        for folder in sorted(self.path.glob("lib/python3*/site-packages")):
            for entry in sorted(folder.glob("jupyterhub-*.dist-info")):
                match = _DIST_INFO.fullmatch(entry.name)
                if match:
                    return f"{match[1]}.{match[2]}"
        return ""

    def variables(self) -> dict[str, str]:
        """What says to the programs in it where they are."""
        if self.conda:
            return {"CONDA_PREFIX": str(self.path), "CONDA_DEFAULT_ENV": self.path.name}
        if (self.path / "pyvenv.cfg").exists():
            return {"VIRTUAL_ENV": str(self.path)}
        return {}


def check_prefix(prefix: Prefix, hub_version: str) -> None:
    """Refuse an environment that cannot run a server of this hub.

    Raises:
        TargetError: Naming the path and what is wrong with it.
    """
    if not prefix.path.is_absolute():
        raise TargetError(
            f"The environment {prefix.path} is no absolute path.",
            hint="Write `prefix` with a / in front.",
        )
    if not prefix.path.is_dir():
        raise TargetError(
            f"The environment {prefix.path} does not exist.",
            hint="Make it, or correct `prefix` of the target or the choice.",
        )
    if not prefix.python.exists():
        raise TargetError(
            f"The environment {prefix.path} has no {prefix.python}.",
            hint="Name the folder of a venv or of a conda environment.",
        )
    version = prefix.jupyterhub_version()
    if not version and not (prefix.bin / STANDARD_COMMAND).exists():
        raise TargetError(
            f"The environment {prefix.path} has no JupyterHub.",
            hint=f"Run `{prefix.python} -m pip install 'jupyterhub=={hub_version}' jupyterlab`.",
        )
    if version and version.partition(".")[0] != hub_version.partition(".")[0]:
        raise TargetError(
            f"The environment {prefix.path} has JupyterHub {version}, and this hub is"
            f" {hub_version}: the first numbers have to be the same.",
            hint=f"Run `{prefix.python} -m pip install 'jupyterhub=={hub_version}'`.",
        )


class CommandError(TargetError):
    """There is no such program as a server is to run."""


def resolve_command(cmd: Sequence[str], prefix: Prefix, path: str) -> list[str]:
    """The command of a server, its first word made a path.

    Args:
        cmd: The command as configured.
        prefix: The environment that it comes from.
        path: The server's own PATH.

    Raises:
        CommandError: There is no such program.
    """
    if list(cmd) == [STANDARD_COMMAND]:
        script = prefix.bin / STANDARD_COMMAND
        if script.exists():
            return [str(script)]
        return [str(prefix.python), "-m", "jupyterhub.singleuser"]
    program, *rest = cmd
    found = shutil.which(program, path=path)
    if found is None:
        raise CommandError(
            f"The server's program {program!r} is not on its PATH, or may not be executed.",
            hint="Write its whole path in `cmd`, or install it in the environment.",
        )
    return [os.path.abspath(found), *rest]  # noqa: PTH100 - a link must stay: venvs are links


def basic_variables(
    identity: Identity, prefix: Prefix, hub_env: Mapping[str, str]
) -> dict[str, str]:
    """What every server has, before JupyterHub's own variables.

    Args:
        identity: Whom it runs as.
        prefix: The environment that it comes from.
        hub_env: The hub's environment: language and time zone are taken from it.
    """
    locale = hub_env.get("LC_ALL") or hub_env.get("LANG", "")
    env = {
        "HOME": str(identity.home),
        "USER": identity.name,
        "LOGNAME": identity.name,
        "SHELL": identity.shell,
        "PATH": f"{prefix.bin}:{SYSTEM_PATH}",
        # Under the C locale, names and files in other scripts would break.
        "LANG": "C.UTF-8" if locale in _POOR_LOCALES else locale,
        **prefix.variables(),
    }
    if hub_env.get("TZ"):
        env["TZ"] = hub_env["TZ"]
    return env


def checked_variables(env: Mapping[str, object]) -> dict[str, str]:
    """Variables as texts that the system can take; None is left out.

    Raises:
        TargetError: A name or value cannot be passed on.
    """
    texts = {name: str(value) for name, value in env.items() if value is not None}
    for name, value in texts.items():
        if not name or "=" in name or "\0" in name + value:
            raise TargetError(f"The variable {name!r} cannot be in a server's environment.")
    return texts


def absolute_folder(folder: str, home: Path) -> str:
    """A notebook folder, ``~`` and relative paths starting from the home."""
    if folder == "~" or folder.startswith("~/"):
        return str(home / folder[2:])
    return str(home / folder)
