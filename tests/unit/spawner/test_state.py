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


DOCKER = {"object_id": "abc", "object_name": "jupyter-ann"}


def stored(envelope: Envelope) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(envelope.to_state()))
    return state


def test_the_childs_own_keys_stand_beside_the_envelope() -> None:
    envelope = Envelope(target="lab", child=DOCKER, kept={"lab": {}, "here": {"pid": 3}})
    state = stored(envelope)
    assert {name: state[name] for name in DOCKER} == DOCKER
    assert "pid" not in state
    assert Envelope.from_state(state) == envelope


def test_a_stopped_server_shows_what_its_latest_child_keeps() -> None:
    envelope = Envelope(kept={"here": {"pid": 3}, "lab": {"pvc_name": "claim-ann"}})
    state = stored(envelope)
    assert state["pvc_name"] == "claim-ann"
    assert "pid" not in state
    assert Envelope.from_state(state) == envelope


def test_the_envelopes_own_names_win() -> None:
    envelope = Envelope(target="lab", child={"target": "x", "v": 7, "class": "y", "pid": 1})
    state = stored(envelope)
    assert (state["v"], state["target"], state["pid"]) == (1, "lab", 1)
    assert "class" not in state
    assert Envelope.from_state(state) == envelope


def test_what_another_class_has_written_since_is_foreign_again() -> None:
    mine = stored(Envelope(target="lab", definition="d", child=DOCKER, kept={"lab": {}}))
    # Most classes write a state of their own ...
    assert Envelope.from_state({"object_id": "new"}) == Envelope(foreign={"object_id": "new"})
    # ... some copy what they were given.
    envelope = Envelope.from_state({**mine, "object_id": "new"})
    assert envelope.foreign == {**DOCKER, "object_id": "new"}
    assert (envelope.target, envelope.definition, envelope.child) == ("", "", {})
    assert envelope.kept == {"lab": {}}


def test_a_state_without_the_childs_keys_is_ours() -> None:
    state = {"v": 1, "target": "lab", "child": DOCKER}
    assert Envelope.from_state(state) == Envelope(target="lab", child=DOCKER)


def test_a_foreign_state_is_shown_as_it_was() -> None:
    state = stored(Envelope(foreign=DOCKER))
    assert {name: state[name] for name in DOCKER} == DOCKER
    assert Envelope.from_state(state) == Envelope(foreign=DOCKER)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(st.text(), JSON, max_size=4))
def test_any_childs_state_survives(child: dict[str, Any], kept: dict[str, Any]) -> None:
    for envelope in (
        Envelope(target="lab", child=child, kept={"lab": {}}),
        Envelope(kept={"lab": kept}, last={"target": "lab"}),
    ):
        assert Envelope.from_state(stored(envelope)) == envelope


def test_what_is_no_json_is_told() -> None:
    assert not json_safe({"f": print})
    assert not json_safe({"n": float("nan")})
    loop: list[Any] = []
    loop.append(loop)
    assert not json_safe(loop)
