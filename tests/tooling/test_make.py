"""What `make up` does once the environment is there: passes on, gets out of the way, ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# They stand for the programs of a finished environment.
# In Python: a shell may lose a signal that comes while it begins its next command.
ANYWHERE = f"""#!{sys.executable} -I
import os, signal, sys, time

def end(*_):
    # make may send the terminal's signal on.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b"ended\\n")
    os._exit(7)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
print("".join(f"[{{word}}]" for word in sys.argv[1:]), flush=True)
if sys.argv[2] != "--wait":
    sys.exit(5)
while True:
    time.sleep(0.05)
"""
STAMP = """
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "tools")
import environment
env = environment.choose(environment.CLONE, as_root=False)
print(json.dumps(environment.wanted(env, "run")))
"""


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clone with a blank and a letter beyond ASCII in its name, and a finished environment."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        clone = Path(name) / "my clöne"
        clone.mkdir()
        clone.chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tools", clone / "tools", ignore=ignored)
        shutil.copytree(ROOT / "requirements", clone / "requirements")
        for file in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / file, clone / file)
        programs = clone / ".venv/bin"
        programs.mkdir(parents=True)
        write_program(programs / "anywhere", ANYWHERE)
        write_program(programs / "python", "#!/bin/sh\nexit 0\n")
        command = [sys.executable, "-c", STAMP]
        stamp = subprocess.run(command, check=True, cwd=clone, capture_output=True, text=True)
        (clone / ".venv/jupyterhub-anywhere.json").write_text(stamp.stdout)
        assert json.loads(stamp.stdout)["level"] == "run"
        yield clone


def environment() -> dict[str, str]:
    """No locale and no Python but the system's."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"}


def test_arguments_and_the_exit_code_are_passed_on(clone: Path) -> None:
    answer = subprocess.run(
        ["make", "up", 'ARGS=--port 9000 -f "my file.yaml"'],
        capture_output=True,
        check=False,
        cwd=clone,
        env=environment(),
        text=True,
    )

    assert answer.stdout == "[up][--port][9000][-f][my file.yaml]\n"
    assert "Error 5" in answer.stderr
    assert "Installing" not in answer.stderr


@pytest.mark.parametrize(
    ("number", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["ctrl-c", "term"]
)
def test_it_can_be_ended(clone: Path, number: signal.Signals, *, to_group: bool) -> None:
    with subprocess.Popen(
        ["make", "up", "ARGS=--wait"],
        cwd=clone,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == "[up][--wait]\n"
        # A terminal sends Ctrl-C to all of its foreground, service managers to make alone.
        if to_group:
            os.killpg(make.pid, number)
        else:
            make.send_signal(number)

        # The pipe ends when the last program that holds it has ended.
        output, _ = make.communicate(timeout=60)

    assert output == "ended\n"


def test_the_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]

    for target in set(phony.split()[1:]) - {"help"}:
        assert f"'make {target} " in makefile


def test_engines_ask_for_root() -> None:
    others = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    script = (ROOT / "tools/test-engines").read_text()
    answer = subprocess.run(
        [*(others if os.geteuid() == 0 else []), "/bin/sh", "-c", script],
        capture_output=True,
        check=False,
        cwd="/",
        env=environment(),
        text=True,
    )

    assert answer.returncode == 4
    assert "Cure: sudo make test-engines" in answer.stderr
