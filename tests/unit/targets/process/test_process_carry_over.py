"""A table that a backup brings back gives no uid again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.names import slug
from jupyterhub_anywhere.targets.process.accounts import Accounts, UidRange
from jupyterhub_anywhere.targets.process.carry_over import Rows, carry_over, merged

if TYPE_CHECKING:
    from pathlib import Path

UIDS = UidRange(3_000_000_000, 3_000_000_099)


def table(folder: Path, *names: str) -> Accounts:
    made = Accounts(folder / "accounts.sqlite", UIDS)
    for name in names:
        made.reserve(name)
    return made


def test_uids_given_since_the_backup_are_not_given_again(tmp_path: Path) -> None:
    old = table(tmp_path / "backup", "ann")
    now = table(tmp_path / "now", "ann", "ben", "cyd")
    now.note_account("dan", 1000)
    ben, cyd = now.find("ben"), now.find("cyd")
    with closing(sqlite3.connect(now.path)) as direct, direct:
        direct.execute("DELETE FROM accounts WHERE name = 'cyd'")

    carry_over(now.path, old.path, {})

    assert old.find("ben") == ben, "a name keeps its uid"
    assert old.reserve("eve") not in {ben, cyd}
    with pytest.raises(TargetError, match="was an account"):
        old.check_never_an_account("dan")


def test_owners_of_homes_are_known_though_the_present_table_is_lost(tmp_path: Path) -> None:
    old = table(tmp_path / "backup", "ann")
    ann = old.reserve("ann")
    (tmp_path / "damaged").write_bytes(b"no table at all")

    carry_over(tmp_path / "damaged", old.path, {"ann": ann, "ben": ann + 5})

    assert old.find("ann") == ann
    assert old.reserve("cyd") == ann + 6


def test_a_backup_without_a_table_gets_one(tmp_path: Path) -> None:
    now = table(tmp_path / "now", "ann")
    carry_over(now.path, tmp_path / "new" / "accounts.sqlite", {})
    assert table(tmp_path / "new").find("ann") == now.find("ann")


def test_a_damaged_table_of_the_backup_is_told(tmp_path: Path) -> None:
    (tmp_path / "accounts.sqlite").write_bytes(b"no table at all" * 100)
    with pytest.raises(TargetError, match="in the backup cannot be used"):
        carry_over(tmp_path / "none", tmp_path / "accounts.sqlite", {"ann": 70000})


@pytest.mark.parametrize(
    ("present", "restored", "homes", "wanted"),
    [
        # Another machine's backup, and the homes of this one.
        ({"ann": 1}, {"ben": 1}, {"ann": 1}, {"ann": 1}),
        ({"ann": 1}, {"ann": 2, "ben": 1}, {"ann": 1}, {"ann": 1}),
        ({}, {"ben": 1}, {"ann": 1}, {}),
        # The backup brought its homes along.
        ({"ann": 1}, {"ben": 1}, {"ben": 1}, {"ben": 1}),
        # Nobody's home tells: the backup counts, and who is in it no more keeps what is free.
        ({"ann": 1, "cyd": 3}, {"ann": 2, "ben": 1}, {}, {"ann": 2, "ben": 1, "cyd": 3}),
    ],
)
def test_the_homes_decide(
    present: dict[str, int], restored: dict[str, int], homes: dict[str, int], wanted: dict[str, int]
) -> None:
    found = merged(rows(present), rows(restored), homes)
    assert {name: uid for name, (uid, _) in found.items()} == wanted


def rows(uids: dict[str, int]) -> Rows:
    return {name: (uid, 0.0) for name, uid in uids.items()}


NAMES = some.sampled_from(["ann", "ben", "cyd", "dan"])
TABLES = some.dictionaries(NAMES, some.integers(1, 5)).filter(
    lambda uids: len(set(uids.values())) == len(uids)
)


@given(TABLES, TABLES, some.dictionaries(NAMES.map(slug), some.integers(1, 5)))
def test_no_two_names_share_a_uid_and_no_name_has_anothers_home(
    present: dict[str, int], restored: dict[str, int], homes: dict[str, int]
) -> None:
    found = {name: uid for name, (uid, _) in merged(rows(present), rows(restored), homes).items()}
    assert len(set(found.values())) == len(found)
    for name, uid in found.items():
        assert uid not in homes.values() or homes.get(slug(name)) == uid
