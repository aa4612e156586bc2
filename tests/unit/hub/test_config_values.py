"""Adding to a configuration, whatever stands there already."""

from __future__ import annotations

from traitlets import Dict, List, Unicode
from traitlets.config import Config, Configurable

from jupyterhub_anywhere.hub.config_values import add_to_dict, add_to_list, add_to_nested_list


class Thing(Configurable):
    paths = List(Unicode(), ["default"]).tag(config=True)
    settings = Dict().tag(config=True)


def test_an_item_comes_before_the_default() -> None:
    c = Config()
    add_to_list(c.Thing, "paths", "ours")
    add_to_list(c.Thing, "paths", "ours")
    assert Thing(config=c).paths == ["ours", "default"]


def test_an_item_comes_behind_what_was_assigned() -> None:
    c = Config()
    c.Thing.paths = ["theirs"]
    add_to_list(c.Thing, "paths", "ours")
    add_to_list(c.Thing, "paths", "ours")
    assert Thing(config=c).paths == ["theirs", "ours"]


def test_keys_that_are_there_keep_their_values() -> None:
    c = Config()
    c.Thing.settings = {"a": 1}
    add_to_dict(c.Thing, "settings", {"a": 2, "b": 3})
    assert Thing(config=c).settings == {"a": 1, "b": 3}


def test_items_are_added_to_a_default() -> None:
    c = Config()
    add_to_dict(c.Thing, "settings", {"a": 1})
    add_to_dict(c.Thing, "settings", {"a": 2, "b": 3})
    add_to_nested_list(c.Thing, "settings", "list", 1)
    add_to_nested_list(c.Thing, "settings", "list", 2)
    add_to_nested_list(c.Thing, "settings", "list", 2)
    assert Thing(config=c).settings == {"a": 1, "b": 3, "list": [1, 2]}
