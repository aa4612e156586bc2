"""A Spawner class of its own for each target.

The generated subclass has a config section of its own, so that traitlets itself resolves
class default < ``c.Spawner`` < ``c.DockerSpawner`` < target, and clients, pools and reflectors
of its own, so that two targets of one class never talk to each other's daemon.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from traitlets.config import Config

from jupyterhub_anywhere.targets.shared import fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.spawner import Spawner


def class_name(child: type[Spawner], target: str) -> str:
    """The generated class's name, which is its config section: traitlets wants upper case first."""
    name = f"{child.__name__}_{re.sub(r'[^A-Za-z0-9]', '_', target)}"
    return name if name[0].isupper() else f"T_{name}"


def specialise(
    child: type[Spawner],
    target: str,
    mixin: type,
    attributes: Mapping[str, Any],
) -> type[Spawner]:
    """Make the subclass of one target.

    Args:
        child: The class that does the work.
        target: The target's name.
        mixin: Goes in front of the class: what binds an instance to its wrapper.
        attributes: Class attributes that the kind sets.

    Returns:
        A new class at each call; keep it as long as the target is the same.
    """
    namespace: dict[str, Any] = {**fresh(child), **attributes}
    namespace["__module__"] = child.__module__
    namespace["__doc__"] = child.__doc__
    return type(class_name(child, target), (mixin, child), namespace)


def merged_config(config: Config, generated: type[Spawner], values: Mapping[str, Any]) -> Config:
    """The hub's configuration with the target's own section in it.

    The hub's configuration itself stays as it is.
    """
    merged = Config(config)
    section = Config(merged.get(generated.__name__, {}))
    section.update(copy.deepcopy(dict(values)))
    merged[generated.__name__] = section
    return merged
