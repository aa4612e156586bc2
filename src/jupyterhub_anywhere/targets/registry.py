"""Which kinds of target there are: one entry point each.

A kind whose module cannot be imported is kept with its reason, and never stops the others.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.base import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "jupyterhub_anywhere.targets"

# Kinds that come with an extra of this distribution, to be named where they are missing.
PLANNED: Final = {
    "swarm": "docker",
    "kubernetes": "kubernetes",
    "openshift": "kubernetes",
    "batch": "batch",
    "cloud": "cloud",
    "ssh": "ssh",
}


@lru_cache(maxsize=1)
def _discover() -> tuple[dict[str, type[Target]], dict[str, str]]:
    found: dict[str, type[Target]] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        try:
            kind = point.load()
        except Exception as error:  # noqa: BLE001 - a foreign module may raise anything
            broken[point.name] = f"{point.value}: {type(error).__name__}: {error}"
            continue
        if isinstance(kind, type) and issubclass(kind, Target):
            found[point.name] = kind
        else:
            broken[point.name] = f"{point.value} is no Target class"
    return found, broken


def kinds() -> Mapping[str, type[Target]]:
    """All kinds that can be used, by name."""
    return _discover()[0]


def broken() -> Mapping[str, str]:
    """Kinds that are installed and cannot be used, each with the reason."""
    return _discover()[1]
