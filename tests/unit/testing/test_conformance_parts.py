"""The suite finds differences, and its list of exceptions can neither hide nor gather dust."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyterhub_anywhere.testing import exceptions, table
from jupyterhub_anywhere.testing.compare import NOTHING, Difference, differences
from jupyterhub_anywhere.testing.runner import hold, judge
from jupyterhub_anywhere.testing.scenarios import scenarios
from jupyterhub_anywhere.testing.subjects.thorough import SUBJECT
from jupyterhub_anywhere.testing.talk import Heard
from jupyterhub_anywhere.testing.words import Words
from jupyterhub_anywhere.testing.world import Call

DOCS = Path(__file__).parents[3] / "docs"


def heard(*calls: Call, **facts: Any) -> list[Heard]:
    return [Heard("start", calls, facts)]


def found(bare: list[Heard], ours: list[Heard]) -> list[tuple[str, Any, Any]]:
    return [(each.path, each.bare, each.ours) for each in differences(bare, ours)]


def test_equal_conversations_have_no_differences() -> None:
    one = heard(Call("create", {"a": [{"b": 1}]}), status=201)
    assert found(one, one) == []


def test_a_fact_of_a_call_is_named_by_its_path() -> None:
    bare, ours = Call("create", {"Labels": {"a": "1"}}), Call("create", {"Labels": {"a": "2"}})
    assert found(heard(bare), heard(ours)) == [("calls/create/Labels/a", "1", "2")]


def test_a_call_that_only_one_side_makes_is_a_difference() -> None:
    create, look = Call("create", {}), Call("look", {"all": True})
    assert found(heard(create), heard(create, look)) == [("calls/look", NOTHING, {"all": True})]
    assert found(heard(look, create), heard(create)) == [("calls/look", {"all": True}, NOTHING)]


def test_looking_more_often_is_none() -> None:
    look = Call("look", {})
    assert found(heard(look), heard(look, look, look)) == []


def test_what_only_has_to_be_contained_may_stand_in_more() -> None:
    assert found(heard(**{"~form": "<a>"}), heard(**{"~form": "<p><a></p>"})) == []
    assert found(heard(**{"~form": "<a>"}), heard(**{"~form": "<p></p>"}))


def test_conversations_of_other_steps_are_not_compared_further() -> None:
    (difference,) = differences(heard(), [Heard("stop", (), {})])
    assert difference.path == "steps"


ENTRY = "{subjects: [x], rows: [R2], where: calls/create/Labels/*, reason: our labels}"


def test_an_exception_allows_what_it_names_and_no_more() -> None:
    (allowed,) = exceptions.read(f"- {ENTRY}")
    label = Difference("start", "calls/create/Labels/ours", NOTHING, "1")
    other = Difference("start", "calls/create/Env/A", NOTHING, "1")
    assert judge("life", [label], [allowed]) == ([], frozenset({allowed}))
    faults, used = judge("life", [label, other], [allowed])
    assert faults == [str(other)]
    assert used == {allowed}


def test_an_exception_may_be_meant_for_one_step_or_scenario() -> None:
    label = Difference("start", "calls/create/Labels/ours", NOTHING, "1")
    for key, fits in (("step: start", True), ("step: stop", False), ("scenario: ssl-*", False)):
        (allowed,) = exceptions.read(f"- {ENTRY[:-1]}, {key}}}")
        assert allowed.allows("life", label) is fits


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {subjects: [x], rows: [R2], where: a}", "reason"),
        ("- {subjects: [x], rows: [R99], where: a, reason: b}", "R99"),
        ("- {subjects: [x], rows: [R1], where: a, reason: b, colour: c}", "colour"),
        ("- {subjects: [x], rows: [R1], where: a, reason: ' '}", "no reason"),
    ],
)
def test_a_wrong_exception_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exceptions.read(text)


def test_exceptions_are_for_their_subjects() -> None:
    entries = exceptions.read(f"- {ENTRY}\n- {ENTRY.replace('[x]', '[y]')}")
    assert [each.subjects for each in exceptions.of("x", entries)] == [("x",)]


def test_random_parts_become_words() -> None:
    words = Words({"/tmp/a": "OUTER", "/tmp/a/b": "INNER"})
    token, url = "0123456789abcdef" * 2, "http://127.0.0.1:40123/"
    given = {"t": token, "u": url, "p": "/tmp/a/b/c", "port": 40123, "pid": 7, "started": "now"}
    assert words.plain(given) == {
        "t": "TOKEN",
        "u": "http://127.0.0.1:PORT/",
        "p": "INNER/c",
        "port": "PORT",
        "pid": "PID",
        "started": "TIME",
    }
    assert words.plain({"port": 8888, "n": 40123, "s": {2, 1}}) == {
        "port": 8888,
        "n": 40123,
        "s": ["1", "2"],
    }


def test_an_unfaithful_delegation_is_found(tmp_path: Path) -> None:
    # The class is told two things, as a wrapper would that loses a setting on its way.
    colours = iter(["red", "blue"])
    subject = replace(
        SUBJECT, config=lambda c, _: c.ThoroughSpawner.update({"colour": next(colours)})
    )
    (scenario,) = [each for each in scenarios(SUBJECT) if each.name == "error-create-default"]
    result = asyncio.run(hold(subject, scenario, tmp_path, ()))
    assert any("calls/create/environment/COLOUR" in fault for fault in result.faults)


def test_the_table_in_the_documentation_is_that_of_the_suite() -> None:
    # The suite itself fails where an exception is missing or not needed.
    assert (DOCS / "reference" / "conformance.md").read_text("utf-8") == table.table(
        table.declared()
    ), "run: python -m jupyterhub_anywhere.testing --write docs/reference/conformance.md"
