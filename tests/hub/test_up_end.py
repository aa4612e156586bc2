"""How `anywhere up` ends, and what it leaves: nothing, or exactly what was asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import END_SECONDS, free_port, read_json, wait_for

from jupyterhub_anywhere.core.processes import ProcessId

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub

SHARED = ("--share-account",)
# Servers that answer at once, without Jupyter.
STUB = """
import sys
c.Spawner.cmd = [sys.executable, "-c", '''
import http.server, os, urllib.parse
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.end_headers()
    def log_message(self, *_):
        pass
url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((url.hostname, url.port), Answer).serve_forever()
''']
"""


def proxy_of(hub: Hub) -> ProcessId | None:
    found = ProcessId.from_json(read_json(hub.state.proxy).get("process"))
    return found if found is not None and found.alive() else None


def files_of(process: ProcessId) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            found.add(str(entry.readlink()))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_that_was_started(make_hub: MakeHub, number: signal.Signals) -> None:
    hub = make_hub(config=STUB, arguments=SHARED).start()
    hub.start_server("ann")
    assert len(hub.leftovers()) >= 3, "hub, proxy and server"

    assert hub.signal(number) == 0

    assert hub.leftovers() == []
    assert not hub.state.up.exists()
    assert not hub.state.control.exists()


def test_a_signal_before_the_hub_answers_leaves_no_proxy(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.launch()
    wait_for(lambda: hub.state.proxy.exists() and proxy_of(hub), what="a proxy")

    assert hub.signal(signal.SIGTERM) == 0

    assert hub.leftovers() == []


def test_the_api_can_end_the_hub(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    assert hub.api("POST", "shutdown").status_code == 202
    assert hub.process is not None
    assert hub.process.wait(timeout=END_SECONDS) == 0
    assert hub.leftovers() == []


def test_nothing_that_was_started_holds_the_terminal(make_hub: MakeHub) -> None:
    cull = {"hub": {"cull": {"idle": "1h"}}}
    hub = make_hub(config=STUB, arguments=SHARED, site=cull).start()
    hub.start_server("ann")
    assert hub.process is not None
    children = [each for each in hub.leftovers() if each.pid != hub.process.pid]

    assert len(children) >= 3, "proxy, culler and server"
    for child in children:
        assert str(hub.folder / "output.log") not in files_of(child)
    lines = hub.output().strip().splitlines()
    assert lines[-1].startswith(f"JupyterHub is at {hub.url}")
    assert not [line for line in lines if line.startswith("[")], "log lines belong into files"


def test_a_killed_hub_takes_its_culler_along(make_hub: MakeHub) -> None:
    hub = make_hub(site={"hub": {"cull": {"idle": "1h"}}}).start()

    def cullers() -> list[ProcessId]:
        marks = [each for each in hub.leftovers() if "idle_culler" in _command(each)]
        return [each for each in marks if each.alive()]

    assert len(cullers()) == 1
    hub.kill()
    wait_for(lambda: not cullers(), what="the end of the culler")


def _command(process: ProcessId) -> str:
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def test_down_ends_a_hub_that_runs(make_hub: MakeHub) -> None:
    hub = make_hub(config=STUB, arguments=SHARED).start()
    hub.start_server("ann")

    done = hub.run("down")

    assert done.returncode == 0, done.stderr
    assert "hub at" in done.stdout
    assert hub.process is not None
    assert hub.process.wait(timeout=END_SECONDS) == 0
    assert hub.leftovers() == []
    assert "Nothing" in hub.run("down").stdout


def test_down_ends_what_a_crash_left_and_status_tells_it(make_hub: MakeHub) -> None:
    hub = make_hub(config=STUB, arguments=SHARED).start()
    hub.start_server("ann")
    assert hub.run("status").returncode == 0
    hub.kill()

    away = hub.run("status")
    assert away.returncode == 1
    assert "ann" in away.stdout
    done = hub.run("down")

    assert done.returncode == 0, done.stderr
    assert "proxy" in done.stdout
    assert "ann" in done.stdout
    assert hub.leftovers() == []


def test_keep_servers_keeps_and_the_next_hub_ends_them(make_hub: MakeHub) -> None:
    hub = make_hub(config=STUB, arguments=(*SHARED, "--keep-servers")).start()
    hub.start_server("ann")
    assert hub.stop() == 0
    assert len(hub.leftovers()) >= 2, "proxy and server"

    hub.arguments = SHARED
    hub.start()
    assert hub.server("ann") is not None
    assert hub.stop() == 0

    assert hub.leftovers() == []


def test_a_stale_record_never_costs_a_stranger_its_life(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    hub.kill()
    hub.run("down")
    record = read_json(hub.state.proxy)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        identity = ProcessId.of(stranger.pid)
        assert identity is not None
        # As after a reboot: the number is a stranger's now, all else is the old proxy's.
        old = {**identity.to_json(), "start": identity.start - 1}
        hub.state.proxy.write_text(json.dumps({**record, "process": old}))

        hub.start()
        assert hub.stop() == 0
        hub.run("down")

        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_proxy_that_died_is_replaced_with_its_routes(make_hub: MakeHub) -> None:
    hub = make_hub(config="c.ConfigurableHTTPProxy.check_running_interval = 1").start()
    first = proxy_of(hub)
    assert first is not None
    first.send(signal.SIGKILL)

    wait_for(lambda: proxy_of(hub) not in {None, first} and hub.answers(), what="a new proxy")

    assert hub.stop() == 0
    assert hub.leftovers() == []


def test_a_proxy_that_was_never_written_down_is_found_by_its_token(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    proxy = proxy_of(hub)
    hub.kill()
    record = read_json(hub.state.proxy)
    hub.state.proxy.write_text(json.dumps({**record, "process": None}))

    hub.start()

    assert proxy_of(hub) == proxy


def test_another_address_takes_another_proxy(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    old = proxy_of(hub)
    assert old is not None
    hub.kill()
    hub.port = free_port()
    hub.url = f"http://127.0.0.1:{hub.port}/"
    hub.write_site({})

    hub.start()

    assert not old.alive()
    assert proxy_of(hub) is not None


def test_without_a_terminal_sighup_reloads(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    hub.write_site({"profiles": {"fresh": {"targets": ["here"]}}})
    assert hub.process is not None
    hub.process.send_signal(signal.SIGHUP)
    log = hub.state.logs / "hub.log"
    wait_for(lambda: "profile fresh is new" in log.read_text(), what="the reload")
    assert hub.answers()


def test_at_a_terminal_sighup_ends(make_hub: MakeHub) -> None:
    hub = make_hub()
    controller, terminal = os.openpty()
    with open(terminal, "rb", buffering=0) as stream, open(controller, "rb", buffering=0):  # noqa: PTH123 - descriptors
        process = subprocess.Popen(
            hub.command(),
            cwd=hub.folder,
            env=hub.variables(),
            stdin=stream,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        hub.process = process
        wait_for(hub.answers, what="the hub")
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=END_SECONDS) == 0
    assert hub.leftovers() == []
