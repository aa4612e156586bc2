"""The proxy as a process: its log, its record, its end; a strangers' process is never touched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.objects import Hub as JupyterHubAddress
from tornado.ioloop import PeriodicCallback

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.files import read_json, write_json
from jupyterhub_anywhere.hub.proxy import (
    AdoptedProxy,
    end_process,
    find_proxy,
    forget_taken_ports,
    logged,
    proxy_record,
)
from jupyterhub_anywhere.hub.statefolder import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); input()"


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ignores SIGTERM."""
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_that_ignores_the_request_is_forced(stubborn: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(stubborn.pid)
    assert identity is not None
    assert end_process(identity, seconds=0.2)
    assert stubborn.wait() == -signal.SIGKILL


def test_the_same_number_is_not_the_same_process(stubborn: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(stubborn.pid)
    assert identity is not None
    other = ProcessId(identity.pid, identity.start - 1, identity.boot)
    assert end_process(other, seconds=0.2), "that one has gone long ago"
    assert stubborn.poll() is None


def test_output_goes_to_the_log_with_the_same_process_id(tmp_path: Path) -> None:
    log = tmp_path / "a log's.log"
    log.write_text("before\n")
    script = "import os, sys; print(os.getpid(), sys.argv[1:], sys.stdin.read())"
    words = ["$HOME", "a b", "`x`", "*"]
    command = logged([sys.executable, "-c", script, *words], log)
    with subprocess.Popen(command) as process:
        process.wait()
    assert log.read_text() == f"before\n{process.pid} {words} \n"


def test_token_and_ports_are_chosen_once(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    first = proxy_record(paths)
    assert proxy_record(paths) == first
    assert first["hub_port"] != first["api_port"]
    assert paths.proxy.stat().st_mode & 0o777 == 0o600
    with socket.create_server(("127.0.0.1", first["hub_port"])):
        forget_taken_ports(paths)
        second = proxy_record(paths)
    assert second["hub_port"] != first["hub_port"]
    assert (second["api_port"], second["token"]) == (first["api_port"], first["token"])


class Answer(BaseHTTPRequestHandler):
    """Answers to one token, as the proxy does."""

    def do_GET(self) -> None:
        good = self.headers["Authorization"] == "token right"
        self.send_response(200 if good else 403)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


def test_only_the_token_makes_it_ours() -> None:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1]
        mine = find_proxy({"api_port": port, "token": "right"})
        other = find_proxy({"api_port": port, "token": "wrong"})
        server.shutdown()
        thread.join()
    assert mine is not None
    assert mine.pid == os.getpid()
    assert other is None
    assert find_proxy({"api_port": port, "token": "right"}) is None
    assert find_proxy({}) is None


def test_a_broken_record_is_made_anew(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    write_json(paths.proxy, {"hub_port": "x", "process": {"pid": "1"}})
    record = proxy_record(paths)
    assert isinstance(record["hub_port"], int)
    assert read_json(paths.proxy) == record
    assert find_proxy(record) is None


@pytest.mark.root
def test_the_token_goes_to_no_other_account(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    heard.touch()
    heard.chmod(0o666)
    tmp_path.chmod(0o711)
    script = f"""
import http.server
class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open({str(heard)!r}, "w").write(str(self.headers))
        self.send_response(200); self.end_headers(); self.wfile.write(b"{{}}")
server = http.server.HTTPServer(("127.0.0.1", 0), Stranger)
print(server.server_port, flush=True)
server.serve_forever()
"""
    command = ["/usr/bin/python3", "-c", script]
    with subprocess.Popen(command, user=65534, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        record = {"api_port": int(stranger.stdout.readline()), "token": "hunter2"}
        assert find_proxy(record) is None
        stranger.kill()
    assert heard.read_text() == ""


async def test_the_watchdog_survives_a_start_that_fails(tmp_path: Path) -> None:
    proxy = AdoptedProxy(
        hub=JupyterHubAddress(),
        app=JupyterHub(),
        command=["/no/such/program"],
        record_file=str(tmp_path / "proxy.json"),
        log_file=str(tmp_path / "proxy.log"),
        pid_file=str(tmp_path / "proxy.pid"),
        auth_token="0" * 64,
        public_url="http://127.0.0.1:0/",
        api_url="http://127.0.0.1:0/",
    )
    first = proxy._check_running_callback = PeriodicCallback(lambda: None, 60_000)
    first.start()
    with pytest.raises(FileNotFoundError):
        await proxy.start()
    second = proxy._check_running_callback
    assert second is not first
    assert second.is_running()
    assert not first.is_running()
    second.stop()
