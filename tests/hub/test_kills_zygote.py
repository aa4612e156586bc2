"""A warm process forks others, each with words, variables, folder and output of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import SOURCES

from jupyterhub_anywhere.testing.faults.zygote import Zygote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOLD = """
import os, sys, time, threading
print(__name__, sys.argv[1:], os.getcwd(), os.environ.get("MINE"), os.environ.get("THEIRS"))
print(threading.active_count(), "jupyterhub.app" in sys.modules, sys.stdin.read() == "")
print("error", file=sys.stderr)
if sys.argv[1] == "raise":
    raise ValueError("told")
if sys.argv[1] == "wait":
    time.sleep(600)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    folder = tmp_path_factory.mktemp("zygote")
    (folder / "told.py").write_text(TOLD)
    paths = os.pathsep.join([str(SOURCES), str(folder)])
    with Zygote(folder, {**os.environ, "PYTHONPATH": paths, "THEIRS": "1"}) as made:
        yield made


def test_processes_of_a_zygote(warm: Zygote, tmp_path: Path) -> None:
    output = tmp_path / "output"
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(word: str) -> int:
        made = warm.fork(["told", word], folder=folder, environment={"MINE": "2"}, output=output)
        return made.wait(60)

    assert run("3") == 3
    expected = f"__main__ ['3'] {folder} 2 None\n1 True True\nerror\n"
    assert output.read_text() == expected
    assert run("raise") == 1
    text = output.read_text()
    assert text.startswith(expected), "it is added"
    assert text.endswith("ValueError: told\n")


def test_a_process_of_a_zygote_is_killed(warm: Zygote, tmp_path: Path) -> None:
    made = warm.fork(["told", "wait"], folder=tmp_path, environment={}, output=tmp_path / "output")
    assert made.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        made.wait(0.01)
    made.kill()
    assert made.wait(60) == -signal.SIGKILL
    assert made.poll() == -signal.SIGKILL
    made.kill()
