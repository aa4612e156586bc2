"""What YAML reads otherwise than people do: each is one clear problem at its place."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.core.errors import ConfigError, Problem

BILLION_LAUGHS = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi")]  # noqa: B905 - both have eight letters
)


def problems(text: str) -> list[Problem]:
    """All problems of a text, none when it loads."""
    try:
        load_text(text, "a.yaml", environ={})
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("hub:\n\turl: x", (2, 1), "a tab stands here", "spaces only"),
        ("hub: {id: abcd}\nhub: {}", (2, 1), "there already, at line 1", ""),
        ("hub:\n  id: abcd\n  id: efgh", (3, 3), "there already, at line 2", ""),
        ("profiles: {p: {targets: [here], title: 1.10}}", (1, 40), "the number 1.1", '"1.10"'),
        ("users: {allowed: [0x1F]}", (1, 19), "the number 31", '"0x1F"'),
        ("users: {allowed: [true]}", (1, 19), "reads true as yes or no", '"true"'),
        ("hub: {url: 2026-01-01}", (1, 12), "as a date", '"2026-01-01"'),
        ("hub: {url: 2026-01-01 10:00:00}", (1, 12), "as a date", "quotes"),
        ("targets: {2026-01-01: {kind: x}}", (1, 11), "as a date", "quotes"),
        ("hub: {url: .nan}", (1, 12), "no finite number", ""),
        ("hub: {url: -.inf}", (1, 12), "no finite number", ""),
        ("hub: {url: 1e999}", (1, 12), "too large", ""),
        (f"hub: {{url: {'9' * 5000}}}", (1, 12), "too long", "quotes"),
        ("hub:\n  <<: {id: abcd}", (2, 3), "merge keys", "Write the keys out"),
        ("hub: !!python/object:os.system x", (1, 6), "tags (! and !!)", "plain value"),
        ("hub: {url: !mine x}", (1, 12), "tags (! and !!)", "plain value"),
        ("3.10: {}", (1, 1), "this key as a number", '"3.10"'),
        ("~: {}", (1, 1), "this key as nothing", '"~"'),
        ("true: {}", (1, 1), "this key as true or false", '"true"'),
        ("? [a, b]\n: c", (1, 3), "a key has to be text", ""),
        ("hub: {}\n---\nusers: {}", (2, 1), "a second document", "one document"),
        ("hub: &a [*a]", (1, 10), "has the anchor &a", ""),
        ("hub: *nobody", (1, 6), "has the anchor &nobody", ""),
        ("[" * 200, (1, 33), "more than 32 levels", ""),
        ("x: " + "{a: " * 200, (1, 128), "more than 32 levels", ""),
        ("", (1, 1), "is empty", "Write {}"),
        ("# nothing\n", (1, 1), "is empty", "Write {}"),
        ("---\n", (1, 1), "is empty", ""),
        ("null", (1, 1), "is empty", ""),
        ("- hub", (1, 1), "has to be a mapping", "include, hub, users"),
        ("hub", (1, 1), "has to be a mapping", ""),
        ("hub: a: b", (1, 7), "a colon with a blank", "quotes"),
        ("hub: @x", (1, 6), "cannot start any token", "quotes"),
        ("hub: [1, 2", (1, 11), "expected ',' or ']'", "missing"),
        ("hub: 'x", (1, 8), "end of stream", "missing"),
        ("hub:\n  id: abcd\n url: x", (3, 2), "no YAML", "indentation"),
        ("hub: \x01", (1, 6), "U+0001", ""),
        ('hub: {url: "\\ud83d"}', (1, 12), "half a character", ""),
        ('hub: "\\U99999999"', (1, 1), "no YAML", ""),
        ("%YAML 3.0\n---\nhub: {}", (1, 1), "no YAML", ""),
    ],
)
def test_one_problem_at_its_place(
    text: str, place: tuple[int, int], message: str, hint: str
) -> None:
    (problem,) = problems(text)
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.file, problem.line, problem.column) == ("a.yaml", *place)


def test_anchors_that_explode_are_refused_by_their_size() -> None:
    (problem,) = problems(BILLION_LAUGHS)
    assert "more than 100,000 values" in problem.message


def test_the_last_alias_counts_too() -> None:
    half = BILLION_LAUGHS.splitlines()[:5]  # 9 ** 5 values and a little more
    assert "there is no key" in problems("\n".join(half))[0].message
    (problem,) = problems("\n".join([*half, "z: [*e, *e]"]))
    assert "more than 100,000 values" in problem.message


def test_an_alias_counts_with_its_depth() -> None:
    text = f"a: &a {'[' * 20}{']' * 20}\nb: {'[' * 20}*a{']' * 20}"
    (problem,) = problems(text)
    assert "more than 32 levels" in problem.message
    assert (problem.line, problem.column) == (2, 24)


def test_a_small_anchor_is_taken() -> None:
    text = "users: {allowed: &all [ann, ben], admins: *all}"
    assert load_text(text, "", environ={}).config.users.admins == ("ann", "ben")


def test_a_problem_inside_an_alias_stands_where_the_value_is_written() -> None:
    text = "users:\n  allowed: &all [ann, 7]\n  admins: *all"
    places = {(each.path, each.line, each.column) for each in problems(text)}
    assert places == {("users.allowed[1]", 2, 23), ("users.admins[1]", 2, 23)}


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "1:30", "1_000", "0b1", "12e", "1.2.3"])
def test_text_that_older_yaml_read_otherwise_is_text(text: str) -> None:
    loaded = load_text(f"profiles: {{p: {{targets: [here], title: {text}}}}}", "", environ={})
    assert loaded.config.profiles["p"].title == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("007", 7),
        ("0o17", 15),
        ("0xFf", 255),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("'1.10'", "1.10"),
        ("!!str 1.10", "1.10"),
        ("! 2026-01-01", "2026-01-01"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("[1, [2]]", [1, [2]]),
    ],
)
def test_plain_values_follow_the_core_schema(text: str, value: object) -> None:
    loaded = load_text(f"targets: {{t: {{kind: x, spawner: {{v: {text} }}}}}}", "", environ={})
    found = loaded.config.targets["t"].spawner["v"]
    assert found == value
    assert type(found) is type(value)


def test_a_wrong_value_is_reported_once_and_its_neighbours_too() -> None:
    found = problems("hub: {url: .nan, ide: 1}\nprofiles: {p: {<<: {targets: [here]}}}")
    assert [each.path for each in found] == ["hub.url", "hub.ide", "profiles.p"]
