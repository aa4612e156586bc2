from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.catalog.sample_catalog import ANN, GUS, SAMPLE, catalog, one_option

from jupyterhub_anywhere.core.errors import ChoiceError

if TYPE_CHECKING:
    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.catalog.profiles import Catalog

# It ships no types, and its stubs are not ours to pin.
Draft202012Validator: Any = import_module("jsonschema").Draft202012Validator

CATALOG = catalog()
VALIDATORS = {who: Draft202012Validator(CATALOG.json_schema(who)) for who in (ANN, GUS)}


def resolves(raw: object, who: Who = ANN, within: Catalog = CATALOG) -> bool:
    try:
        within.resolve(raw, who)
    except ChoiceError:
        return False
    return True


@pytest.mark.parametrize("who", [ANN, GUS])
def test_the_schema_is_one_and_is_json(who: Who) -> None:
    schema = CATALOG.json_schema(who)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_nothing_that_one_may_not_see_is_in_it() -> None:
    text = json.dumps(CATALOG.json_schema(ANN))
    for hidden in ("secret", "cuda", "gpus"):
        assert hidden not in text
        assert hidden in json.dumps(CATALOG.json_schema(GUS))


def test_it_says_what_people_read() -> None:
    branch = CATALOG.json_schema(ANN)["oneOf"][0]
    assert branch["title"] == "Python at This machine"
    assert branch["description"] == "JupyterLab and friends. No limits here."
    memory = branch["properties"]["options"]["properties"]["memory"]
    assert memory == {
        "title": "Memory",
        "description": "In bytes. A text such as 1.5G is taken too.",
        "type": "integer",
        "minimum": 512 << 20,
        "maximum": 4 << 30,
        "default": 1 << 30,
    }


def test_every_default_choice_is_valid() -> None:
    for who, validator in VALIDATORS.items():
        for offer in CATALOG.visible(who):
            for target in offer.targets:
                raw = {"profile": offer.name, "target": target}
                validator.validate(raw)
                validator.validate(CATALOG.resolve(raw, who).to_user_options())


def test_where_nothing_is_offered_nothing_is_valid() -> None:
    within = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})
    validator = Draft202012Validator(within.json_schema(ANN))
    assert not validator.is_valid({})
    assert not validator.is_valid({"profile": "p"})


NUMBERS = st.sampled_from(
    [0, 1, 8, 9, 1.0, 2.5, -1, 1 << 30, float(1 << 30), 4 << 30, (4 << 30) + 1, 512 << 20, 1e308]
)
VALUES = (
    NUMBERS
    | st.booleans()
    | st.none()
    | st.sampled_from(["slim", "full", "cuda", "ab c", "ab\n", "A", "", "x" * 21, "\ud800", "1"])
    | st.lists(NUMBERS, max_size=2)
)
OPTIONS = st.dictionaries(
    st.sampled_from([*SAMPLE["profiles"]["python"]["options"], "nope"]), VALUES, max_size=3
)
RAW = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["python", "plain", "secret", "nope", None]),
        "target": st.sampled_from(["here", "lab", "moon", None]),
        "options": OPTIONS | VALUES,
        "child": VALUES,
        "more": VALUES,
    },
)


@given(raw=RAW, who=st.sampled_from([ANN, GUS]))
def test_the_schema_agrees_with_resolve(raw: dict[str, Any], who: Who) -> None:
    assert VALIDATORS[who].is_valid(raw) == resolves(raw, who)


@given(options=OPTIONS, target=st.sampled_from(["here", "lab"]))
def test_the_schema_agrees_on_options(options: dict[str, Any], target: str) -> None:
    raw = {"profile": "python", "target": target, "options": options}
    assert VALIDATORS[GUS].is_valid(raw) == resolves(raw, GUS)


@pytest.mark.parametrize("pattern", ["[a-z]*", "a|b", "(?i)abc", "a$", r"(?s).*", "(?x)a # b"])
@given(text=st.text(alphabet="abAB \n\t\x00\ud800é", max_size=4))
def test_the_schema_agrees_on_texts(pattern: str, text: str) -> None:
    within = one_option(type="text", pattern=pattern, default="a", max_length=3)
    raw = {"profile": "p", "options": {"x": text}}
    validator = Draft202012Validator(within.json_schema(ANN))
    assert validator.is_valid(raw) == resolves(raw, within=within)


def test_texts_of_quantities_are_taken_beside_the_schema() -> None:
    raw = {"profile": "python", "options": {"memory": "2G", "cpu": "500m"}}
    assert CATALOG.resolve(raw, ANN).options["memory"] == 2 << 30
    assert not VALIDATORS[ANN].is_valid(raw)


def test_the_spawners_own_options_are_an_object() -> None:
    within = catalog(profiles={"kube": {"targets": ["lab"], "form": "child"}})
    validator = Draft202012Validator(within.json_schema(ANN))
    children: list[Any] = [{}, {"a": 1}, None, 3, []]
    for child in children:
        raw = {"profile": "kube", "child": child}
        assert validator.is_valid(raw) == resolves(raw, within=within)
