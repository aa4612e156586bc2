"""An old hub put into a state folder of `anywhere up`."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.statefolder import StateLock, cookie_secret, open_state
from jupyterhub_anywhere.hub.upgrade import course
from jupyterhub_anywhere.hub.upgrade.source import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Old = Callable[..., Path]

SECRET = "AB" * 32


def wish(file: Path, root: Path, secret: Path | None = None) -> course.Wish:
    return course.Wish(find(str(file)), root, secret)


def test_database_and_cookie_secret_are_there_and_the_old_one_stays(
    old: Old, tmp_path: Path
) -> None:
    file = old()
    whole = file.read_bytes()
    file.with_name("jupyterhub_cookie_secret").write_text(f"{SECRET}\n")
    plan = course.plan(wish(file, tmp_path / "state"))
    assert "the cookie secret of" in plan.steps[-1]
    assert not (tmp_path / "state").exists()
    course.carry_out(plan)
    paths = StatePaths(tmp_path / "state")
    assert cookie_secret(paths) == bytes.fromhex(SECRET)
    assert stat.S_IMODE(paths.database.stat().st_mode) == 0o600
    assert course.plan(course.Wish(find(str(paths.database)))).found.admins == ("bob", "erin")
    assert file.read_bytes() == whole
    names = {each.name for each in paths.hub.iterdir()}
    assert names == {"cookie_secret", "jupyterhub.sqlite", "logs", "up.lock"}


def test_one_that_has_the_newest_layout_is_put_there_too(old: Old, tmp_path: Path) -> None:
    file = old()
    course.carry_out(course.plan(course.Wish(find(str(file)))))
    plan = course.plan(wish(file, tmp_path / "state"))
    assert plan.steps
    course.carry_out(plan)
    assert StatePaths(tmp_path / "state").database.exists()


def test_a_hub_that_is_there_is_never_overwritten(old: Old, tmp_path: Path) -> None:
    paths = open_state(tmp_path / "state")
    paths.database.write_bytes(b"")
    with pytest.raises(StateError, match="has a hub's database already"):
        course.plan(wish(old(), paths.root))


def test_one_that_came_meanwhile_is_not_overwritten_either(old: Old, tmp_path: Path) -> None:
    plan = course.plan(wish(old(), tmp_path / "state"))
    paths = open_state(tmp_path / "state")
    paths.database.write_bytes(b"")
    with pytest.raises(StateError, match="has a hub's database already"):
        course.carry_out(plan)
    assert paths.database.read_bytes() == b""
    assert not paths.cookie_secret.exists()


def test_a_hub_that_runs_on_the_folder_is_in_the_way(old: Old, tmp_path: Path) -> None:
    plan = course.plan(wish(old(), tmp_path / "state"))
    paths = open_state(tmp_path / "state")
    with StateLock(paths), pytest.raises(StateError, match="Another hub uses"):
        course.carry_out(plan)
    assert not paths.database.exists()


def test_migrations_that_fail_leave_no_half_hub(old: Old, tmp_path: Path) -> None:
    from contextlib import closing
    from sqlite3 import connect

    file = old()
    with closing(connect(file)) as database, database:
        database.execute("ALTER TABLE users ADD COLUMN user_info TEXT")
    with pytest.raises(StateError, match="duplicate column"):
        course.carry_out(course.plan(wish(file, tmp_path / "state")))
    paths = StatePaths(tmp_path / "state")
    assert {each.name for each in paths.hub.iterdir()} == {"logs", "up.lock"}


def test_a_named_secret_has_to_be_one(old: Old, tmp_path: Path) -> None:
    file, root = old(), tmp_path / "state"
    with pytest.raises(StateError, match="cannot be read: no such file"):
        course.plan(wish(file, root, tmp_path / "none"))
    longer = tmp_path / "longer"
    longer.write_text("ab" * 64)
    with pytest.raises(StateError, match="64 hexadecimal digits") as refused:
        course.plan(wish(file, root, longer))
    assert "hub.cookie_secret" in refused.value.hint


def test_without_a_secret_that_fits_people_log_in_once_more(old: Old, tmp_path: Path) -> None:
    file = old()
    file.with_name("jupyterhub_cookie_secret").write_text("of another form")
    plan = course.plan(wish(file, tmp_path / "state"))
    assert "cookie secret" not in plan.steps[-1]
    assert any("log in once more" in each for each in plan.changes)
    course.carry_out(plan)
    assert not StatePaths(tmp_path / "state").cookie_secret.exists()
