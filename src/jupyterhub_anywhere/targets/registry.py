"""Which kinds of target there are: one entry point each.

A kind whose module cannot be imported is kept with its reason, and never stops the others. Who
needs one kind has only that one imported.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.base import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

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


@cache
def _points() -> tuple[EntryPoint, ...]:
    """What is installed; looked up once, for it reads a file of every distribution."""
    return tuple(entry_points(group=GROUP))


def _imported(points: Iterable[EntryPoint]) -> tuple[dict[str, type[Target]], dict[str, str]]:
    """Kinds that can be used, and the reasons of those that cannot."""
    found: dict[str, type[Target]] = {}
    broken: dict[str, str] = {}
    for point in points:
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


@cache
def _discover() -> tuple[dict[str, type[Target]], dict[str, str]]:
    return _imported(_points())


@cache
def find(name: str) -> type[Target] | None:
    """One kind, without importing the others; None where it is not there, or cannot be used."""
    return _imported(point for point in _points() if point.name == name)[0].get(name)


def kinds() -> Mapping[str, type[Target]]:
    """All kinds that can be used, by name."""
    return _discover()[0]


def broken() -> Mapping[str, str]:
    """Kinds that are installed and cannot be used, each with the reason."""
    return _discover()[1]
