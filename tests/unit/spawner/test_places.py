"""Targets without their spawners: what a file alone says is checked, what classes say is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.leftovers import places_of
from jupyterhub_anywhere.hub.uprecord import UpRecord
from jupyterhub_anywhere.spawner.places import Places, load_places
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
users: {uids: 80000-80999}
targets:
  here: {kind: process}
  lab: {kind: docker, url: "unix:///nowhere.sock"}
profiles:
  python: {targets: [here, lab]}
"""


def places(folder: Path, text: str) -> Places:
    file = folder / "anywhere.yaml"
    file.write_text(text, "utf-8")
    return load_places(file, state_root=folder / "state", hub_id="hub-abc")


def test_they_are_those_of_the_site(tmp_path: Path) -> None:
    found = places(tmp_path, FILE)
    file = tmp_path / "anywhere.yaml"
    site = load_site(file, state_root=tmp_path / "state", hub_id="hub-abc")
    assert found.info == site.info
    assert found.config == site.config
    assert list(found.targets) == list(site.targets) == ["here", "lab"]
    for name, target in found.targets.items():
        assert type(target) is type(site.targets[name])
        assert target.own == site.targets[name].own


def test_the_hubs_id_is_the_files_then_the_folders(tmp_path: Path) -> None:
    state = StatePaths(tmp_path / "state")
    file = tmp_path / "anywhere.yaml"
    file.write_text(FILE, "utf-8")
    assert load_places(file, state_root=state.root).info.hub_id == "unsaved"
    state.hub_id.parent.mkdir(parents=True)
    state.hub_id.write_text("hub-stored\n")
    assert load_places(file, state_root=state.root).info.hub_id == "hub-stored"
    file.write_text(f"hub: {{id: hub-file}}{FILE}", "utf-8")
    assert load_places(file, state_root=state.root).info.hub_id == "hub-file"


def test_what_a_file_alone_has_wrong_is_told_all_at_once(tmp_path: Path) -> None:
    text = """
targets:
  lab: {kind: dokcer}
  far: {kind: docker, ulr: "unix:///x"}
  here: {kind: process, spawner: {environment: {KEY: {file: no-such-file}}}}
profiles:
  python: {targets: [nowhere]}
"""
    with pytest.raises(ConfigError) as caught:
        places(tmp_path, text)
    told = str(caught.value)
    for part in ("Did you mean docker?", "ulr", "no-such-file", "nowhere"):
        assert part in told


def test_what_only_a_class_has_to_say_keeps_nobody_from_its_targets(tmp_path: Path) -> None:
    text = FILE.replace("{kind: process}", "{kind: process, spawner: {no_such_trait: 1}}")
    assert list(places(tmp_path, text).targets) == ["here", "lab"]
    file, state = tmp_path / "anywhere.yaml", StatePaths(tmp_path / "state")
    with pytest.raises(ConfigError, match="no_such_trait"):
        load_site(file, state_root=state.root)
    record = UpRecord(None, "http://x/", file, "hub-abc")
    assert list(places_of(state, record, "hub-abc").targets) == ["here", "lab"]


def test_of_a_broken_file_the_default_is_left(tmp_path: Path) -> None:
    file, state = tmp_path / "anywhere.yaml", StatePaths(tmp_path / "state")
    file.write_text("targets: [", "utf-8")
    record = UpRecord(None, "http://x/", file, "hub-abc", share_account=True)
    found = places_of(state, record, "hub-abc")
    assert [target.kind for target in found.targets.values()] == ["process"]
    assert (found.info.hub_id, found.info.share_account) == ("hub-abc", True)
