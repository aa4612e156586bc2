"""Classes that a file names, imported."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner


def import_named(path: str, target: str) -> Any:
    """Import what is named as ``package.module.Class``, whatever it is.

    Args:
        path: The name.
        target: The target's name, for the message.

    Raises:
        TargetError: It cannot be imported.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"target {target}: {path} cannot be imported: {type(error).__name__}: {error}.",
            hint="Correct the name, install the package that has it beside JupyterHub, or name its"
            " folder in PYTHONPATH.",
        ) from error


def load_class(path: str, target: str) -> type[Spawner]:
    """Import a Spawner class.

    Args:
        path: ``package.module.Class``.
        target: The target's name, for the message.

    Raises:
        TargetError: It cannot be imported or is no Spawner.
    """
    from jupyterhub.spawner import Spawner

    found = import_named(path, target)
    if not (isinstance(found, type) and issubclass(found, Spawner)):
        raise TargetError(
            f"target {target}: {path} is no Spawner class.",
            hint="Name a subclass of jupyterhub.spawner.Spawner.",
        )
    return found
