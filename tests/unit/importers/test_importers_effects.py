"""A file that is imported can read, and do nothing."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.importers import reading

if TYPE_CHECKING:
    from pathlib import Path

TAIL = "\nc.LibcloudSpawner.machine_net = 'after'\n"


def read(folder: Path, text: str, *, effects: bool = False) -> reading.OldConfig:
    file = folder / "jupyterhub_config.py"
    file.write_text(text + TAIL, "utf-8")
    return reading.read(file, effects=effects)


@pytest.mark.parametrize(
    "text",
    [
        "open(MADE, 'w')",
        "open(MADE, 'x')",
        "import os; os.open(MADE, os.O_CREAT | os.O_RDWR)",
        "import os; os.mkdir(MADE)",
        "import pathlib; pathlib.Path(MADE).touch()",
        "import os; os.system('touch ' + MADE)",
        "import subprocess; subprocess.run(['touch', MADE])",
        "import os; os.fork()",
        "import os; os.rename(OLD, MADE)",
        "import os; os.remove(OLD)",
        "import os; os.chmod(OLD, 0o777)",
        "import os; os.kill(os.getppid(), 9)",
        "import shutil; shutil.rmtree(FOLDER)",
    ],
)
def test_what_would_change_something_does_not_happen(text: str, tmp_path: Path) -> None:
    old, made = tmp_path / "old", tmp_path / "made"
    old.write_text("kept")
    old.chmod(0o600)
    names = f"OLD, MADE, FOLDER = {str(old)!r}, {str(made)!r}, {str(tmp_path)!r}\n"
    found = read(tmp_path, names + text)
    assert not made.exists()
    assert old.read_text() == "kept"
    assert old.stat().st_mode & 0o777 == 0o600
    assert "line 2: EffectError: it would " in found.failure
    assert "--allow-effects" in found.failure
    # What is plain is read from the text all the same.
    assert found.section("LibcloudSpawner")["machine_net"] == "after"


def test_nobody_is_asked(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        text = f"import socket\nsocket.create_connection({listening.getsockname()!r})"
        found = read(tmp_path, text)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert "it would open a connection" in found.failure


def test_reading_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("private")
    text = f"c.Spawner.x = open({str(tmp_path / 'net')!r}).read()\nimport os\nprint(os.getpid())"
    found = read(tmp_path, text)
    assert found.failure == ""
    assert found.section("Spawner")["x"] == "private"


def test_with_leave_the_file_does_what_it_does_at_its_hub(tmp_path: Path) -> None:
    made = tmp_path / "made"
    found = read(tmp_path, f"open({str(made)!r}, 'w').write('x')", effects=True)
    assert found.failure == ""
    assert made.read_text() == "x"
