"""Paths as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.config.marks import Entry, KeyPath, Mark, Marks, dotted, split_key

PARTS = st.one_of(st.text(min_size=1), st.integers(0, 999))
PATHS = st.lists(PARTS, min_size=1).map(tuple)


@given(PATHS)
def test_a_path_that_is_written_is_read_again(path: KeyPath) -> None:
    assert split_key(dotted(path)) == path


def test_paths_read_like_names() -> None:
    assert dotted(("profiles", "p", "options", "v", "choices", "3.11")) == (
        'profiles.p.options.v.choices."3.11"'
    )
    assert dotted(("users", "admins", 0)) == "users.admins[0]"
    # What a terminal would obey is written as an escape.
    assert dotted(("a\x1b[2J",)) == r'"a\u001b[2J"'
    assert split_key("users.admins.0") == ("users", "admins", "0")


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[x]", 'a"b"', "a b", "[", '"a', r'"\x"']
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        split_key(text)


def test_the_nearest_known_place_counts() -> None:
    key, value = Mark("a", 2, 1), Mark("a", 2, 6)
    marks = Marks(Mark("a", 1, 1), {("hub",): Entry(key, value, "x")})
    assert marks.at(("hub",)) == value
    assert marks.key(("hub",)) == key
    assert marks.at(("hub", "url")) == key
    assert marks.at(("users",)) == ("a", 1, 1)
    assert marks.raw(("hub",)) == "x"
    assert marks.raw(("users",)) is None
    assert str(key) == "a:2"
    assert str(Mark("environment X", 0, 0)) == "environment X"
