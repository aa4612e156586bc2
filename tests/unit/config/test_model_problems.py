"""What the models refuse, in plain words, with the nearest name and what is allowed."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.marks import Entry, Mark, Marks
from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.config.problems import Within, problems_of
from jupyterhub_anywhere.core.errors import ConfigError, Problem

TYPES = "Allowed: choice, boolean, integer, number, memory, cpu, text."


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, "a.yaml", environ={})
    return list(caught.value.problems)


def option(text: str) -> str:
    return f"profiles: {{p: {{targets: [here], options: {{o: {text}}}}}}}"


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("hub: {urll: x}", "hub.urll", "there is no key 'urll' here.", "Did you mean url?"),
        ("profile: {}", "profile", "there is no key 'profile' here.", "Did you mean profiles?"),
        (
            "xyzzy: {}",
            "xyzzy",
            "there is no key 'xyzzy' here.",
            "Allowed: hub, include, profiles, targets, users.",
        ),
        (
            "hub: {tls: {cert: a}}",
            "hub.tls.key",
            "the key 'key' is missing.",
            "",
        ),
        (
            option("{type: memry, default: 1G}"),
            "profiles.p.options.o",
            "unknown option type 'memry'.",
            "Did you mean memory?",
        ),
        (option("{default: 1G}"), "profiles.p.options.o", "the key 'type' is missing.", TYPES),
        (
            option("{type: 7}"),
            "profiles.p.options.o",
            "unknown option type '7'.",
            "Allowed: boolean, choice, cpu, integer, memory, number, text.",
        ),
        (
            option("{type: memory, default: 1G, mx: 2G}"),
            "profiles.p.options.o.mx",
            "there is no key 'mx' here.",
            "Did you mean max?",
        ),
        (
            option("{type: memory}"),
            "profiles.p.options.o.default",
            "the key 'default' is missing.",
            "Write an amount of memory, as 512M or 1.5G.",
        ),
        (
            option("{type: memory, default: lots}"),
            "profiles.p.options.o.default",
            "'lots' is no amount of memory; write it as 512M or 1.5G.",
            "",
        ),
        (
            option("{type: memory, default: [1]}"),
            "profiles.p.options.o.default",
            "[1] is no amount of memory; write it as 512M or 1.5G.",
            "",
        ),
        (
            option("{type: integer, default: '3'}"),
            "profiles.p.options.o.default",
            "a whole number is needed here.",
            "Write it without quotes and units.",
        ),
        (
            option("{type: integer, default: true}"),
            "profiles.p.options.o.default",
            "a whole number is needed here.",
            "",
        ),
        (
            option("{type: number, default: true}"),
            "profiles.p.options.o.default",
            "a number is needed here.",
            "",
        ),
        (
            option("{type: boolean, default: yes}"),
            "profiles.p.options.o.default",
            "true or false is needed here.",
            "To YAML 1.2, yes, no, on and off are text.",
        ),
        (
            option("{type: boolean, default: 1}"),
            "profiles.p.options.o.default",
            "true or false is needed here.",
            "",
        ),
        (
            option("{type: text, max_length: 0}"),
            "profiles.p.options.o.max_length",
            "this is less than 1.",
            "",
        ),
        (
            option("{type: text, max_length: 5000}"),
            "profiles.p.options.o.max_length",
            "this is more than 4096.",
            "",
        ),
        (
            option("7"),
            "profiles.p.options.o",
            "a mapping is needed here.",
            "Write it as {type: …}.",
        ),
        (
            option("{type: choice, choices: {}}"),
            "profiles.p.options.o.choices",
            "at least 1 is needed here.",
            "",
        ),
        (
            "profiles: {p: {targets: here}}",
            "profiles.p.targets",
            "a list is needed here.",
            "Write it as [one, two].",
        ),
        ("profiles: {p: {targets: []}}", "profiles.p.targets", "at least 1 is needed here.", ""),
        (
            "profiles: {p: {targets: [here], form: chidl}}",
            "profiles.p.form",
            "this value is not known here.",
            "Did you mean child?",
        ),
        (
            "profiles: {p: {targets: [here], form: xyzzy}}",
            "profiles.p.form",
            "this value is not known here.",
            "Allowed: menu, child.",
        ),
        ("profiles:", "profiles", "this has no value.", "Give it one, or take the line out."),
        (
            "profiles: {p: }",
            "profiles.p",
            "this has no value.",
            "Give it one, or take the line out.",
        ),
        ("hub: 7", "hub", "a mapping is needed here.", "Its keys: id, url, bind"),
        (
            "targets: {a b: {kind: x}}",
            'targets."a b"',
            "'a b' cannot be a name here.",
            "A name starts with a letter;",
        ),
        (
            "users: {groups: {7up: []}}",
            "users.groups.7up",
            "'7up' cannot be a name here.",
            "A name starts with a letter;",
        ),
        ("targets: {}", "targets", "at least 1 is needed here.", ""),
        (
            "hub: {id: X}",
            "hub.id",
            "this text does not fit here.",
            "4 to 40 lower-case letters",
        ),
        ("users: {uids: 7-x}", "users.uids", "this text does not fit here.", "Write FIRST-LAST"),
        ("hub: {url: [a]}", "hub.url", "text is needed here, not a list.", ""),
        ("hub: {url: {a: b}}", "hub.url", "text is needed here, not a mapping.", ""),
        (
            "hub: {cull: {idle: 1x}}",
            "hub.cull.idle",
            "'1x' is no duration; write it as 90s, 30m, 1h30m or 2d.",
            "",
        ),
        (
            "hub: {cookie_secret: hunter2}",
            "hub.cookie_secret",
            "a secret does not stand in the file itself.",
            "Write {env: NAME} or {file: PATH}.",
        ),
        (
            "hub: {cookie_secret: {env: A, file: b}}",
            "hub.cookie_secret",
            "a secret is {env: NAME} or {file: PATH}.",
            "",
        ),
    ],
)
def test_one_problem_in_plain_words(text: str, path: str, message: str, hint: str) -> None:
    (problem,) = problems(text)
    assert (problem.path, problem.message) == (path, message)
    assert problem.hint.startswith(hint) if hint else problem.hint == ""


def test_an_unknown_key_is_marked_at_the_key_and_a_bad_value_at_the_value() -> None:
    (unknown,) = problems("hub:\n  urll: x")
    assert (unknown.line, unknown.column) == (2, 3)
    (bad,) = problems("hub:\n  url: 7")
    assert (bad.line, bad.column) == (2, 8)
    (missing,) = problems("hub:\n  tls: {cert: a}")
    assert (missing.line, missing.column) == (2, 3)


def test_all_problems_come_at_once_also_those_between_sound_parts() -> None:
    found = problems(
        "hub: {urll: x, url: 'ftp://x'}\n"
        "targets: {lab: {kind: 7}, here: {kind: process}}\n"
        "users: {allowed: [7], admins: [Ann]}\n"
        "profiles:\n"
        "  p: {targets: [lab, her], title: 1.0, options: {a: {type: x}, b: {type: cpu,\n"
        "      default: 2, max: 1}}, access: {groups: [g]}}\n"
        "  q: {targets: 7}\n"
    )
    assert [each.path for each in found] == [
        "hub.urll",
        "hub.url",
        "targets.lab.kind",
        "users.allowed[0]",
        "users.admins[0]",
        "profiles.p.targets[1]",
        "profiles.p.title",
        "profiles.p.options.a",
        "profiles.p.options.b.default",
        "profiles.p.access.groups[0]",
        "profiles.q.targets",
    ]


@pytest.mark.parametrize(
    "value", ["hunter2", "12345", "[hunter2]", "{env: 12345}", "{fle: hunter2}", "true"]
)
@pytest.mark.parametrize("key", ["database", "cookie_secret"])
def test_no_message_shows_what_may_be_a_secret(key: str, value: str) -> None:
    if (key, value) == ("database", "hunter2"):
        value = "[hunter2]"  # a database without a password may be named in the file
    told = "\n".join(map(str, problems(f"hub: {{{key}: {value}}}")))
    assert f"hub.{key}" in told
    assert "hunter2" not in told
    assert "12345" not in told


class _Own(Model):
    """The keys of some kind of target."""

    address: str = Field(alias="url")
    count: int = 1


def test_the_keys_of_a_kind_are_told_at_their_place_in_the_file() -> None:
    data = {"ulr": "x", "count": "many", "tittle": "x"}
    prefix = ("targets", "lab")
    marks = Marks(
        Mark("a.yaml", 1, 1),
        {
            (*prefix, key): Entry(Mark("a.yaml", 3, n), Mark("a.yaml", 3, n + 5))
            for n, key in enumerate(data)
        },
    )
    with pytest.raises(ValidationError) as caught:
        _Own.model_validate(data)
    found = problems_of(
        caught.value, _Own, data, marks, Within(prefix, also=("kind", "title", "spawner"))
    )
    told = {(each.path, each.hint) for each in found}
    assert ("targets.lab.ulr", "Did you mean url?") in told
    assert ("targets.lab.tittle", "Did you mean title?") in told
    assert {each.path for each in found} >= {"targets.lab.url", "targets.lab.count"}
