"""The envelope in the database."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.spawner.state import Envelope, json_safe

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_stored_can_be_read(state: Any) -> None:
    envelope = Envelope.from_state(state)
    assert json_safe(envelope.to_state())


def test_an_envelope_survives_the_database() -> None:
    envelope = Envelope(
        target="lab",
        definition="0123",
        child_class="m:C",
        child={"pid": 1},
        kept={"lab": {"volume": "v"}, "here": {}},
        last={"profile": "p", "target": "lab", "options": {}},
    )
    stored = json.loads(json.dumps(envelope.to_state()))
    assert Envelope.from_state(stored) == envelope


def test_nothing_to_remember_is_an_empty_state() -> None:
    assert Envelope().to_state() == {}


def test_the_state_of_another_spawner_is_kept_as_it_is() -> None:
    envelope = Envelope.from_state({"object_id": "abc", "object_name": "jupyter-ann"})
    assert envelope.foreign == {"object_id": "abc", "object_name": "jupyter-ann"}
    assert envelope.to_state()["foreign"]["object_id"] == "abc"


def test_what_is_no_json_is_told() -> None:
    assert not json_safe({"f": print})
    assert not json_safe({"n": float("nan")})
    loop: list[Any] = []
    loop.append(loop)
    assert not json_safe(loop)
