"""What machines send: whatever it is, it becomes known fields or a refusal."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.targets.machines import wire
from jupyterhub_anywhere.targets.machines.wire import ShapeError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["stage", "port", "detail", "cause", "log", "status", "host_keys", "hostname", "csr", "boot"]
)
FIELDS = st.dictionaries(NAMES, ANYTHING)


@given(st.binary())
def test_bytes_are_an_object_or_refused(body: bytes) -> None:
    with contextlib.suppress(ShapeError):
        assert isinstance(wire.parsed(body), dict)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"null", b'{"a":', b"\xff", b"[" * 100_000, b" " * 300_000]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        wire.parsed(body)


@given(FIELDS)
def test_a_report_is_of_known_fields_or_refused(fields: dict[str, object]) -> None:
    data = {"stage": "running", **fields}
    try:
        found = wire.report_of(data)
    except ShapeError:
        return
    known = {"stage", "detail", "cause", "port", "status", "log", "host_keys", "servers"}
    assert set(found) == known
    assert found["stage"] in wire.STAGES
    assert found["port"] is None or 0 < found["port"] < 65536
    json.dumps(found).encode("utf-8")


@given(FIELDS | ANYTHING)
def test_a_machine_is_of_known_fields_or_refused(fields: object) -> None:
    try:
        found = wire.machine_of({"machine": fields})
    except ShapeError:
        return
    assert all(isinstance(each, str | list | None) for each in found.values())
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_texts_are_cut_and_have_no_half_characters() -> None:
    long = wire.report_of({"stage": "failed", "detail": "x" * 100_000, "log": ["\ud800\0y"] * 500})
    assert len(long["detail"]) == 8192
    assert long["log"] == ["?y"] * 64


def test_what_a_later_agent_says_more_is_left_out() -> None:
    found = wire.report_of({"stage": "running", "port": 8000, "mood": "good"})
    assert "mood" not in found


def test_half_a_list_of_servers_says_nothing_of_those_that_are_not_in_it() -> None:
    for servers, told in ((["a", "b"], ["a", "b"]), (["a"] * 64, None), ([], None)):
        assert wire.report_of({"stage": "running", "servers": servers})["servers"] == told
    assert wire.report_of({"stage": "running"})["servers"] is None
