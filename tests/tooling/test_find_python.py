"""Which Python makes the environment, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"tool_{name}", TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_python(folder: Path, answer: str, name: str = "python3") -> Path:
    """A fake interpreter that gives one answer to the probe."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def find(path: str = "/usr/bin:/bin", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(TOOLS / "find-python")],
        capture_output=True,
        check=False,
        env={"PATH": path, **variables},
        text=True,
    )


def test_the_first_suitable_one_on_the_path_is_taken(tmp_path: Path) -> None:
    write_python(tmp_path / "a", "is Python 3.9")
    write_python(tmp_path / "b", "ok /second/python3")
    write_python(tmp_path / "c", "ok /third/python3")

    found = find(f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/c:/usr/bin:/bin")

    assert (found.returncode, found.stdout) == (0, "/second/python3\n")


def test_a_broken_one_is_passed_over(tmp_path: Path) -> None:
    write_python(tmp_path / "a", "x").write_text("#!/nonexistent/interpreter\n")
    write_python(tmp_path / "b", "ok /second/python3")

    assert find(f"{tmp_path}/a:{tmp_path}/b:/usr/bin:/bin").stdout == "/second/python3\n"


@pytest.mark.parametrize(
    ("answer", "cure"),
    [
        ("is Python 3.9", "apt-get install python3 python3-venv"),
        ("cannot make environments. Cure: apt-get install python3-venv", "install python3-venv"),
        ("lies in /root, where servers of other users could not run it", "/root"),
    ],
)
def test_where_none_is_suitable_the_cure_is_named(tmp_path: Path, answer: str, cure: str) -> None:
    found = find(PYTHON=str(write_python(tmp_path, answer)))

    assert found.returncode == 4
    assert found.stdout == ""
    assert answer in found.stderr
    assert cure in found.stderr


def test_one_that_does_not_run_is_named() -> None:
    found = find(PYTHON="/nonexistent/python")

    assert found.returncode == 4
    assert "/nonexistent/python: does not run" in found.stderr


def test_a_missing_venv_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = load("probe_python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert probe.verdict().startswith("cannot make environments. Cure: apt-get install python3")


def test_an_old_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = load("probe_python")
    monkeypatch.setattr(probe, "OLDEST", (99, 0))

    assert probe.verdict() == f"is Python {sys.version_info[0]}.{sys.version_info[1]}"


def test_as_root_a_python_in_a_private_folder_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    probe = load("probe_python")
    private = tmp_path / "private"
    program = write_python(private, "x")
    private.chmod(0o700)
    monkeypatch.setattr(sys, "_base_executable", str(program), raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert "could not run it" in probe.verdict()
    # As an ordinary user it is good enough: servers run as that user.
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert probe.verdict() == f"ok {program}"
