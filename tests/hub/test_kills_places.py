"""A process with the kill points lists its places, and dies at each that it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from jupyterhub_anywhere.testing.faults import kills
from jupyterhub_anywhere.testing.faults.kills import Plan, listed

if TYPE_CHECKING:
    from pathlib import Path

HUB = """
import asyncio, sys
from jupyterhub_anywhere.testing.faults import kills
kills.install(sys.argv[1])
import os, signal, subprocess
import sqlalchemy
text = '''
import asyncio, os, signal, subprocess
import sqlalchemy
async def spawn():
    await asyncio.wait_for(asyncio.sleep(0), 5)
    child = subprocess.Popen(["sleep", "60"])
    os.kill(child.pid, 0)
    os.kill(child.pid, signal.SIGTERM)
    child.wait()
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("select 1"))
    engine.dispose()
    print("lived")
'''
names = {}
exec(compile(text, "/x/jupyterhub/user.py", "exec"), names)
asyncio.run(names["spawn"]())
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", HUB, str(folder)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_a_process_lists_its_places_and_dies_at_any(tmp_path: Path) -> None:
    Plan("list").write(tmp_path)
    done = run(tmp_path)
    assert done.stdout == "lived\n", done.stderr
    found = listed(tmp_path)
    assert [" ".join(each.split()[:2]) for each in found] == [
        "waits in",
        "returns in",
        "before Popen",
        "after Popen",
        "before kill(SIGTERM)",
        "after kill(SIGTERM)",
        "before commit",
        "after commit",
    ]
    Plan("die", found[-2]).write(tmp_path)
    done = run(tmp_path)
    assert done.returncode == -9
    assert done.stdout == ""
    assert json.loads((tmp_path / kills.PLACES).read_text().splitlines()[-1]) == found[-1]
