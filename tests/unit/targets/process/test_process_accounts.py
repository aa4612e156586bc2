"""Reserved uids: one for a name, for ever, and never somebody else's."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import jupyterhub_anywhere
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.process import accounts as module
from jupyterhub_anywhere.targets.process.accounts import (
    Accounts,
    UidRange,
    next_free,
    parse_subordinate,
)

SOURCES = Path(jupyterhub_anywhere.__file__).parents[1]
UIDS = UidRange(3_000_000_000, 3_000_000_099)


@pytest.fixture
def table(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "hub" / "accounts.sqlite", UIDS)


def test_a_name_keeps_its_uid_and_two_names_differ(table: Accounts) -> None:
    ann, ben = table.reserve("ann"), table.reserve("ben")
    assert ann != ben
    assert table.reserve("ann") == ann
    assert table.names() == {ann: "ann", ben: "ben"}
    assert table.find("ben") == ben


def test_a_name_that_never_had_one_is_not_given_one_by_looking(table: Accounts) -> None:
    assert table.find("ann") is None
    assert table.names() == {}
    assert not table.path.exists()
    table.reserve("ann")
    assert table.find("ben") is None


def test_a_uid_is_not_given_again_after_its_row_was_deleted(table: Accounts) -> None:
    ann = table.reserve("ann")
    with sqlite3.connect(table.path) as direct:
        direct.execute("DELETE FROM accounts")
    direct.close()
    assert table.reserve("eve") > ann


def test_names_that_look_alike_are_different_names(table: Accounts) -> None:
    assert table.reserve("anna") != table.reserve("аnna")  # noqa: RUF001 - Cyrillic on purpose


def test_the_file_is_private(table: Accounts) -> None:
    table.reserve("ann")
    assert stat.S_IMODE(table.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(table.path.parent.stat().st_mode) == 0o700


def test_a_range_that_is_used_up_is_an_error_and_keeps_what_was_given(tmp_path: Path) -> None:
    small = Accounts(tmp_path / "a.sqlite", UidRange(UIDS.first, UIDS.first + 2))
    given = [small.reserve("ann"), small.reserve("ben")]
    # The last one of a range belongs to tries, never to a user.
    assert small.uids.probe not in given
    with pytest.raises(TargetError, match=r"used up; 'eve' gets none.*Widen `users.uids`"):
        small.reserve("eve")
    assert [small.reserve("ann"), small.reserve("ben")] == given


def test_another_range_counts_for_new_names_only(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    ann = Accounts(path, UIDS).reserve("ann")
    moved = Accounts(path, UidRange(UIDS.first - 1000, UIDS.first - 1))
    assert moved.reserve("ann") == ann
    assert moved.reserve("ben") == UIDS.first - 1000


def test_a_reserved_uid_that_an_account_has_by_now_is_refused(
    table: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.reserve("ann")
    monkeypatch.setattr(module, "known_here", lambda _uid: "account newcomer")
    with pytest.raises(TargetError, match="reserved for 'ann', and is that of account newcomer"):
        table.reserve("ann")


def test_a_broken_table_is_an_error_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("no database, " * 100)
    with pytest.raises(TargetError, match=r"a.sqlite, cannot be used"):
        Accounts(path, UIDS).reserve("ann")


def test_processes_at_the_same_time_never_share_a_uid(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    program = (
        "import sys; from pathlib import Path\n"
        "from jupyterhub_anywhere.targets.process.accounts import Accounts, UidRange\n"
        f"table = Accounts(Path({str(path)!r}), UidRange({UIDS.first}, {UIDS.last}))\n"
        "for n in range(12): table.reserve(f'{sys.argv[1]}{n}'); table.reserve(f'both{n}')\n"
    )
    crowd = [
        subprocess.Popen([sys.executable, "-c", program, name], env={"PYTHONPATH": str(SOURCES)})
        for name in ("ann", "ben", "eve")
    ]
    assert [each.wait(timeout=60) for each in crowd] == [0, 0, 0]
    assert len(Accounts(path, UIDS).names()) == 4 * 12


def test_subordinate_ranges_are_read_and_nonsense_is_passed_over() -> None:
    text = "ann:100000:65536\n# comment\nben:x:1\n:\nroot:5:0\n"
    assert parse_subordinate(text) == [UidRange(100000, 165535)]


def test_the_next_free_one_jumps_over_accounts_and_containers() -> None:
    subordinate = [UidRange(12, 20), UidRange(21, 22)]
    assert next_free(10, 30, subordinate, {10, 11, 23}.__contains__) == 24
    assert next_free(10, 22, subordinate, {10, 11}.__contains__) is None
