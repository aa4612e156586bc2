"""The JSON Schema: valid itself, and of one mind with the loader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types
from pydantic import Field

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.config.schema import DIALECT, json_schema
from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.core.errors import ConfigError


class _Mine(Model):
    """The keys of a kind."""

    address: str = Field(alias="url")
    key: Secret | None = None


class _Plain(Model):
    """A kind without keys of its own."""


KINDS: dict[str, type[Model]] = {"mine": _Mine, "process": _Plain}


def accepts(data: object, kinds: dict[str, type[Model]] | None = None) -> bool:
    return bool(Draft202012Validator(json_schema(kinds)).is_valid(data))


def profile(**option: object) -> dict[str, Any]:
    return {"profiles": {"p": {"targets": ["here"], "options": {"o": option}}}}


@pytest.mark.parametrize("kinds", [None, KINDS])
def test_the_schema_is_one(kinds: dict[str, type[Model]] | None) -> None:
    schema = json_schema(kinds)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"]
    assert "title" in schema
    assert "``" not in json.dumps(schema)
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"include": ["a.yaml"]},
        {"hub": {"cull": {"idle": "1h30m", "every": 60}, "cookie_secret": {"file": "a"}}},
        {"hub": {"database": "sqlite://"}},
        {"hub": {"database": {"env": "X"}}},
        {"users": {"groups": {"g": ["ann"]}}},
        {"targets": {"here": {"kind": "anything", "more": 1}}},
        profile(type="memory", default="1G", min=1024, max="1.5GiB"),
        profile(type="cpu", default="500m", max=2.5),
        profile(type="integer", default=1, max=2),
        profile(type="number", default=1, max=2.5),
        profile(type="boolean", default=True),
        profile(type="text", pattern="[a-z]*"),
        profile(type="choice", choices={"3.11": {"title": "A"}}),
    ],
)
def test_schema_and_loader_both_accept(data: dict[str, Any]) -> None:
    load_text(json.dumps(data), "", environ={}, collect=True) if "include" not in data else None
    assert accepts(data)


@pytest.mark.parametrize(
    "data",
    [
        {"hubb": {}},
        {"hub": {"urll": "x"}},
        {"hub": {"cull": {"idle": "1x"}}},
        {"hub": {"cookie_secret": "text"}},
        {"hub": {"cookie_secret": {}}},
        {"hub": {"cookie_secret": {"env": "A", "file": "b"}}},
        {"hub": {"insecure_http": "yes"}},
        {"users": {"groups": {"a b": []}}},
        {"targets": {"a b": {"kind": "x"}}},
        {"targets": {"a": {}}},
        {"targets": {}},
        profile(type="memry", default="1G"),
        profile(default="1G"),
        profile(type="memory", default="lots"),
        profile(type="memory", default=-1),
        profile(type="memory"),
        profile(type="integer", default="3"),
        profile(type="integer", default=True),
        profile(type="choice", choices={}),
        profile(type="text", mx=3),
    ],
)
def test_schema_and_loader_both_refuse(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load_text(json.dumps(data), "", environ={})
    assert not accepts(data)


def test_the_keys_of_a_kind_are_folded_in() -> None:
    def target(**keys: object) -> bool:
        return accepts({"targets": {"t": keys}}, KINDS)

    assert target(kind="process", title="Here", spawner={"a": 1})
    assert target(kind="mine", url="x", key={"env": "KEY"})
    assert not target(kind="mine")
    assert not target(kind="mine", url=7)
    assert not target(kind="mine", url="x", key="hunter2")
    assert not target(kind="process", url="x")
    assert not target(kind="other")
