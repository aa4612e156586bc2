"""What `make test-as-user` asks of the ordinary user whose tests it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "test-as-user"
#: What the script calls and what a test must not really do: no account is made, nothing cloned.
STANDS_IN = ("useradd", "userdel", "git", "chown")
REQUIRED = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done | grep ANYWHERE_REQUIRE= >"$TOLD"\n'


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """A PATH on which accounts are made in name only, and where what is run as them is told."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in STANDS_IN:
        (programs / name).write_text("#!/bin/sh\n")
    (programs / "git").write_text('#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"\n')
    (programs / "runuser").write_text(REQUIRED)
    (programs / "id").write_text("#!/bin/sh\necho 0\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    told = tmp_path / "told"
    return {"PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(told)}


@pytest.mark.parametrize(
    ("required", "asked"),
    [
        ("browser,root", "browser"),
        ("browser,engine,root", "browser"),
        ("root", ""),
        ("", ""),
        ("browser", "browser"),
    ],
)
def test_what_only_root_can_do_is_not_required_of_an_ordinary_user(
    surroundings: dict[str, str], required: str, asked: str
) -> None:
    answer = subprocess.run(
        [shutil.which("sh") or "sh", str(SCRIPT)],
        capture_output=True,
        check=False,
        env=surroundings | {"ANYWHERE_REQUIRE": required},
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert Path(surroundings["TOLD"]).read_text() == f"ANYWHERE_REQUIRE={asked}\n"
