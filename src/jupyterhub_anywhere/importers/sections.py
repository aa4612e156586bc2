"""Sections of a traitlets configuration, as plain mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets.config.loader import LazyConfigValue

if TYPE_CHECKING:
    from collections.abc import Mapping


def settled(value: Any) -> Any:
    """A list or dict that was only added to, with ``append`` and the like, as one."""
    if not isinstance(value, LazyConfigValue):
        return value
    updated = isinstance(value.to_dict().get("update"), dict)
    return value.get_value({} if updated else [])


def section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is set in a section; empty where there is none.

    A name that begins in lower case is no section for traitlets: what is set there becomes an
    attribute of a value that is never read. LibcloudSpawner's own guide has people do that.
    """
    found = config.get(name, {})
    if isinstance(found, LazyConfigValue):
        return {key: value for key, value in vars(found).items() if not key.startswith("_")}
    return {key: settled(value) for key, value in found.items()}
