from __future__ import annotations

from typing import Any

import pytest
from tests.unit.catalog.sample_catalog import ANN, GUS, SAMPLE, catalog, one_option

from jupyterhub_anywhere.catalog.choice import Choice
from jupyterhub_anywhere.catalog.settings import as_text, fill
from jupyterhub_anywhere.core.errors import ChoiceError


def settings(profile: dict[str, Any], **options: Any) -> dict[str, Any]:
    within = catalog(profiles={"p": {"targets": ["here", "lab"], **profile}})
    target = options.pop("target", "here")
    raw = {"profile": "p", "target": target, "options": options}
    return within.settings(within.resolve(raw, ANN))


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("{value}", 2, 2),
        ("{value}", 2.5, 2.5),
        ("{value}", False, False),
        ("{value}", "a", "a"),
        ("x{value}y{value}", 2.0, "x2y2"),
        ("--debug={value}", True, "--debug=true"),
        ("{value}M {username} {0} {value!r}", 3, "3M {username} {0} {value!r}"),
        (["{value}", {"{value}": "{value}"}], 1, [1, {"1": 1}]),
        ({"a": {"b": ["{value}"]}}, "{value}", {"a": {"b": ["{value}"]}}),
        (("a", "{value}"), 1, ["a", 1]),
        (7, 1, 7),
        (None, 1, None),
    ],
)
def test_the_value_comes_to_its_places(template: Any, value: Any, expected: Any) -> None:
    found = fill(template, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1 << 30, "1073741824"), (0.5, "0.5"), ("a", "a")]
)
def test_values_within_texts(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_values_are_typed_and_defaults_count() -> None:
    within = catalog()
    found = within.settings(within.resolve({"profile": "python"}, ANN))
    assert found["mem_limit"] == 1 << 30
    assert found["cpu_limit"] == 1.0
    assert found["gpus"] == 0


def test_what_one_may_set_is_set() -> None:
    within = catalog()
    raw = {"profile": "python", "options": {"gpus": 2, "memory": "2G"}}
    found = within.settings(within.resolve(raw, GUS))
    assert (found["gpus"], found["mem_limit"]) == (2, 2 << 30)


def test_options_of_other_targets_set_nothing() -> None:
    within = catalog()
    here, lab = (
        within.settings(within.resolve({"profile": "python", "target": target}, ANN))
        for target in ("here", "lab")
    )
    assert "image" not in here
    assert lab["image"] == "img:1"


def test_later_layers_win() -> None:
    profile = {
        "sets": {"a": 1, "b": 1, "c": 1, "d": 1},
        "sets_for": {"here": {"b": 2, "c": 2, "d": 2}},
        "options": {
            "x": {"type": "integer", "default": 3, "sets": {"c": "{value}", "d": "{value}"}},
            "y": {"type": "choice", "choices": {"k": {"sets": {"d": 4}}}, "sets": {"d": 0}},
        },
    }
    assert settings(profile) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert settings(profile, target="lab") == {"a": 1, "b": 1, "c": 3, "d": 4}


def test_sets_for_replaces_sets_of_an_option() -> None:
    entry = {"sets": {"d": 1}, "sets_for": {"lab": {"e": "{value}"}}}
    options = {
        "x": {
            "type": "boolean",
            "sets": {"a": "{value}"},
            "sets_for": {"lab": {"b": "{value}"}},
        },
        "y": {"type": "choice", "choices": {"k": entry}},
    }
    assert settings({"options": options}, x=True) == {"a": True, "d": 1}
    assert settings({"options": options}, x=True, target="lab") == {"b": True, "e": "k"}


def test_mappings_are_merged_by_key_one_level_deep() -> None:
    profile = {
        "sets": {"environment": {"A": "1", "B": {"deep": 1}}, "args": ["x"]},
        "options": {
            "x": {
                "type": "text",
                "default": "v",
                "sets": {"environment": {"B": {"other": 2}, "C": "{value}"}, "args": ["y"]},
            }
        },
    }
    assert settings(profile) == {
        "environment": {"A": "1", "B": {"other": 2}, "C": "v"},
        "args": ["y"],
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [({"env": "A"}, {"env": "B"}), ({"env": "A"}, {"file": "b"}), ({"k": "v"}, {"env": "B"})],
)
def test_a_secret_is_replaced_as_a_whole(before: dict[str, str], after: dict[str, str]) -> None:
    profile = {"sets": {"key": before}, "sets_for": {"here": {"key": after}}}
    assert settings(profile) == {"key": after}


def test_the_file_is_never_changed_by_what_is_made_of_it() -> None:
    within = catalog()
    choice = within.resolve({"profile": "python", "target": "lab"}, ANN)
    found = within.settings(choice)
    assert found["environment"] == {"A": "profile", "B": "lab"}
    found["environment"]["A"] = "changed"
    assert within.settings(choice)["environment"]["A"] == "profile"
    assert SAMPLE["profiles"]["python"]["sets"]["environment"]["A"] == "profile"


def test_user_text_is_not_filled_in_twice() -> None:
    profile = {
        "options": {
            "x": {"type": "text", "sets": {"a": "<{value}>"}},
            "y": {"type": "text", "sets": {"b": "{value}"}},
        }
    }
    found = settings(profile, x="{value}{username}", y="{value}")
    assert found == {"a": "<{value}{username}>", "b": "{value}"}


def test_a_false_value_is_a_value() -> None:
    within = one_option(type="boolean", default=True, sets={"a": "{value}"})
    choice = within.resolve({"profile": "p", "options": {"x": False}}, ANN)
    assert within.settings(choice) == {"a": False}


def test_a_profile_that_is_gone_is_named() -> None:
    with pytest.raises(ChoiceError, match="no profile 'gone'"):
        catalog().settings(Choice("gone", "here"))
