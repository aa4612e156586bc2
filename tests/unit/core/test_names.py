"""User names, slugs and the nearest name."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_anywhere.core.names import (
    MAX_USER_NAME,
    did_you_mean,
    nearest,
    normalize_user_name,
    resource_name,
    slug,
)

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
HUB_IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{3,39}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("ann", "ann"),
        (" Ann ", "ann"),
        ("a.b-c_d@e+f", "a.b-c_d@e+f"),
        ("Jürgen", "jürgen"),
        ("e\u0301ve", "éve"),
        ("\uff46\uff55\uff4c\uff4c", "full"),
        ("名前", "名前"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_a_name_has_one_stored_form(name: str, normal: str) -> None:
    assert normalize_user_name(name) == normal


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".ann",
        "-rf",
        "a b",
        "a\nb",
        "a/b",
        "a\\b",
        "a:b",
        "<b>",
        "a\0",
        "½",
        "a" * 65,
        "😀",
    ],
)
def test_what_no_user_may_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a user name"):
        normalize_user_name(name)


@given(st.text(max_size=80))
@example("İ")
@example("ǰ̌")
def test_normalising_twice_changes_nothing(name: str) -> None:
    try:
        normal = normalize_user_name(name)
    except ValueError:
        return
    assert normalize_user_name(normal) == normal
    assert 1 <= len(normal) <= MAX_USER_NAME
    assert unicodedata.is_normalized("NFKC", normal)
    assert not set(normal) & set("/\\\0:<>&\"' \n")


@given(st.text(min_size=1, max_size=200), st.integers(16, 63))
def test_a_slug_is_a_dns_label_that_fits(text: str, length: int) -> None:
    found = slug(text, length=length)
    assert LABEL.fullmatch(found)
    assert len(found) <= length


@given(st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True))
def test_a_plain_name_is_its_own_slug(name: str) -> None:
    assert slug(name) == name
    assert slug(slug(name)) == name


@given(st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=40, unique=True))
@example(["A", "a"])
@example(["a b", "a-b", "a_b", "a--b"])
@example(["ann", "Ann", "ánn", "ann "])
def test_two_names_never_meet_in_one_slug(names: list[str]) -> None:
    assert len({slug(name) for name in names}) == len(names)


@given(st.text(min_size=1, max_size=60))
def test_nobody_can_be_called_as_the_slug_of_another(name: str) -> None:
    found = slug(name)
    assert found == name or slug(found) != found


@given(HUB_IDS, st.text(min_size=1, max_size=64), st.text(max_size=64), st.integers(0, 9999))
def test_the_name_of_a_resource_is_a_dns_label(
    hub: str, user: str, server: str, attempt: int
) -> None:
    name = resource_name(hub, user, server, attempt=attempt)
    assert len(name) <= 63
    assert LABEL.fullmatch(name)
    assert name == resource_name(hub, user, server, attempt=attempt)


def test_servers_users_and_hubs_are_kept_apart() -> None:
    names = {
        resource_name("hub-one", "ann", ""),
        resource_name("hub-two", "ann", ""),
        resource_name("hub-one", "ben", ""),
        resource_name("hub-one", "ann", "x"),
        resource_name("hub-one", "ann-x", ""),
        resource_name("hub-one", "ann", "", attempt=1),
    }
    assert len(names) == 6


def test_the_nearest_name_ignores_case() -> None:
    assert nearest("Memory", ["memory", "cpu"]) == "memory"
    assert nearest("memry", ["memory", "cpu"]) == "memory"
    assert nearest("zzz", ["memory", "cpu"]) == ""


def test_the_hint_is_a_guess_or_what_is_allowed() -> None:
    assert did_you_mean("memry", ["memory", "cpu"]) == "Did you mean memory?"
    assert did_you_mean("zzz", ["memory", "cpu"]) == "Allowed: cpu, memory."
    assert did_you_mean("zzz", []) == ""
    many = did_you_mean("zzz", [f"n{number:02}" for number in range(20)])
    assert many.endswith("n11 and 8 more.")
