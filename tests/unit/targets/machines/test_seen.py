"""Versions of agent, Python and Jupyter on machines, as `anywhere doctor` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.agent import agent
from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.targets.machines import seen

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.core.findings import Finding

FINE = {"python": "3.11.2", "singleuser": "6.1.0", "agent": agent.VERSION}


def told(tmp_path: Path, **machine: Any) -> Finding:
    seen.note(tmp_path, "nova", "debian", {**FINE, **machine})
    [found] = seen.findings(tmp_path, "nova")
    assert found.subject == "target nova: machines of debian"
    return found


def test_what_is_as_it_should_be(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert found.level is Level.OK
    text = f"they had Python 3.11.2, jupyterhub-singleuser 6.1.0 and agent {agent.VERSION}"
    assert found.message == text
    assert "no jupyterhub-singleuser" in told(tmp_path, singleuser="").message


@pytest.mark.parametrize(
    ("machine", "level", "cure"),
    [
        ({"singleuser": "1.5.1"}, Level.WARNING, "Install 2.0 or newer"),
        ({"agent": "0"}, Level.WARNING, "delete it once it rests"),
        ({"python": "none", "agent": ""}, Level.ERROR, "apt-get install python3"),
        ({"python": "3.6.8"}, Level.ERROR, "3.8 or newer"),
    ],
)
def test_what_is_too_old_has_a_cure(
    tmp_path: Path, machine: dict[str, str], level: Level, cure: str
) -> None:
    found = told(tmp_path, **machine)
    assert found.level is level
    assert cure in found.cure


def test_the_last_machine_of_an_image_counts_and_other_targets_do_not(tmp_path: Path) -> None:
    seen.note(tmp_path, "nova", "debian", {**FINE, "singleuser": "1.5.1"})
    seen.note(tmp_path, "elsewhere", "debian", FINE)
    assert told(tmp_path).level is Level.OK


def test_a_machine_cannot_fill_the_file(tmp_path: Path) -> None:
    told(tmp_path, singleuser="9" * 8000, python="3.11.2" * 1000)
    assert (tmp_path / "machines.json").stat().st_size < 1000
