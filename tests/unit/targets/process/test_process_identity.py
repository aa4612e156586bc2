"""Whom a server runs as, and as whom it never does."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.process.accounts import Accounts, UidRange
from jupyterhub_anywhere.targets.process.identity import (
    check_account,
    resolve_as_root,
    resolve_as_self,
    uid_min,
    usable_shell,
)


@pytest.fixture
def table(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.sqlite", UidRange(70000, 70099))


@pytest.mark.parametrize("name", ["root", "daemon", "nobody"])
def test_no_server_runs_as_a_system_account(name: str, table: Accounts, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"system account|No server runs as root"):
        resolve_as_root(name, table, tmp_path)
    assert table.find(name) is None


def test_an_alias_of_root_is_root() -> None:
    with pytest.raises(TargetError, match="No server runs as root: 'toor' is uid 0"):
        check_account("toor", 0, 1000)


def test_the_first_ordinary_account_may(tmp_path: Path) -> None:
    check_account("ann", 1000, 1000)
    with pytest.raises(TargetError, match="Log in with another name"):
        check_account("ann", 999, 1000)


def test_a_name_without_an_account_gets_a_reserved_uid_and_a_home(
    table: Accounts, tmp_path: Path
) -> None:
    found = resolve_as_root("jürgen@example.org", table, tmp_path)
    assert found.switch
    assert found.reserved
    assert found.own_home
    assert (found.name, found.groups) == ("jürgen@example.org", ())
    assert found.uid == found.gid == table.find("jürgen@example.org")
    assert found.home.parent == tmp_path
    assert found.home.name.isascii()


def test_an_account_has_its_own_home_and_groups(
    table: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = pwd.struct_passwd(("ann", "x", 1234, 1235, "", "/srv/ann", "/usr/sbin/nologin"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: entry)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid, 44])
    found = resolve_as_root("ann", table, tmp_path)
    assert (found.uid, found.gid, found.groups) == (1234, 1235, (1235, 44))
    assert (found.home, found.shell) == (Path("/srv/ann"), "/bin/bash")
    assert found.switch
    assert not found.own_home
    assert table.find("ann") is None


def test_an_ordinary_user_stays_who_they_are(tmp_path: Path) -> None:
    found = resolve_as_self("ann", tmp_path, share_account=False)
    assert (found.uid, found.home) == (os.getuid(), Path.home())
    assert not found.switch
    assert not found.own_home


def test_names_that_share_an_account_have_homes_of_their_own(tmp_path: Path) -> None:
    ann = resolve_as_self("ann", tmp_path, share_account=True)
    ben = resolve_as_self("ben", tmp_path, share_account=True)
    assert {ann.home, ben.home} == {tmp_path / "ann", tmp_path / "ben"}
    assert ann.own_home


def test_uid_min_is_read_from_login_defs() -> None:
    assert uid_min("# UID_MIN 5\nUID_MIN\t\t 500\nSYS_UID_MIN 100\n") == 500
    assert uid_min("") == 1000


@pytest.mark.parametrize(
    ("shell", "usable"),
    [("/bin/zsh", "/bin/zsh"), ("/bin/false", "/bin/bash"), ("", "/bin/bash")],
)
def test_a_shell_that_refuses_to_run_is_replaced(shell: str, usable: str) -> None:
    assert usable_shell(shell) == usable


def test_an_account_that_is_not_found_any_more_gets_no_second_uid(
    table: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = pwd.struct_passwd(("ann", "x", 4711, 4711, "", "/home/ann", "/bin/sh"))
    directory = {"ann": account}
    monkeypatch.setattr(pwd, "getpwnam", directory.__getitem__)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid])
    assert resolve_as_root("ann", table, tmp_path).uid == 4711
    directory.clear()

    with pytest.raises(TargetError, match=r"was an account .*uid 4711.*not found now") as told:
        resolve_as_root("ann", table, tmp_path)

    assert "getent passwd ann" in str(told.value)
    assert str(table.path) in str(told.value)
    assert table.find("ann") is None
    assert resolve_as_root("ben", table, tmp_path).reserved
    directory["ann"] = account
    assert resolve_as_root("ann", table, tmp_path).uid == 4711
