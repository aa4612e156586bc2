"""Which images a hub's own configuration allows, whatever a target or a profile says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets.config.loader import LazyConfigValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from traitlets.config import Config

# The deprecated name counts too, as DockerSpawner has it.
_NAMES = ("image_whitelist", "allowed_images")


def configured(config: Config, sections: Iterable[str], names: Iterable[str]) -> Any:
    """The value that the strongest section gives to any of the names; None where none does.

    Args:
        config: The hub's configuration.
        sections: Names of sections, the weakest first.
        names: Names of a trait, the weakest first.
    """
    wanted, found = list(names), None
    for section in sections:
        for name in wanted:
            if section in config and name in config[section]:
                found = config[section][name]
    return found.get_value({}) if isinstance(found, LazyConfigValue) else found


def permitted(config: Config, sections: list[str], spawner: Any) -> frozenset[str] | None:
    """The images that the hub's own configuration lets anybody run.

    Args:
        config: The hub's configuration.
        sections: The sections of the spawner's class and its bases, the weakest first, without
            the target's own.
        spawner: What a callable `allowed_images` is asked with.

    Returns:
        None where it sets no bounds.
    """
    allowed = configured(config, sections, _NAMES)
    if callable(allowed):
        allowed = allowed(spawner)
    if not allowed or allowed == "*":
        return None
    images: Mapping[str, str] | Iterable[str] = allowed
    values = images.values() if hasattr(images, "values") else images
    default = configured(config, sections, ("container_image", "image"))
    return frozenset([*values, *([default] if default else [])])


def name_and_tag(repository: str, tag: str) -> tuple[str, str]:
    """Repository and tag as the engine takes them.

    DockerSpawner splits ``name@sha256:abc`` at its last colon, and no engine takes ``name@sha256``
    (since https://github.com/jupyterhub/dockerspawner/pull/334, which had registries with a port in
    mind).
    """
    name, at, algorithm = repository.partition("@")
    return (name, f"{algorithm}:{tag}") if at else (repository, tag)
