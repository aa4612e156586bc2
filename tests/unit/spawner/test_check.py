"""What only the targets can tell of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "jupyterhub.spawner.SimpleLocalProcessSpawner"


def problems(folder: Path, text: str) -> dict[str, str]:
    file = folder / "anywhere.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site(file, state_root=folder / "state")
    return {each.path: f"{each.line}: {each.message} {each.hint}" for each in caught.value.problems}


def test_one_run_reports_everything(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"""
targets:
  here: {{kind: proces}}
  p: {{kind: process, colour: red, spawner: {{mem_limt: 1G, start_timeout: soon}}}}
  site: {{kind: custom, class: "{LOCAL}", spawner: {{mem_limit: lots}}}}
  gone: {{kind: custom, class: nopkg.Nope}}
  odd: {{kind: custom, class: pathlib.Path}}
  lab: {{kind: swarm}}
profiles:
  python:
    targets: [p, moon]
    sets: {{cpu_limit: 2}}
    options:
      image: {{type: choice, choices: {{slim: {{sets: {{image: "img:1"}}}}}}}}
      limit: {{type: text, default: much, sets: {{start_timeout: "{{value}}"}}}}
    access: {{groups: [gpu]}}
""",
    )
    assert "Did you mean process?" in found["targets.here.kind"]
    assert "Did you mean mem_limit?" in found["targets.p.spawner.mem_limt"]
    assert "expected an int, not text" in found["targets.p.spawner.start_timeout"]
    assert found["targets.p.colour"].startswith("4: ")
    assert "not a valid memory" in found["targets.site.spawner.mem_limit"]
    assert "No module named 'nopkg'" in found["targets.gone"]
    # The path says the target; the words do not say it again.
    assert found["targets.odd"].startswith("7: pathlib.Path is no Spawner class")
    assert "not in this version" in found["targets.lab.kind"]
    assert "there is no target 'moon'" in found["profiles.python.targets[1]"]
    image = found["profiles.python.options.image.choices.slim.sets.image"]
    assert "has no trait 'image'" in image
    assert "can name its targets" in image
    assert "expected an int" in found["profiles.python.options.limit.sets.start_timeout"]
    assert "profiles.python.access.groups[0]" in found
    assert "profiles.python.sets.cpu_limit" not in found


def test_what_differs_by_target_is_checked_at_that_target(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"""
targets:
  a: {{kind: custom, class: "{LOCAL}"}}
  b: {{kind: custom, class: "{LOCAL}"}}
profiles:
  python:
    targets: [a, b]
    options:
      memory:
        type: memory
        default: 1G
        sets: {{mem_limit: "{{value}}"}}
        sets_for: {{b: {{memory: "{{value}}"}}}}
      only:
        type: boolean
        targets: [a]
        sets: {{debug: "{{value}}"}}
""",
    )
    assert list(found) == ["profiles.python.options.memory.sets_for.b.memory"]


def test_a_missing_secret_is_named_and_not_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANYWHERE_TEST_SECRET", raising=False)
    found = problems(
        tmp_path,
        f"""
targets:
  a:
    kind: custom
    class: "{LOCAL}"
    spawner: {{environment: {{KEY: {{env: ANYWHERE_TEST_SECRET}}}}}}
""",
    )
    (text,) = found.values()
    assert "ANYWHERE_TEST_SECRET is not set" in text
    monkeypatch.setenv("ANYWHERE_TEST_SECRET", "hunter2")
    site = load_site(tmp_path / "anywhere.yaml", state_root=tmp_path / "state")
    assert site.factories["a"].values["environment"] == {"KEY": "hunter2"}
    assert "hunter2" not in repr(site)


def test_the_built_in_default_is_right(tmp_path: Path) -> None:
    site = load_site(None, state_root=tmp_path / "state")
    assert list(site.targets) == ["here"]
    assert site.targets["here"].kind == "process"
