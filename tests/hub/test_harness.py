"""The harness itself: what it starts is a real hub, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hub.guard import ROOT, processes_with
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub

STUB = """
import sys
c.JupyterHub.spawner_class = "simple"
"""
# Started by a thread that ends, as some are.
RUNNER = """
import sys, threading
from tests.hub.harness import Hub
hub, closed = Hub(), Hub()
thread = threading.Thread(target=hub.launch)
thread.start()
thread.join()
closed.close()
print(hub.folder, hub.id, closed.folder, flush=True)
sys.stdin.read()
"""


def test_plain_hub_logs_in_and_leaves_nothing(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain", config=STUB)
    hub.start()

    home = hub.login("ann", "any").get("hub/home")

    assert home.status_code == 200
    assert "ann" in home.text
    assert hub.leftovers()
    hub.kill()
    hub.close()
    assert not wait_for(lambda: [hub.leftovers()])[0]
    assert not hub.folder.exists()


def test_a_runner_that_is_killed_leaves_nothing() -> None:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runner:
        assert runner.stdout is not None
        folder, hub_id, closed = runner.stdout.readline().split()
        assert Path(folder).is_dir()
        assert not Path(closed).exists()
        wait_for(lambda: processes_with(folder), what="the hub's process")
        os.killpg(runner.pid, signal.SIGKILL)

    wait_for(lambda: not Path(folder).exists(), what="the end of the hub's folder")
    assert processes_with(folder, hub_id) == []
