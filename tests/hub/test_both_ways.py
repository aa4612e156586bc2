"""A hub becomes ours while its servers run, and goes back to the bare spawner again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import SOURCES, Hub, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
LAB = {"kind": "custom", "class": "jupyterhub.spawner.SimpleLocalProcessSpawner"}
RECORDING: dict[str, Any] = {"kind": "custom", "class": "recording.RecordingSpawner"}
# Targets are asked in this order; the servers of the bare spawner are at the second.
SITE: dict[str, Any] = {"targets": {"here": {"kind": "process"}, "lab": LAB}}
COMMON = """
c.JupyterHub.allow_named_servers = True
c.RecordingSpawner.record = {folder!r} + "/record.jsonl"
c.SimpleLocalProcessSpawner.home_dir_template = {folder!r} + "/{{username}}"
c.Spawner.cmd = [{python!r}, {stub!r}]
c.JupyterHub.bind_url = {url!r}
"""
BARE = """
c.JupyterHub.spawner_class = "simple"
"""
OURS = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
"""


class TwoWays:
    """One hub whose configuration changes between two starts."""

    def __init__(self) -> None:
        environment = {"PYTHONPATH": f"{SOURCES}:{HERE}"}
        self.hub = Hub(mode="plain", site=SITE, environment=environment)

    def run(self, text: str) -> None:
        names = {
            "file": str(self.hub.file),
            "state": str(self.hub.state.root),
            "folder": str(self.hub.folder),
            "python": sys.executable,
            "stub": str(HERE / "page_stub.py"),
            "url": self.hub.url,
        }
        if self.hub.process is not None:
            self.hub.kill()
        self.hub.write_config((COMMON + text).format(**names))
        self.hub.start()

    def state(self, user: str, server: str = "") -> dict[str, Any]:
        model = self.hub.server(user, server)
        assert model is not None
        state: dict[str, Any] = model["state"] or {}
        return state

    def pid(self, user: str, server: str = "") -> int:
        return int(self.state(user, server)["pid"])

    def assert_runs(self, user: str, server: str, pid: int) -> None:
        """State, route and token are those of before."""
        hub = self.hub
        wait_for(lambda: (hub.server(user, server) or {}).get("ready"), what=f"{user}/{server}")
        assert self.pid(user, server) == pid
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        values = dict(each.decode().split("=", 1) for each in environ if each)
        path = values["JUPYTERHUB_SERVICE_PREFIX"].lstrip("/")
        answered = httpx.get(f"{hub.url}{path}", timeout=30)
        assert f"/{path}" in answered.text
        headers = {"Authorization": f"token {values['JUPYTERHUB_API_TOKEN']}"}
        me = httpx.get(f"{hub.url}hub/api/user", headers=headers, timeout=30)
        assert me.json()["name"] == user, me.text


@pytest.fixture
def ways() -> Iterator[TwoWays]:
    made = TwoWays()
    yield made
    made.hub.close()


def test_running_servers_are_taken_over_and_given_back(ways: TwoWays) -> None:
    hub = ways.hub
    ways.run(BARE)
    # Options that another spawner understood, and we do not.
    hub.start_server("ann", options={"image": "quay.io/lab:1"})
    hub.start_server("ann", "second")
    servers = {("ann", ""): ways.pid("ann"), ("ann", "second"): ways.pid("ann", "second")}
    for text in (OURS, BARE, OURS):
        ways.run(text)
        for (user, server), pid in servers.items():
            ways.assert_runs(user, server, pid)
    assert ways.state("ann")["target"] == "lab"
    # What ran is stopped, and the options of old do not prevent the next start.
    hub.stop_server("ann")
    assert not Path(f"/proc/{servers['ann', '']}").exists()
    model = hub.start_server("ann")
    assert model["user_options"]["profile"] == "here"
    # What we have started is found by the bare spawner, and stopped.
    hub.start_server("bob", options={"profile": "lab"})
    bob = ways.pid("bob")
    hub.stop_server("ann")
    ways.run(BARE)
    ways.assert_runs("bob", "", bob)
    ways.assert_runs("ann", "second", servers["ann", "second"])
    hub.stop_server("bob")
    assert not Path(f"/proc/{bob}").exists()
    # The bare spawner has written a state of its own now.
    hub.start_server("bob", options={"image": "x"})
    bob = ways.pid("bob")
    ways.run(OURS)
    ways.assert_runs("bob", "", bob)
    hub.stop_server("bob")
    os.kill(servers["ann", "second"], 0)


RECORDED = """
from recording import RecordingSpawner
c.JupyterHub.spawner_class = RecordingSpawner
"""
FORM = """
c.RecordingSpawner.options_form = "Size <input name=size>"
"""


def test_what_a_child_keeps_is_kept_both_ways(ways: TwoWays) -> None:
    hub = ways.hub
    own = {"targets": ["here"], "form": "child"}
    hub.write_site({"targets": {"here": RECORDING, "lab": LAB}, "profiles": {"own": own}})
    ways.run(RECORDED + FORM)
    options = {"size": "large"}
    hub.start_server("ann", options=options)
    hub.stop_server("ann")
    ways.run(OURS + FORM)
    # The menu's default shows the child's own form, so its options may go on.
    model = hub.start_server("ann")
    assert model["user_options"]["child"] == options
    hub.stop_server("ann")
    assert ways.state("ann")["volume"] == "volume-of-ann-"
    ways.run(RECORDED + FORM)
    hub.start_server("ann", options=options)
    record = (hub.folder / "record.jsonl").read_text("utf-8")
    starts = [line for line in record.splitlines() if '"call": "start"' in line]
    assert len(starts) == 3
    assert all('"size": "large"' in line for line in starts)
    assert ["volume-of-ann-" in line for line in starts] == [False, True, True]


def test_a_server_is_kept_while_a_target_cannot_tell(ways: TwoWays) -> None:
    hub = ways.hub
    ways.run(BARE)
    hub.start_server("ann")
    pid = ways.pid("ann")
    hub.write_site({"targets": {"here": {**RECORDING, "spawner": {"fail_in": "poll"}}}})
    ways.run(OURS)
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server that is kept")
    os.kill(pid, 0)
    assert "not every target can tell" in hub.output()
    hub.write_site(SITE)
    ways.run(OURS)
    ways.assert_runs("ann", "", pid)
