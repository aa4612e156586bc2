from __future__ import annotations

from typing import Any

import pytest
from tests.unit.catalog.sample_catalog import ANN, GUS, catalog

from jupyterhub_anywhere.catalog.access import allowed
from jupyterhub_anywhere.catalog.choice import Who
from jupyterhub_anywhere.config.models import Access


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (Access(), True),
        (Access(users=("gus",)), True),
        (Access(groups=("gpu",)), True),
        (Access(users=("eve",), groups=("gpu",)), True),
        (Access(users=("eve",)), False),
        (Access(groups=("none",)), False),
        # A group is no user, and a user no group.
        (Access(users=("gpu",), groups=("gus",)), False),
    ],
)
def test_users_and_groups_add_up(access: Access, expected: bool) -> None:  # noqa: FBT001
    assert allowed(access, GUS) is expected


def names(who: Who) -> list[str]:
    return [offer.name for offer in catalog().visible(who)]


def test_a_closed_profile_is_seen_by_those_it_names() -> None:
    assert names(ANN) == ["python", "plain"]
    assert names(GUS) == ["python", "secret", "plain"]
    assert names(Who("eve")) == ["python", "secret", "plain"]


def test_people_who_are_named_nowhere_share_their_offers() -> None:
    within = catalog()
    other = Who("bob", frozenset({"chess"}))
    assert within.visible(ANN)[0] is within.visible(other)[0]
    assert within.visible(ANN)[0] is not within.visible(GUS)[0]


def values(who: Who, target: str, **option: Any) -> list[str]:
    profile = {"targets": ["here", "lab"], "options": {"x": {"type": "choice", **option}}}
    offers = catalog(profiles={"p": profile}).visible(who)
    if not offers or target not in offers[0].targets:
        return ["(closed)"]
    found = offers[0].targets[target].options.get("x")
    return [entry.key for entry in found.values] if found else []


CLOSED = {"access": {"groups": ["gpu"]}}


def test_values_are_filtered_by_person_and_target() -> None:
    choices: dict[str, Any] = {"a": {}, "b": CLOSED, "c": {"targets": ["lab"]}}
    assert values(ANN, "here", choices=choices) == ["a"]
    assert values(ANN, "lab", choices=choices) == ["a", "c"]
    assert values(GUS, "lab", choices=choices) == ["a", "b", "c"]


def test_an_option_without_values_at_a_target_is_not_there() -> None:
    choices = {"c": {"targets": ["lab"]}}
    assert values(ANN, "here", choices=choices) == []
    assert values(ANN, "lab", choices=choices) == ["c"]


def test_a_target_whose_values_are_all_closed_is_not_offered() -> None:
    choices = {"a": {**CLOSED, "targets": ["here"]}, "b": {"targets": ["lab"]}}
    assert values(ANN, "here", choices=choices) == ["(closed)"]
    assert values(GUS, "here", choices=choices) == ["a"]
    assert values(ANN, "lab", choices=choices) == ["b"]


def test_a_profile_without_targets_left_is_not_offered() -> None:
    options = {"x": {"type": "choice", "choices": {"a": CLOSED}}}
    within = catalog(profiles={"p": {"targets": ["here"], "options": options}})
    assert within.visible(ANN) == ()
    assert len(within.visible(GUS)) == 1


def test_the_default_is_one_that_the_person_may_choose() -> None:
    option = {"type": "choice", "choices": {"a": CLOSED, "b": {}, "c": {}}, "default": "a"}
    within = catalog(profiles={"p": {"targets": ["here"], "options": {"x": option}}})
    assert within.default_choice(ANN).options == {"x": "b"}
    assert within.default_choice(GUS).options == {"x": "a"}


def test_who_may_not_set_an_option_gets_the_declared_value() -> None:
    option = {
        "type": "choice",
        "choices": {"a": {}, "b": CLOSED},
        "default": "b",
        "sets": {"trait": "{value}"},
        **CLOSED,
    }
    within = catalog(profiles={"p": {"targets": ["here"], "options": {"x": option}}})
    choice = within.default_choice(ANN)
    assert choice.options == {}
    assert within.settings(choice) == {"trait": "b"}


def test_where_the_declared_value_is_missing_the_first_open_one_counts() -> None:
    option = {
        "type": "choice",
        "choices": {"a": {"targets": ["lab"]}, "b": CLOSED, "c": {}},
        "sets": {"trait": "{value}"},
        **CLOSED,
    }
    within = catalog(profiles={"p": {"targets": ["here", "lab"], "options": {"x": option}}})
    settings = [
        within.settings(within.resolve({"profile": "p", "target": target}, ANN))
        for target in ("here", "lab")
    ]
    assert settings == [{"trait": "c"}, {"trait": "a"}]


def test_where_there_is_no_open_value_the_target_is_not_offered() -> None:
    option = {"type": "choice", "choices": {"a": {"targets": ["lab"]}, "b": CLOSED}, **CLOSED}
    within = catalog(profiles={"p": {"targets": ["here", "lab"], "options": {"x": option}}})
    assert list(within.visible(ANN)[0].targets) == ["lab"]
    assert list(within.visible(GUS)[0].targets) == ["here", "lab"]


def test_offers_say_what_people_read() -> None:
    offer = catalog().visible(ANN)[0]
    here = offer.first_target
    assert (offer.title, offer.description) == ("Python", "JupyterLab and friends.")
    assert (here.title, here.notes) == ("This machine", ("No limits here.",))
    assert offer.targets["lab"].title == "lab"
    assert here.options["memory"].title == "Memory"
    assert here.options["cpu"].title == "cpu"
