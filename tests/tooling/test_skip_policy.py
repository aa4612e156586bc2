"""Skips are told, and those of required tests are failures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
CLONE = Path(__file__).parents[2]
INI = (
    "[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n"
    "markers =\n  browser: b\n  root: r\n  engine: e\n"
)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A small test suite under our skip policy."""
    tests = tmp_path / "tests"
    (tests / "browser").mkdir(parents=True)
    (tests / "engines").mkdir()
    (tests / "unit").mkdir()
    (tmp_path / "pytest.ini").write_text(INI)
    shutil.copy(CONFTEST, tests / "conftest.py")
    (tests / "browser" / "test_b.py").write_text("def test_page():\n    pass\n")
    (tests / "unit" / "test_u.py").write_text(
        "import pytest\n\n"
        "def test_plain():\n    pytest.skip('no wish')\n\n"
        "@pytest.mark.root\ndef test_root():\n    pytest.skip('no cgroup')\n\n"
        "@pytest.mark.xfail\ndef test_known():\n    assert False\n"
    )
    (tests / "engines" / "test_e.py").write_text(
        "import pytest\npytest.skip('no engine', allow_module_level=True)\n"
    )
    return tmp_path


def run(suite: Path, *, require: str = "", path: str = "/nonexistent") -> tuple[int, str]:
    environment = {
        "PATH": path,
        # The policy asks engines for what is missing.
        "PYTHONPATH": os.pathsep.join([str(CLONE / "src"), str(CLONE)]),
        "ANYWHERE_REQUIRE": require,
        "ANYWHERE_ENGINES": "1",
    }
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "tests"],
        capture_output=True,
        check=False,
        cwd=suite,
        env=environment,
        text=True,
    )
    return answer.returncode, answer.stdout


def test_where_nothing_is_required_skips_are_told_with_their_cure(suite: Path) -> None:
    code, output = run(suite)

    assert code == 0
    assert "Cure: apt-get install chromium" in output
    assert "no wish" in output
    assert "no engine" in output


@pytest.mark.parametrize(
    ("require", "reason"),
    [
        ("browser", "Cure: apt-get install chromium"),
        ("root", "no cgroup" if os.geteuid() == 0 else "needs root"),
        ("engine", "no engine"),
        ("browser, root", "ANYWHERE_REQUIRE=root"),
    ],
)
def test_a_required_test_that_is_skipped_has_failed(suite: Path, require: str, reason: str) -> None:
    code, output = run(suite, require=require)

    assert code in {1, 2}
    assert "must run" in output
    assert reason in output


def test_other_skips_and_expected_failures_stay_what_they_are(suite: Path) -> None:
    shutil.rmtree(suite / "tests" / "engines")
    code, output = run(suite, require="engine")

    assert code == 0
    assert "1 xfailed" in output


def test_with_chromium_the_browser_tests_run(suite: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "chromium").write_text("#!/bin/sh\n")
    (programs / "chromium").chmod(0o755)
    code, output = run(suite, path=str(programs))

    assert code == 0
    assert "1 passed" in output
