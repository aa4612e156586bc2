"""The layout of the state folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.state import ROOT_STATE, StatePaths, default_state_root

if TYPE_CHECKING:
    import pytest


def test_every_secret_stands_in_the_folder_that_is_closed() -> None:
    paths = StatePaths(Path("/state"))
    closed = (
        paths.database,
        paths.ledger,
        paths.cookie_secret,
        paths.passwords,
        paths.proxy,
        paths.accounts,
        paths.hub_id,
        paths.up,
        paths.lock,
        paths.control,
        paths.logs,
    )
    assert {path.parent for path in closed} == {paths.hub}
    assert len(set(closed)) == len(closed)


def test_homes_are_beside_the_closed_folder() -> None:
    paths = StatePaths(Path("/state"))
    assert paths.homes.parent == paths.version.parent == paths.root
    assert not paths.homes.is_relative_to(paths.hub)


def test_root_has_its_state_in_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert default_state_root() == ROOT_STATE


def test_others_have_it_in_their_state_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_state_root() == Path("/xdg/jupyterhub-anywhere")
    monkeypatch.delenv("XDG_STATE_HOME")
    expected = Path("/home/ann/.local/state/jupyterhub-anywhere")
    assert default_state_root() == expected
    # The XDG specification: a relative path is to be ignored.
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_state_root() == expected
