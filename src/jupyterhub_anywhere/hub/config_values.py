"""Adding to containers of a traitlets configuration, whatever an administrator put there before.

In a configuration file a trait is either a plain list or dict that the administrator assigned, or
a lazy value that collects what is to be done to the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets.config.loader import LazyConfigValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traitlets.config import Config


def add_to_list(section: Config, trait: str, item: Any) -> None:
    """Add an item to a list trait: before the default's, behind those of an assigned list."""
    value = section[trait]
    if isinstance(value, LazyConfigValue):
        if item not in value.to_dict().get("prepend", ()):
            value.prepend([item])
    elif item not in value:
        section[trait] = [*value, item]


def add_to_dict(section: Config, trait: str, items: Mapping[str, Any]) -> None:
    """Add items to a dict trait; a key that is there already keeps its value."""
    present = dict_value(section, trait)
    added = {key: value for key, value in items.items() if key not in present}
    _set_items(section, trait, added)


def add_to_nested_list(section: Config, trait: str, key: str, item: Any) -> None:
    """Add an item to a list that is a value of a dict trait."""
    present = list(dict_value(section, trait).get(key) or ())
    if item not in present:
        _set_items(section, trait, {key: [*present, item]})


def dict_value(section: Config, trait: str) -> dict[str, Any]:
    """What a dict trait holds so far."""
    value = section[trait]
    return dict(value.to_dict().get("update", {}) if isinstance(value, LazyConfigValue) else value)


def _set_items(section: Config, trait: str, items: Mapping[str, Any]) -> None:
    value = section[trait]
    if isinstance(value, LazyConfigValue):
        value.update(items)
    else:
        section[trait] = {**value, **items}
