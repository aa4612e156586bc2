from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.catalog.sample_catalog import ANN, GUS, SAMPLE, catalog

from jupyterhub_anywhere.catalog.choice import Choice, Who
from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.errors import ChoiceError

CATALOG = catalog()
NOBODY = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})


def refused(raw: object, who: Who = ANN, within: Catalog = CATALOG) -> ChoiceError:
    with pytest.raises(ChoiceError) as caught:
        within.resolve(raw, who)
    return caught.value


def test_what_is_not_given_gets_its_default() -> None:
    choice = CATALOG.resolve({"profile": "python"}, ANN)
    assert choice.target == "here"
    assert choice.options == {
        "memory": 1 << 30,
        "cpu": 1.0,
        "workers": 2,
        "scale": 1.5,
        "debug": False,
        "note": "",
    }


def test_options_are_those_of_the_target() -> None:
    assert CATALOG.resolve({"profile": "python", "target": "lab"}, ANN).options["image"] == "slim"


@pytest.mark.parametrize("raw", [None, {}])
def test_nothing_means_the_default(raw: object) -> None:
    assert CATALOG.resolve(raw, ANN) == CATALOG.default_choice(ANN)
    assert CATALOG.default_choice(ANN).profile == "python"


@pytest.mark.parametrize("raw", [None, {}])
def test_nothing_means_the_last_choice_while_it_is_valid(raw: object) -> None:
    last = {"profile": "plain", "target": "here", "options": {}}
    assert CATALOG.resolve(raw, ANN, last=last).profile == "plain"
    stale = {**last, "profile": "gone"}
    assert CATALOG.resolve(raw, ANN, last=stale) == CATALOG.default_choice(ANN)


def test_a_stale_choice_is_dropped_with_its_reason() -> None:
    choice, message = CATALOG.check_last({"profile": "gone"}, ANN)
    assert choice is None
    assert "Your last choice is not available any more" in message
    assert "gone" in message


@pytest.mark.parametrize("last", [None, {}])
def test_no_last_choice_is_no_news(last: object) -> None:
    assert CATALOG.check_last(last, ANN) == (None, "")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], ""),
        ("python", ""),
        (3, ""),
        ({"target": "here"}, "profile"),
        ({"profile": None}, "profile"),
        ({"profile": ["python"]}, "profile"),
        ({"profile": "pyhton"}, "profile"),
        ({"profile": "python", "target": None}, "target"),
        ({"profile": "python", "target": "moon"}, "target"),
        ({"profile": "plain", "target": "lab"}, "target"),
        ({"profile": "python", "options": None}, "options"),
        ({"profile": "python", "options": []}, "options"),
        ({"profile": "python", "options": {"memroy": 1}}, "options.memroy"),
        ({"profile": "python", "options": {"image": "slim"}}, "options.image"),
        ({"profile": "python", "options": {"gpus": 1}}, "options.gpus"),
        ({"profile": "python", "colour": "red"}, "colour"),
        ({"profile": "python", "child": {}}, "child"),
        ({"profile": "python", 3: 4}, ""),
        ({"profile": "python", "options": {"note": {1, 2}}}, ""),
    ],
)
def test_a_refusal_names_the_field(raw: object, field: str) -> None:
    error = refused(raw)
    assert list(error.errors) == [field]
    assert error.status == 422
    assert error.errors[field].endswith((".", "?"))


def test_all_wrong_fields_are_named_at_once() -> None:
    raw = {"profile": "python", "more": 1, "options": {"memory": 1, "workers": 0, "x": 1}}
    assert set(refused(raw).errors) == {"more", "options.memory", "options.workers", "options.x"}


def test_the_nearest_name_is_suggested() -> None:
    assert "Did you mean python?" in refused({"profile": "pyhton"}).message
    raw = {"profile": "python", "options": {"memroy": 1}}
    assert "Did you mean memory?" in refused(raw).message


@pytest.mark.parametrize(
    ("forbidden", "unknown"),
    [
        ({"profile": "secret"}, {"profile": "hidden"}),
        (
            {"profile": "python", "options": {"gpus": 1}},
            {"profile": "python", "options": {"gpux": 1}},
        ),
        (
            {"profile": "python", "target": "lab", "options": {"image": "cuda"}},
            {"profile": "python", "target": "lab", "options": {"image": "cudx"}},
        ),
    ],
)
def test_forbidden_is_answered_like_unknown(forbidden: Any, unknown: Any) -> None:
    CATALOG.resolve(forbidden, GUS)  # it does exist, for others
    one, other = refused(forbidden), refused(unknown)

    def neutral(error: ChoiceError) -> str:
        text = repr(sorted(error.errors.items()))
        for word in ("secret", "hidden", "gpus", "gpux", "cuda", "cudx"):
            text = text.replace(word, "WORD")
        return text

    assert neutral(one) == neutral(other)
    assert one.status == other.status


def test_an_option_that_one_may_not_set_is_not_in_the_choice() -> None:
    assert "gpus" not in CATALOG.resolve({"profile": "python"}, ANN).options
    assert CATALOG.resolve({"profile": "python"}, GUS).options["gpus"] == 0


@pytest.mark.parametrize("raw", [None, {}, {"profile": "p"}, {"profile": "q"}])
def test_who_is_offered_nothing_is_told_so(raw: object) -> None:
    error = refused(raw, within=NOBODY)
    assert error.status == 403
    assert "administrator" in error.message
    assert NOBODY.visible(ANN) == ()
    assert NOBODY.single(ANN) is None


def deep(levels: int) -> object:
    value: object = {}
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "raw",
    [
        {"profile": "x" * 70_000},
        {"profile": "python", "options": {"note": "\u00e4" * 40_000}},
        {"profile": "python", "options": {f"k{number}": 1 for number in range(300)}},
        {"profile": "python", "options": {"workers": 10**5000}},
        {"profile": "python", "options": [[]] * 30_000},
        {"profile": deep(50)},
    ],
    ids=["text", "bytes", "keys", "digits", "values", "depth"],
)
def test_too_much_is_refused_as_such(raw: object) -> None:
    error = refused(raw)
    assert error.status == 413
    assert "too large" in error.message
    assert len(error.message) < 300


def test_what_contains_itself_is_refused() -> None:
    raw: dict[str, Any] = {"profile": "python"}
    raw["options"] = raw
    assert refused(raw).status == 413


def test_long_names_are_cut_in_the_answer() -> None:
    error = refused({"profile": "python", "options": {"y" * 5000: 1}})
    assert len(error.message) < 300
    assert all(len(field) <= 80 for field in error.errors)


def test_the_spawners_own_options_pass_where_its_form_is_asked_for() -> None:
    within = catalog(profiles={"kube": {"targets": ["lab"], "form": "child"}})
    choice = within.resolve({"profile": "kube", "child": {"a": [1, None]}}, ANN)
    assert choice.child == {"a": [1, None]}
    assert within.resolve(choice.to_user_options(), ANN) == choice
    assert list(refused({"profile": "kube", "child": None}, within=within).errors) == ["child"]


def test_without_profiles_each_target_is_one() -> None:
    within = catalog(profiles={})
    assert [(offer.name, offer.title) for offer in within.visible(ANN)] == [
        ("here", "This machine"),
        ("lab", "lab"),
    ]


def test_the_only_possible_choice_needs_no_menu() -> None:
    assert Catalog(Config()).single(ANN) == Choice("here", "here")
    assert CATALOG.single(ANN) is None


@pytest.mark.parametrize(
    "profile",
    [
        {"targets": ["here", "lab"]},
        {"targets": ["here"], "options": {"x": {"type": "boolean"}}},
        {"targets": ["here"], "form": "child"},
    ],
    ids=["targets", "option", "child"],
)
def test_where_something_can_be_chosen_there_is_a_menu(profile: dict[str, Any]) -> None:
    assert catalog(profiles={"p": profile}).single(ANN) is None


def test_an_option_that_one_may_not_set_asks_for_no_menu() -> None:
    hidden = {"type": "boolean", "access": {"users": ["eve"]}}
    within = catalog(profiles={"p": {"targets": ["here"], "options": {"x": hidden}}})
    assert within.single(ANN) is not None
    assert within.single(Who("eve")) is None


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from(
    ["profile", "target", "options", "child", "python", "here", "lab", "memory", "image", "slim"]
)
JSON = st.recursive(
    PLAIN | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner),
    max_leaves=20,
)
NEARLY = st.fixed_dictionaries(
    {"profile": st.sampled_from(["python", "plain", "secret", "nope"]) | JSON},
    optional={
        "target": st.sampled_from(["here", "lab"]) | JSON,
        "options": st.dictionaries(
            st.sampled_from(list(SAMPLE["profiles"]["python"]["options"])), JSON
        ),
        "child": JSON,
    },
)


@given(JSON | NEARLY)
@example({"profile": "python", "options": {"scale": float("nan")}})
@example({"profile": "python", "options": {"memory": float("inf")}})
@example({"profile": "python", "options": {"cpu": 10**400}})
@example({"profile": "\ud800"})
def test_whatever_comes_is_a_choice_or_a_refusal(raw: object) -> None:
    for who in (ANN, GUS):
        answer = judged(raw, who)
        if isinstance(answer, ChoiceError):
            assert 400 <= answer.status < 500
            assert answer.errors
            assert all(answer.errors.values())
        else:
            assert CATALOG.resolve(answer.to_user_options(), who) == answer
            CATALOG.settings(answer)


def judged(raw: object, who: Who) -> Choice | ChoiceError:
    try:
        return CATALOG.resolve(raw, who)
    except ChoiceError as error:
        return error
