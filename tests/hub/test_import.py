"""A file of wrapspawner's, imported, starts servers with what its users had chosen."""

from __future__ import annotations

import json

from tests.hub.harness import Hub
from tests.hub.process_site import STUB

from jupyterhub_anywhere.cli import main

OLD = """
c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.ProfilesSpawner.profiles = [
    ("Small", "small", "jupyterhub.spawner.SimpleLocalProcessSpawner", {"mem_limit": "1G"}),
    ("Large", "large", "jupyterhub.spawner.SimpleLocalProcessSpawner", {"mem_limit": "8G"}),
]
"""
NEW = """
from jupyterhub_anywhere import setup
setup(c, FILE, state=STATE)
import sys
c.Spawner.cmd = [sys.executable, STUB]
c.SimpleLocalProcessSpawner.home_dir_template = HOME
"""


def test_an_imported_file_starts_servers_with_what_was_chosen_last() -> None:
    hub = Hub(mode="plain")
    try:
        old = hub.folder / "old_config.py"
        old.write_text(OLD, "utf-8")
        assert main.main(["import", str(old), "-o", str(hub.file), "--force"]) == 0
        names = {"FILE": hub.file, "STATE": hub.state.root, "STUB": STUB}
        names["HOME"] = hub.folder / "home-{username}"
        head = "".join(f"{name} = {str(value)!r}\n" for name, value in names.items())
        hub.write_config(head + NEW)
        hub.start()
        # As wrapspawner's form has stored it.
        hub.start_server("ann", options={"profile": "large"})
        model = hub.server("ann")
        assert model is not None
        assert model["user_options"]["profile"] == "large"
        given = json.loads((hub.folder / "home-ann" / "stub.json").read_text("utf-8"))
        assert given["env"]["MEM_LIMIT"] == str(8 * 2**30)
        hub.stop_server("ann")
    finally:
        hub.close()
