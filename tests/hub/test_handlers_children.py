"""Handlers that spawners bring along work through us, and take no more than they have to."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import SOURCES, Hub, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
SITE: dict[str, Any] = {
    "targets": {
        "events": {"kind": "custom", "class": "handler_spawners.EventsSpawner"},
        "batch": {"kind": "custom", "class": "handler_spawners.ShellSpawner"},
    }
}
SETUP = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
"""
# Here the spawners' module is imported when the hub has made its handlers already.
NAME_ALONE = """
c.JupyterHub.spawner_class = "anywhere"
c.AnywhereSpawner.config_file = {file!r}
"""
COMMON = """
c.EventsSpawner.record = {folder!r} + "/record.jsonl"
c.ShellSpawner.req_host = {folder!r}
c.ShellSpawner.cmd = [{folder!r} + "/stub"]
c.ShellSpawner.startup_poll_interval = 0.05
c.ShellSpawner.env_keep = ["PATH"]
c.ShellSpawner.start_timeout = 60
"""


@pytest.fixture(params=[SETUP, NAME_ALONE], ids=["setup", "name-alone"])
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    made = Hub(mode="plain", site=SITE, environment={"PYTHONPATH": f"{SOURCES}:{HERE}"})
    names = {
        "file": str(made.file),
        "state": str(made.state.root),
        "folder": str(made.folder),
    }
    made.write_config((request.param + COMMON).format(**names))
    stub = made.folder / "stub"
    stub.write_text(f"#!{sys.executable}\n{(HERE / 'page_stub.py').read_text('utf-8')}", "utf-8")
    stub.chmod(0o755)
    yield made.start()
    made.close()


def post_port(hub: Hub, token: str, body: object) -> httpx.Response:
    headers = {"Authorization": f"token {token}"}
    return httpx.post(f"{hub.url}hub/api/batchspawner", headers=headers, json=body, timeout=30)


BAD_BODIES: tuple[Any, ...] = (
    {"port": 5000, "exec_prefix": "true;"},
    {"batch_cancel_cmd": "true"},
    {"port": True},
    {"port": "5000"},
    {"port": 0},
    {"port": 65536},
    {"port": -1},
    [5000],
    {},
)


def test_a_batch_job_tells_its_port_and_nothing_else(hub: Hub) -> None:
    # The class is imported now at the latest.
    hub.start_server("bob", options={"profile": "events"})
    assert hub.api("POST", "events/bob").status_code == 204
    model = hub.server("bob")
    assert model is not None
    assert model["state"]["child"]["told"] == 4711
    assert model["state"]["child"]["events"] == ["came"]
    bobs = hub.user_token("bob")
    assert post_port(hub, bobs, {"port": 5000}).status_code == 403

    errors: list[BaseException] = []

    def start() -> None:
        try:
            hub.start_server("ann", options={"profile": "batch"}, seconds=90)
        except BaseException as error:  # noqa: BLE001 - for the main thread
            errors.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    token_file = hub.folder / "token"
    wait_for(lambda: token_file.exists() and token_file.read_text("ascii").strip(), what="the job")
    token = token_file.read_text("ascii").strip()
    for body in BAD_BODIES:
        answer = post_port(hub, token, body)
        assert answer.status_code == 400, (body, answer.text)
    assert post_port(hub, hub.token, {"port": 5000}).status_code == 403
    assert post_port(hub, hub.user_token("ann"), {"port": 5000}).status_code == 403
    (hub.folder / "go").touch()
    starting.join(90)
    assert not errors, (hub.folder / "log").read_text("utf-8")
    late = post_port(hub, token, {"port": 5000})
    assert late.status_code == 409, late.text
    model = hub.server("ann")
    assert model is not None
    assert model["ready"]
    hub.stop_server("ann")
