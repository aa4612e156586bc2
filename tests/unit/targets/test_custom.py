"""Foreign classes: imported, built once to see whether that works, and asked what they can list."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.spawner.check_custom import check_trials, trial_notes
from jupyterhub_anywhere.spawner.site import Site, load_site
from jupyterhub_anywhere.targets.base import Level
from jupyterhub_anywhere.targets.custom import CustomTarget
from jupyterhub_anywhere.targets.trial import tried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = """
import os, time
from jupyterhub.spawner import SimpleLocalProcessSpawner, Spawner
from traitlets import Unicode

class Good(SimpleLocalProcessSpawner):
    key = Unicode().tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        print("chatter on stdout")
        assert self.user.name and self.orm_spawner is not None and self.hub is not None

    @classmethod
    def anywhere_inventory(cls, target):
        return Listing(target.site.hub_id)

class Listing:
    def __init__(self, hub_id):
        self.hub_id = hub_id
    async def owned(self): return []
    async def observe(self, names): return {}
    async def destroy(self, resource): return True

class Raises(Good):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        raise RuntimeError(f"the daemon refuses {self.key}")

class Exits(Good):
    def __init__(self, **kwargs):
        raise SystemExit("no systemd here")

class Dies(Good):
    def __init__(self, **kwargs):
        os._exit(7)

class Sleeps(Good):
    def load_state(self, state):
        time.sleep(600)

class Lists(Good):
    @classmethod
    def anywhere_inventory(cls, target):
        return object()

class ListsBadly(Good):
    @classmethod
    def anywhere_inventory(cls, target):
        raise OSError("away")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "foreign_classes.py").write_text(CLASSES, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("foreign_classes", None)


def site(folder: Path, **classes: str) -> Site:
    lines = ["targets:"]
    for name, cls in classes.items():
        spawner = "{key: {env: FAITH_KEY}}" if "." not in cls else "{}"
        path = cls if "." in cls else f"foreign_classes.{cls}"
        lines.append(f"  {name}: {{kind: custom, class: {path}, spawner: {spawner}}}")
    file = folder / "anywhere.yaml"
    file.write_text("\n".join(lines), "utf-8")
    return load_site(file, state_root=folder / "state")


def target(found: Site, name: str) -> CustomTarget:
    each = found.targets[name]
    assert isinstance(each, CustomTarget)
    return each


def test_check_names_every_class_that_cannot_be_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAITH_KEY", "hunter2hunter2")
    found = site(folder, good="Good", raises="Raises", exits="Exits", dies="Dies")
    with pytest.raises(ConfigError) as caught:
        check_trials(found)
    told = {problem.path: problem for problem in caught.value.problems}
    assert set(told) == {f"targets.{name}.class" for name in ("raises", "exits", "dies")}
    raises = told["targets.raises.class"]
    assert "RuntimeError: the daemon refuses … (" in raises.message
    assert raises.line == 3
    assert "SystemExit: no systemd here" in told["targets.exits.class"].message
    assert "ends the program with status 7" in told["targets.dies.class"].message
    assert not [problem for problem in told.values() if "hunter2" in str(problem)]


@pytest.mark.usefixtures("folder")
async def test_a_constructor_that_does_not_return_is_given_up() -> None:
    cause = await tried("foreign_classes.Sleeps", "x", {}, seconds=0.5)
    assert cause == "its constructor has not returned within 0.5 s"


def test_before_a_start_each_definition_is_built_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAITH_KEY", "hunter2")
    (folder / "state" / "hub").mkdir(parents=True)
    found = site(folder, good="Good", exits="Exits")
    (note,) = trial_notes(found)
    assert "target exits: foreign_classes.Exits cannot be built: SystemExit" in note
    # The good one is not tried again: it could not be found any more.
    (folder / "foreign_classes.py").unlink()
    (note,) = trial_notes(found)
    assert note.startswith("target exits:")


async def test_the_doctor_builds_a_class_and_says_whether_it_lists(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAITH_KEY", "hunter2")
    found = site(
        folder,
        good="Good",
        plain="jupyterhub.spawner.SimpleLocalProcessSpawner",
        lists="Lists",
        badly="ListsBadly",
        exits="Exits",
    )
    every = await asyncio.gather(*(target(found, name).findings() for name in found.targets))
    told = {name: findings[0] for name, findings in zip(found.targets, every, strict=True)}
    assert told["good"].level is Level.OK
    assert "what it starts can be listed" in told["good"].message
    assert "cannot be listed" in told["plain"].message
    assert told["exits"].level is Level.ERROR
    assert told["exits"].cure
    assert "without owned, observe, destroy" in told["lists"].message
    assert "OSError: away" in told["badly"].message
    inventory = target(found, "good").inventory()
    assert inventory is not None
    assert await inventory.owned() == []
    for name in ("plain", "lists", "badly"):
        assert target(found, name).inventory() is None


def test_two_clusters_behind_one_client_are_refused(folder: Path) -> None:
    file = folder / "anywhere.yaml"

    def load(first: str, second: str) -> Site:
        cls = "kind: custom, class: kubespawner.KubeSpawner"
        file.write_text(
            f"targets:\n  a: {{{cls}, spawner: {{{first}}}}}\n"
            f"  b: {{{cls}, spawner: {{{second}}}}}\n",
            "utf-8",
        )
        return load_site(file, state_root=folder / "state")

    load("k8s_api_host: https://a", "k8s_api_host: https://a, namespace: b")
    with pytest.raises(ConfigError) as caught:
        load("k8s_api_host: https://a", "k8s_api_host: https://b")
    (problem,) = caught.value.problems
    assert problem.path == "targets.b.spawner.k8s_api_host"
    assert "target a" in problem.message
    with pytest.raises(ConfigError):
        load("k8s_api_host: https://a", "")
