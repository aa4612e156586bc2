"""Homes are made and removed without following anybody's link."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.process.homes import delete_home, ensure_home

if TYPE_CHECKING:
    from pathlib import Path

ME, MINE = os.geteuid(), os.getegid()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_private_and_its_folder_can_only_be_passed(tmp_path: Path) -> None:
    home = tmp_path / "state" / "homes" / "ann"
    ensure_home(home, ME, MINE)
    assert (mode(home.parent), mode(home)) == (0o711, 0o700)
    assert [each.name for each in home.parent.iterdir()] == ["ann"]


def test_a_home_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ann"
    ensure_home(home, ME, MINE)
    home.chmod(0o750)
    (home / "work.ipynb").write_text("{}")
    ensure_home(home, ME, MINE)
    assert mode(home) == 0o750
    assert (home / "work.ipynb").exists()


@pytest.mark.root
def test_a_home_belongs_to_its_user(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ann"
    ensure_home(home, 70001, 70001)
    assert (home.stat().st_uid, home.stat().st_gid) == (70001, 70001)
    assert delete_home(home, 70001)


def test_another_users_home_is_refused_and_not_given_away(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ann"
    ensure_home(home, ME, MINE)
    with pytest.raises(TargetError, match=f"belongs to uid {ME} and not to uid 70002"):
        ensure_home(home, 70002, 70002)
    assert home.stat().st_uid == ME


def test_a_planted_link_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir(mode=0o711)
    (tmp_path / "elsewhere").mkdir()
    home = tmp_path / "homes" / "ann"
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TargetError, match="'ann' in the folder of homes is a link or a file"):
        ensure_home(home, ME, MINE)
    with pytest.raises(TargetError, match="is a link or a file"):
        delete_home(home, ME)
    assert (tmp_path / "elsewhere").exists()


def test_a_folder_of_homes_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes").chmod(0o777)
    with pytest.raises(TargetError, match=r"may be written by others.*chmod 711"):
        ensure_home(tmp_path / "homes" / "ann", ME, MINE)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="cannot be made"):
        ensure_home(tmp_path / "file" / "homes" / "ann", ME, MINE)


def test_deleting_removes_all_and_follows_no_link(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ann"
    ensure_home(home, ME, MINE)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("")
    (home / "deep" / "er").mkdir(parents=True)
    (home / "deep" / "link").symlink_to(precious)
    assert delete_home(home, ME)
    assert list(home.parent.iterdir()) == []
    assert (precious / "file").exists()


def test_deleting_what_is_not_there_says_so(tmp_path: Path) -> None:
    assert not delete_home(tmp_path / "homes" / "ann", ME)
    (tmp_path / "homes").mkdir(mode=0o711)
    assert not delete_home(tmp_path / "homes" / "ann", ME)


def test_deleting_keeps_what_is_anothers(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ann"
    ensure_home(home, ME, MINE)
    with pytest.raises(TargetError, match="it is kept"):
        delete_home(home, 70002)
    assert home.exists()
