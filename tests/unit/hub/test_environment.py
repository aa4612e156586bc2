"""What is looked at before a start."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub import environment
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.spawner.site import load_site
from jupyterhub_anywhere.targets.base import Finding, Level

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.spawner.site import Site


class Usage(NamedTuple):
    free: int


def site_of(folder: Path, **sections: object) -> Site:
    file = folder / "anywhere.yaml"
    file.write_text(yaml.safe_dump(sections))
    paths = open_state(folder / "state")
    return load_site(file, state_root=paths.root, hub_id="test")


def test_errors_of_the_machine_stop_a_start_and_warnings_are_told() -> None:
    fine = Finding(Level.OK, "loopback", "works")
    low = Finding(Level.WARNING, "disk", "0.4G free at /x", "Free some space.")
    never_set = Finding(Level.ERROR, "clock", "it says 1970-01-02", "Set it.")
    assert environment.told([fine, low]) == ["disk: 0.4G free at /x. Free some space."]
    with pytest.raises(SurroundingsError, match="clock: it says 1970-01-02") as refused:
        environment.told([fine, never_set])
    assert refused.value.hint == "Set it."


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = open_state(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 20))
    with pytest.raises(SurroundingsError, match=r"disk: 0\.0G free") as refused:
        environment.machine_notes(paths)
    assert "--state DIR" in refused.value.hint


def test_a_locale_without_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    notes = environment.machine_notes(open_state(tmp_path))
    assert any("LANG=C.UTF-8" in note for note in notes)


@pytest.mark.root
def test_homes_behind_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o700)
    notes = environment.home_notes(site_of(closed))
    assert len(notes) == 1
    assert "is closed for others" in notes[0]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("tls", {"url": "https://127.0.0.1:8000"}),
        ("internal_tls", {"internal_url": "https://127.0.0.1:8001"}),
    ],
)
def test_a_certificate_that_is_not_there(
    tmp_path: Path, name: str, address: dict[str, str]
) -> None:
    (tmp_path / "key.pem").write_text("")
    (tmp_path / "cert.pem").write_text("")
    tls = {"cert": "cert.pem", "key": "key.pem"}
    site = site_of(tmp_path, hub={name: tls, **address})
    (tmp_path / "key.pem").unlink()
    with pytest.raises(SurroundingsError, match=r"key\.pem cannot be read") as caught:
        environment.check_certificate(site)
    assert f"hub.{name}" in caught.value.hint


def test_an_account_without_root_is_told_whom_it_lets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    (note,) = environment._account_notes(site)
    assert note.startswith("Only ann can log in")
