"""Old spawner classes and their traits: which kind of target runs a class, and what it takes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets import registry
from jupyterhub_anywhere.targets.traits import check_trait, settable

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where a class really lives, for the other names it was imported by.
_ALIASES: Final = {
    "dockerspawner.dockerspawner.DockerSpawner": "dockerspawner.DockerSpawner",
    "dockerspawner.systemuserspawner.SystemUserSpawner": "dockerspawner.SystemUserSpawner",
    "dockerspawner.swarmspawner.SwarmSpawner": "dockerspawner.SwarmSpawner",
    "kubespawner.spawner.KubeSpawner": "kubespawner.KubeSpawner",
}
_DOCKER: Final = ("dockerspawner.DockerSpawner", "dockerspawner.SystemUserSpawner")
# A short name for the target that runs a class.
_NAMES: Final = {
    "LocalProcessSpawner": "local",
    "SimpleLocalProcessSpawner": "local",
    "DockerSpawner": "docker",
    "SystemUserSpawner": "docker-users",
    "SwarmSpawner": "swarm",
    "KubeSpawner": "kubernetes",
    "SystemdSpawner": "systemd",
}


def canonical(name: str) -> str:
    """The name that people write for a class."""
    if name.startswith("batchspawner.batchspawner."):
        return name.replace("batchspawner.batchspawner.", "batchspawner.", 1)
    return _ALIASES.get(name, name)


def target_name(spawner: str) -> str:
    """A name for the target of a class."""
    cls = spawner.rpartition(".")[2]
    return _NAMES.get(cls, cls.removesuffix("Spawner").lower() or cls.lower())


def target_of(spawner: str) -> dict[str, Any]:
    """The declaration of a target that runs a class."""
    if spawner in _DOCKER and "docker" in registry.kinds():
        declared = {"kind": "docker"}
        return declared if spawner == _DOCKER[0] else {**declared, "class": spawner}
    return {"kind": "custom", "class": spawner}


def find_class(spawner: str) -> type | None:
    """The class itself, where it is installed."""
    module, _, name = spawner.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit):  # noqa: BLE001 - a foreign module may raise anything
        return None
    return found if isinstance(found, type) else None


def present_name(cls: type | None, trait: str) -> str:
    """The name that a trait has today: spawners rename theirs and keep the old names for a while.

    DockerSpawner lists them as ``_deprecated_aliases``, KubeSpawner as ``_deprecated_traits``.
    """
    # KubeSpawner 7.1 maps this one to another deprecated name, and the image is lost on the way.
    if trait in {"singleuser_image_spec", "image_spec"} and _has(cls, "image"):
        return "image"
    for table in ("_deprecated_aliases", "_deprecated_traits"):
        known: Mapping[str, Any] = getattr(cls, table, {})
        if trait in known:
            return str(known[trait][0])
    return trait


def _has(cls: type | None, trait: str) -> bool:
    return cls is not None and trait in settable(cls)


def traits_of(cls: type | None) -> frozenset[str]:
    """The names of the traits that a class takes; empty where it is not installed."""
    return frozenset() if cls is None else frozenset(settable(cls))


def refusal(cls: type | None, trait: str, value: Any) -> str:
    """Why a class does not take a value; empty when it does, or when the class is not installed."""
    if cls is None:
        return ""
    found = check_trait(cls, trait, value)
    return "" if found is None else " ".join(found).strip()
