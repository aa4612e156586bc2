"""The example of the docs, in the menu of a real hub."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import yaml
from tests.hub.harness import SOURCES, Hub, wait_for

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE = (DOCS / "custom.md").read_text("utf-8")


def test_the_example_of_the_docs_runs_servers() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    site = {key: value for block in blocks for key, value in yaml.safe_load(block).items()}
    site["targets"]["quiet"]["spawner"] = {"cmd": [sys.executable, str(HERE / "page_stub.py")]}
    hub = Hub(site=site, environment={"PYTHONPATH": f"{SOURCES}:{DOCS / 'examples'}"})
    try:
        checked = hub.run("check", "-f", str(hub.file))
        assert checked.returncode == 0, checked.stderr
        hub.start()
        options = {"profile": "notebook", "options": {"back": 7}}
        model = hub.start_server("ann", options=options)
        pid = model["state"]["child"]["pid"]
        assert os.getpriority(os.PRIO_PROCESS, pid) == 7
        hub.kill()
        hub.start()
        wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server after a restart")
        hub.stop_server("ann")
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), what="its end")
        doctor = hub.run("doctor", "-f", str(hub.file))
        assert "nice_spawner.NiceSpawner can be built" in doctor.stdout
    finally:
        hub.close()
