"""Tests of real things that fail are run once more, alone; what passes then is told loudly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools/steady.py"
INI = "[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n"
# A test that fails or is skipped as often as its name says, counted by files.
HELPER = """
import pathlib
import pytest

def attempt(name):
    done = len(list(pathlib.Path("runs").glob(f"{name}-*")))
    pathlib.Path("runs", f"{name}-{done}").touch()
    return done
"""
UNSTEADY = "    assert attempt({name!r}) > 0, 'out of {name}'\n"
WRONG = "    assert attempt({name!r}) < 0, 'never {name}'\n"
SKIPPED_THEN = "    assert attempt({name!r}) > 0\n    pytest.skip('no more')\n"
STEADY = "    attempt({name!r})\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "runs").mkdir()
    write(tmp_path, "hub", steady=STEADY)
    (tmp_path / "tests/hub/conftest.py").touch()
    return tmp_path


def write(suite: Path, where: str, **tests: str) -> None:
    """A test file in a folder, with tests by name."""
    folder = suite / "tests" / where
    folder.mkdir(parents=True, exist_ok=True)
    bodies = [f"def test_{name}():\n{body.format(name=name)}" for name, body in tests.items()]
    (folder / f"test_{where}_{'_'.join(tests)}.py").write_text("\n".join([HELPER, *bodies]))


def run(suite: Path, *arguments: str) -> tuple[int, str]:
    answer = subprocess.run(
        [sys.executable, "-P", TOOL, "-q", "tests", *arguments],
        capture_output=True,
        check=False,
        cwd=suite,
        text=True,
    )
    return answer.returncode, answer.stdout


def runs(suite: Path, name: str) -> int:
    return len(list((suite / "runs").glob(f"{name}-*")))


def test_what_passes_alone_is_told_with_its_first_failure(suite: Path) -> None:
    write(suite, "hub", luck=UNSTEADY)
    write(suite, "browser", light=UNSTEADY)

    code, output = run(suite, "-n", "2", "--dist", "loadfile", "-k", "tests or test")

    assert code == 0, output
    _, _, told = output.partition("UNSTEADY")
    for name in ("luck", "light"):
        assert runs(suite, name) == 2
        assert f"out of {name}" in told
    assert "tests/hub/test_hub_luck.py::test_luck" in told
    assert runs(suite, "steady") == 1


def test_what_fails_twice_has_failed(suite: Path) -> None:
    write(suite, "engines", luck=UNSTEADY, wrong=WRONG)

    code, output = run(suite)

    assert code == 1
    assert runs(suite, "wrong") == 2
    assert "UNSTEADY" not in output


def test_a_test_that_is_skipped_the_second_time_has_failed(suite: Path) -> None:
    write(suite, "conformance", shy=SKIPPED_THEN)

    assert run(suite)[0] == 1
    assert runs(suite, "shy") == 2


@pytest.mark.parametrize("where", ["unit", "tooling"])
def test_the_others_are_never_repeated(suite: Path, where: str) -> None:
    write(suite, where, wrong=UNSTEADY)
    write(suite, "hub", luck=UNSTEADY)

    code, output = run(suite)

    assert code == 1
    assert (runs(suite, "wrong"), runs(suite, "luck")) == (1, 1)
    assert "once more" not in output


def test_many_failures_are_no_accident(suite: Path) -> None:
    write(suite, "hub", **dict.fromkeys(("a", "b", "c", "d"), UNSTEADY))

    assert run(suite)[0] == 1
    assert runs(suite, "a") == 1


def test_a_file_that_cannot_be_read_is_no_accident(suite: Path) -> None:
    write(suite, "hub", luck=UNSTEADY)
    (suite / "tests/hub/test_broken.py").write_text("import nothing_like_this\n")

    code, _ = run(suite, "--continue-on-collection-errors")

    assert code == 1
    assert runs(suite, "luck") == 1


def test_other_exit_codes_are_passed_on(suite: Path) -> None:
    assert run(suite)[0] == 0
    assert run(suite, "-k", "nothing")[0] == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run(suite, "--no-such-option")[0] == pytest.ExitCode.USAGE_ERROR
