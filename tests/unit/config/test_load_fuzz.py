"""Whatever is in the file: it loads, or it is a `ConfigError` with places."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from jupyterhub_anywhere.config.explain import explain
from jupyterhub_anywhere.config.load import load, load_text
from jupyterhub_anywhere.config.marks import KeyPath, dotted
from jupyterhub_anywhere.core.errors import ConfigError, Problem

SAMPLE: dict[str, Any] = YAML(typ="safe", pure=True).load(
    """
hub:
  url: http://127.0.0.1:8000
  tls: {cert: a, key: b}
  database: {env: X}
  cookie_secret: {file: x}
  cull: {idle: 1h, every: 5m}
  trusted_proxies: [10.0.0.0/8]
users:
  login: pam
  login_options: {a: {env: X}}
  allowed: [ann]
  groups: {g: [ann]}
  uids: 2000-9000
targets: {here: {kind: process, more: [1], spawner: {a: {b: c}}}, lab: {kind: docker}}
profiles:
  p:
    title: P
    targets: [here, lab]
    sets: {a: 1}
    sets_for: {lab: {b: 2}}
    options:
      a: {type: memory, default: 1G, min: 1M, max: 4G, sets: {m: "{value}"}}
      b: {type: choice, choices: {s: {title: S, targets: [lab]}, t: {}}, default: s}
      c: {type: text, pattern: "[a-z]*", default: a}
      d: {type: cpu, default: 2}
      e: {type: boolean, access: {groups: [g], users: [ann]}}
      f: {type: integer, default: 3}
      g: {type: number, default: 3.5}
    access: {groups: [g]}
"""
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def outcome(text: str) -> None:
    """Load a text; any exception but the one that is allowed fails the test."""
    try:
        load_text(text, "a.yaml", environ={})
        problems: tuple[Problem, ...] = ()
    except ConfigError as error:
        problems = error.problems
    assert all(each.file and each.line and each.message for each in problems)


def paths(data: Any, path: KeyPath = ()) -> list[KeyPath]:
    """The paths of all values in data, but its root."""
    items: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    return [each for key, value in items for each in [(*path, key), *paths(value, (*path, key))]]


PATHS = paths(SAMPLE)


def holder(data: Any, path: KeyPath) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.yaml"
        file.write_bytes(data)
        with contextlib.suppress(ConfigError):
            assert load(file, environ={}).path == file


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.text(alphabet="abA:{}[]&*!|>-?#,'\"%@`\\ \t\n\r10.~<", max_size=80))
@settings(max_examples=300)
def test_any_text_of_the_characters_that_yaml_knows(text: str) -> None:
    outcome(text)


@given(st.sampled_from(PATHS), JSON)
@settings(max_examples=300)
def test_any_value_at_any_place_of_a_sound_file(path: KeyPath, value: Any) -> None:
    data = copy.deepcopy(SAMPLE)
    holder(data, path)[path[-1]] = value
    outcome(json.dumps(data))


@given(st.sampled_from(PATHS), st.text(max_size=8), JSON)
def test_any_key_added_at_any_place_of_a_sound_file(path: KeyPath, key: str, value: Any) -> None:
    data = copy.deepcopy(SAMPLE)
    here = holder(data, path)
    if isinstance(here, dict):
        here[key] = value
        del here[path[-1]]
    else:
        here.append(value)
    outcome(json.dumps(data))


@given(st.lists(st.text(max_size=12) | JSON, max_size=3))
def test_any_includes(listed: list[Any]) -> None:
    outcome(json.dumps({"include": listed}))


def test_every_key_of_the_sample_can_be_explained() -> None:
    loaded = load_text(json.dumps(SAMPLE), "a.yaml", environ={}, collect=True)
    for path in PATHS:
        found = explain(loaded, dotted(path))
        assert found.origin == "a.yaml:1"
        assert found.value
