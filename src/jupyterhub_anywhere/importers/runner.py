"""Runs a ``jupyterhub_config.py`` and writes what it set as JSON; a process of its own.

Running the file is what JupyterHub does with it. It happens apart from the importer, since such
a file may do anything. Modules that are named as missing are replaced by stand-ins: the old
packages need not be installed to read what was set for them.

``python -P -m jupyterhub_anywhere.importers.runner FILE OUTPUT [--effects] [MODULE…]``

Without ``--effects`` the file can read, and change nothing outside of the process.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from jupyterhub_anywhere.importers import libcloud_hub
from jupyterhub_anywhere.importers.effects import Effects
from jupyterhub_anywhere.importers.sections import section
from jupyterhub_anywhere.importers.values import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

ALLOW = "--effects"
# The sections whose values are read; of the others only the names of what they set.
READ = (
    "WrapSpawner",
    "ProfilesSpawner",
    "DockerProfilesSpawner",
    "LibcloudSpawner",
    "spawner_conf",
    "Spawner",
)
# What is read of the section JupyterHub: which spawner, and where its hub is reached.
READ_OF_HUB = ("spawner_class", *libcloud_hub.NAMES)


class _StandIn(type):
    """The type of what a missing module would have had: any attribute is another stand-in."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(f"{cls.__module__}.{cls.__qualname__}", name)


def stand_in(module: str, name: str) -> type:
    """A class in place of something that a missing module has."""

    def take_anything(self: object, *_args: object, **_options: object) -> None:
        del self

    body = {"__module__": module, "__qualname__": name, "__init__": take_anything}
    return _StandIn(name, (), body)


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(self.__name__, name)


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules that are not installed; asked last.

    Args:
        missing: Top-level names.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        self._missing = set(missing)

    def find_spec(
        self,
        fullname: str,
        _path: Sequence[str] | None = None,
        _target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A specification for a missing module and for everything under it."""
        if fullname.partition(".")[0] not in self._missing:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """An empty module that has whatever is asked of it."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


def run(file: Path, missing: Sequence[str]) -> dict[str, Any]:
    """Run the file.

    Returns:
        ``sections``: section to what it sets; for all but `READ` only the names. Where the file
        fails, ``error`` with ``line``, ``what`` and ``module`` (the missing one), and what was
        set before it failed.
    """
    sys.meta_path.append(StandIns(missing))
    loader = PyFileConfigLoader(file.name, path=str(file.parent))
    result: dict[str, Any] = {}
    try:
        loader.load_config()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the file of an administrator may raise anything
        result["error"] = _failure(error, file)
    result["sections"] = _sections(loader.config)
    return result


def _failure(error: BaseException, file: Path) -> dict[str, Any]:
    line = 0
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        line = error.lineno or 0
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno or 0 for f in reversed(frames) if Path(f.filename) == file), 0)
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    return {"line": line, "what": f"{type(error).__name__}: {error}", "module": module}


def _sections(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in config.items():
        if name in READ:
            found[name] = {key: plain(value) for key, value in section(config, name).items()}
        elif isinstance(values, Config):
            found[name] = dict.fromkeys(values)
    hub = config.get("JupyterHub", {})
    for name in READ_OF_HUB:
        if name in hub:
            found["JupyterHub"][name] = plain(hub[name])
    return found


def main() -> None:
    """The process."""
    file, output, *missing = sys.argv[1:]
    effects = Effects()
    if ALLOW in missing:
        missing.remove(ALLOW)
    else:
        effects.forbid()
    result = run(Path(file), missing)
    effects.allow()
    Path(output).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
