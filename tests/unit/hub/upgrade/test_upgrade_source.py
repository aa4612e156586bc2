"""Paths and URLs that name a database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade.source import find

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "hub 100%?.sqlite"
    made.write_bytes(b"")
    return made


def test_a_path_a_link_and_a_url_are_the_same(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    url = f"sqlite:///{file}".replace("%", "%25").replace("?", "%3F")
    for named in (str(file), file.name, str(link), url):
        assert find(named).file == file
    assert find(str(file)).place == str(file)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="There is no database"):
        find(str(tmp_path / "none.sqlite"))
    with pytest.raises(StateError, match="is no file"):
        find(str(tmp_path))
    with pytest.raises(StateError, match="is no file"):
        find("sqlite://")


def test_a_second_name_would_keep_the_old_one(file: Path, tmp_path: Path) -> None:
    os.link(file, tmp_path / "second.sqlite")
    with pytest.raises(StateError, match="more than one name"):
        find(str(file))


def test_other_databases_are_refused() -> None:
    with pytest.raises(StateError, match="of mysql cannot be upgraded") as refused:
        find("mysql+pymysql://hub:secret@db/hub")
    assert "upgrade-db" in refused.value.hint


def test_passwords_are_never_shown() -> None:
    assert find("postgresql+psycopg2://hub:secret@db/hub").place == (
        "postgresql+psycopg://hub:***@db/hub"
    )
    with pytest.raises(StateError) as refused:
        find("postgresql://hub:secret@db:port/hub")
    assert "secret" not in str(refused.value)
    with pytest.raises(StateError, match="names no database"):
        find("postgresql://hub:secret@db")
