"""The shared passwords: hashes only, both sets apart, new ones at once."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import AnywhereError, StateError
from jupyterhub_anywhere.hub.passwords import (
    ADMINS,
    USERS,
    PasswordFile,
    make_passwords,
    matches,
    new_password,
)
from jupyterhub_anywhere.hub.statefolder import open_state

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_start_makes_both_and_keeps_hashes_only(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    made = make_passwords(paths)
    assert made.keys() == {USERS, ADMINS}
    assert len(made[ADMINS]) > len(made[USERS]) >= 12
    text = paths.passwords.read_text()
    assert made[USERS] not in text
    assert made[ADMINS] not in text
    assert make_passwords(paths) == {}
    file = PasswordFile(paths.passwords)
    assert file.check(USERS, made[USERS])
    assert file.check(ADMINS, made[ADMINS])
    assert not file.check(ADMINS, made[USERS])
    assert not file.check(USERS, made[USERS] + "x")
    assert not file.check(USERS, "")


def test_a_new_password_counts_at_once(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    old = make_passwords(paths)
    file = PasswordFile(paths.passwords)
    assert file.check(USERS, old[USERS])
    new = new_password(paths, admin=False)
    assert file.check(USERS, new)
    assert not file.check(USERS, old[USERS])
    assert file.check(ADMINS, old[ADMINS])


def test_accents_count_however_they_are_typed(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    chosen = new_password(paths, admin=False, password="pässwört-ﬁ")
    file = PasswordFile(paths.passwords)
    assert file.check(USERS, unicodedata.normalize("NFD", chosen))


def test_what_is_no_text_does_not_match_and_does_not_fail(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    make_passwords(paths)
    file = PasswordFile(paths.passwords)
    for odd in ("\ud800", "\0", "x" * 100_000, "пароль"):
        assert not file.check(USERS, odd)


@pytest.mark.parametrize(
    ("admin", "password"), [(False, "short"), (True, "too-short-12345"), (False, "x" * 1025)]
)
def test_lengths(tmp_path: Path, admin: bool, password: str) -> None:  # noqa: FBT001 - a parameter of the test
    with pytest.raises(AnywhereError, match="characters"):
        new_password(open_state(tmp_path), admin=admin, password=password)


def test_both_may_not_be_the_same(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    new_password(paths, admin=True, password="one-word-for-all-of-us")
    with pytest.raises(AnywhereError, match="password for admins"):
        new_password(paths, admin=False, password="one-word-for-all-of-us")


def test_broken_entries_match_nothing(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    made = make_passwords(paths)
    entry = json.loads(paths.passwords.read_text())[USERS]
    assert matches(entry, made[USERS])
    for broken in (
        {},
        {**entry, "salt": None},
        {**entry, "hash": "zz"},
        {**entry, "n": 3},
        {**entry, "n": 1 << 40},
        {**entry, "r": "x"},
    ):
        assert not matches(broken, made[USERS])
    assert not PasswordFile(tmp_path / "none").check(USERS, made[USERS])


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    paths.logs.rmdir()
    paths.hub.rename(tmp_path / "away")
    with pytest.raises(StateError, match="cannot be written"):
        new_password(paths, admin=False)
