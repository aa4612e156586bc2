"""What the page on machines says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner.check import build_targets, check_targets, profile_problems
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.targets.machines.spawner import MachineSpawner
from jupyterhub_anywhere.targets.machines.traits import CloudTraits, MachineTraits
from jupyterhub_anywhere.targets.machines.userdata import values_of
from jupyterhub_anywhere.testing.contract import Can
from jupyterhub_anywhere.testing.contract.machines import MachinesSubject
from jupyterhub_anywhere.testing.contract.stage import staged

PAGE = Path(__file__).parents[4].joinpath("docs", "machines.md").read_text("utf-8")


def test_the_example_is_right(tmp_path: Path) -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    loaded = load_text(text, name="anywhere.yaml")
    targets, _, problems = build_targets(loaded, SiteInfo("h", StatePaths(tmp_path), tmp_path))
    assert [*problems, *profile_problems(loaded, targets)] == []
    check_targets(loaded, targets)


def test_every_trait_is_there() -> None:
    ours = {
        name for cls in (CloudTraits, MachineTraits) for name in cls.class_own_traits(config=True)
    }
    told = PAGE.partition("## Every trait")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", told, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == ours


@pytest.mark.asyncio
async def test_every_value_of_a_template_is_there(tmp_path: Path) -> None:
    async with staged(MachinesSubject(), Can(0), tmp_path) as stage:
        spawner = await (await stage.begin()).start()
        values = set(values_of(spawner.child))
    told = PAGE.partition("They can use ")[2].partition("whatever")[0]
    assert set(re.findall(r"`(\w+)`", told)) == values


def test_the_spawner_used_alone_takes_the_samples_traits() -> None:
    told = re.findall(r"^c\.(\w+)\.(\w+) =", PAGE, re.MULTILINE)
    for section, trait in told:
        if section in {"MachineSpawner", "Spawner"}:
            assert MachineSpawner.class_traits(config=True)[trait]
