"""Kind ``process``: what the entry point gives, and what it tells its spawner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.targets.base import Level, NoSettings, SiteInfo
from jupyterhub_anywhere.targets.process import ProcessKind, ProcessSpawner, certs
from jupyterhub_anywhere.targets.process import kind as module
from jupyterhub_anywhere.targets.process.limits import NoLimits
from jupyterhub_anywhere.targets.registry import broken, kinds
from jupyterhub_anywhere.targets.traits import check_trait

if TYPE_CHECKING:
    import pytest


def make(folder: Path, **spawner: Any) -> ProcessKind:
    info = SiteInfo("hub-1", StatePaths(folder / "state"), folder, uids=(80000, 89999))
    declared = TargetConfig(kind="process", spawner=spawner)
    return ProcessKind("here", declared, NoSettings(), info)


def test_the_entry_point_names_it() -> None:
    assert kinds()["process"] is ProcessKind
    assert "process" not in broken()


def test_listing_the_kinds_does_not_import_jupyterhub() -> None:
    program = (
        "import sys, jupyterhub_anywhere.targets.process as p; assert p.ProcessKind;"
        "sys.exit('jupyterhub' in sys.modules)"
    )
    sources = str(Path(module.__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", program], check=False, env={"PYTHONPATH": sources})
    assert done.returncode == 0


def test_its_spawner_takes_all_that_it_is_told(tmp_path: Path) -> None:
    target = make(tmp_path)
    assert target.child_class() is ProcessSpawner
    for name, value in target.traits().items():
        assert check_trait(ProcessSpawner, name, value) is None
    assert target.traits()["homes"] == str(tmp_path / "state" / "homes")
    assert target.traits()["uids"] == (80000, 89999)


def test_users_are_told_where_limits_are_not_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "detect", lambda _hub: NoLimits("nothing here"))
    assert make(tmp_path).notes() == ("Memory and CPU limits are not enforced here.",)


async def test_doctor_looks_at_python_limits_and_folders(tmp_path: Path) -> None:
    found = await make(tmp_path).findings()
    subjects = [each.subject for each in found]
    assert subjects[:2] == ["target here: the server's Python", "target here: limits"]
    assert "target here: folders" in subjects
    if os.geteuid() != 0:
        assert "target here: users" not in subjects


async def test_doctor_names_an_environment_that_is_not_there(tmp_path: Path) -> None:
    found = await make(tmp_path, prefix="envs/none").findings()
    assert found[0].level is Level.ERROR
    assert f"{tmp_path}/envs/none/bin/python cannot be executed" in found[0].message


async def test_doctor_leaves_a_command_of_the_sites_own_alone(tmp_path: Path) -> None:
    found = await make(tmp_path, cmd=["my-server"]).findings()
    assert [each for each in found if "Python" in each.subject] == []


def test_certificates_are_the_users_alone(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("key")
    folder = tmp_path / "homes" / ".certs" / "ann"
    for _ in range(2):
        paths = {"keyfile": str(tmp_path / "key.pem")}
        placed = certs.place(paths, folder, os.geteuid(), os.getegid())
        assert placed == {"keyfile": str(folder / "key.pem")}
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o711)
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o400
