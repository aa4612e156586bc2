"""The fault proxy before a small engine: what passes, and what each rule breaks."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import shutil
import socket
import socketserver
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jupyterhub_anywhere.testing.faults import wire
from jupyterhub_anywhere.testing.faults.control import Control, FaultProxyError, fault_proxy
from jupyterhub_anywhere.testing.faults.proxy import main
from jupyterhub_anywhere.testing.faults.rules import Action, Rule, read_only

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST = "/v1.47/containers/json?all=1"
CREATE = "/v1.47/containers/create?name=lab"


class Upstream(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The engine; ``asked`` has what reached it."""

    daemon_threads = False
    request_queue_size = 16

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Engine)
        self.asked: list[tuple[str, str, bytes]] = []


class Engine(http.server.BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.server.asked.append((self.command, self.path, body))
        if "/attach" in self.path:
            self.echo()
        elif "/events" in self.path:
            self.chunks([b'{"a": 1}\n', b'{"b": 2}\n'])
        elif "/bare" in self.path:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
            self.close_connection = True
        elif self.command == "DELETE":
            self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            said = json.dumps([{"Id": f"{self.command}-{len(self.server.asked)}"}]).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n".encode()
            self.wfile.write(head + (b"" if self.command == "HEAD" else said))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def echo(self) -> None:
        self.wfile.write(
            b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello\n"
        )
        self.wfile.write(self.rfile.readline().upper())
        self.close_connection = True

    def chunks(self, pieces: list[bytes]) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in [*pieces, b""]:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Short: paths of sockets have to fit in 108 bytes.
    made = Path(tempfile.mkdtemp(prefix="faults-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Upstream]:
    with Upstream(folder / "real.sock") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def proxy(engine: Upstream, folder: Path) -> Iterator[Control]:
    with fault_proxy(folder / "real.sock", folder) as control:
        yield control


@pytest.fixture
def control(proxy: Control, engine: Upstream) -> Iterator[Control]:
    engine.asked.clear()
    proxy.clear()
    yield proxy
    proxy.rules()
    proxy.release()


@contextlib.contextmanager
def connected(control: Control, seconds: float = 20) -> Iterator[http.client.HTTPConnection]:
    """A connection of a client."""
    made = http.client.HTTPConnection("localhost", timeout=seconds)
    with contextlib.closing(made), socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(seconds)
        plain.connect(control.url.removeprefix("unix://"))
        made.sock = plain
        yield made


def ask(
    client: http.client.HTTPConnection, path: str, method: str = "GET", **options: Any
) -> tuple[int, bytes]:
    client.request(method, path, **options)
    answer = client.getresponse()
    return answer.status, answer.read()


def ids(said: tuple[int, bytes]) -> list[str]:
    assert said[0] == 200
    return [each["Id"] for each in json.loads(said[1])]


# --- what passes ---------------------------------------------------------------------------------


def test_calls_pass_on_one_connection_and_are_logged(control: Control, engine: Upstream) -> None:
    with connected(control) as client:
        assert ids(ask(client, LIST)) == ["GET-1"]
        assert ids(ask(client, CREATE, "POST", body=b'{"Image": "x"}')) == ["POST-2"]
        assert ask(client, "/containers/1", "DELETE") == (204, b"")
        assert ask(client, "/_ping", "HEAD") == (200, b"")
        assert ask(client, "/events") == (200, b'{"a": 1}\n{"b": 2}\n')
        assert ids(ask(client, LIST)) == ["GET-6"]
    assert engine.asked[1] == ("POST", CREATE, b'{"Image": "x"}')
    calls = control.calls()
    assert [(each.method, each.status, each.action, each.forwarded) for each in calls][:3] == [
        ("GET", 200, "", 1),
        ("POST", 200, "", 1),
        ("DELETE", 204, "", 1),
    ]
    numbers = [each.number for each in calls]
    assert numbers == list(range(numbers[0], numbers[0] + 6))


def test_a_chunked_body_passes(control: Control, engine: Upstream) -> None:
    with connected(control) as client:
        ask(client, "/build", "POST", body=iter([b"one", b"two"]), encode_chunked=True)
    assert engine.asked == [("POST", "/build", b"onetwo")]


def test_an_answer_to_the_end_of_the_connection_passes(control: Control) -> None:
    with connected(control) as client:
        assert ask(client, "/bare") == (200, b"to the end")


def test_a_connection_that_becomes_a_stream_passes_both_ways(control: Control) -> None:
    with connected(control) as client:
        head = {"Connection": "Upgrade", "Upgrade": "tcp"}
        client.request("POST", "/v1.47/containers/1/attach?stream=1", headers=head)
        assert client.sock is not None
        client.sock.sendall(b"shout\n")
        said = b""
        while piece := client.sock.recv(1 << 16):
            said += piece
    assert said.startswith(b"HTTP/1.1 101")
    assert said.endswith(b"hello\nSHOUT\n")


def test_many_connections_at_once(control: Control) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(control)) for _ in range(12)]
        for client in clients:
            client.request("GET", LIST)
        said = [client.getresponse() for client in clients]
        assert len({answer.read() for answer in said}) == 12


# --- what is broken ------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "reached"), [(Action.CUT, 0), (Action.CUT_AFTER, 1)])
def test_a_cut_before_and_after(
    control: Control, engine: Upstream, action: Action, reached: int
) -> None:
    control.rules(Rule(action, "POST", "^/containers/create", count=1))
    with connected(control) as client, pytest.raises(http.client.RemoteDisconnected):
        ask(client, CREATE, "POST")
    assert len(engine.asked) == reached
    with connected(control) as client:
        assert ask(client, CREATE, "POST")[0] == 200, "one call only"
    assert [(each.action, each.forwarded) for each in control.calls()] == [
        (str(action), reached),
        ("", 1),
    ]


def test_a_cut_within_an_answer(control: Control) -> None:
    control.rules(Rule(Action.CUT_WITHIN))
    with connected(control) as client, pytest.raises(http.client.IncompleteRead):
        ask(client, LIST)


def test_an_answer_that_is_lost(control: Control, engine: Upstream) -> None:
    control.rules(Rule(Action.LOSE, seconds=60))
    with connected(control, 0.3) as client, pytest.raises(TimeoutError):
        ask(client, CREATE, "POST")
    assert len(engine.asked) == 1


def test_an_answer_that_is_lost_ends_with_its_connection(control: Control) -> None:
    control.rules(Rule(Action.LOSE, seconds=0))
    with connected(control) as client, pytest.raises(http.client.RemoteDisconnected):
        ask(client, LIST)


@pytest.mark.parametrize("status", [403, 404, 409, 429, 500])
def test_a_status_in_place_of_the_engine(control: Control, engine: Upstream, status: int) -> None:
    control.rules(Rule(Action.STATUS, status=status, message="so it is", skip=1, count=1))
    with connected(control) as client:
        assert ask(client, LIST)[0] == 200
        assert ask(client, LIST) == (status, b'{"message": "so it is"}')
        assert ask(client, LIST)[0] == 200
    assert len(engine.asked) == 2


def test_half_of_a_json_text(control: Control) -> None:
    control.rules(Rule(Action.TRUNCATE, count=1))
    with connected(control) as client:
        status, body = ask(client, LIST)
        assert status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)
        assert ids(ask(client, LIST)) == ["GET-2"], "the connection is still good"


def test_half_of_a_chunked_text(control: Control) -> None:
    control.rules(Rule(Action.TRUNCATE))
    with connected(control) as client:
        assert ask(client, "/events") == (200, b'{"a": 1}\n')


def test_an_answer_twice(control: Control) -> None:
    control.rules(Rule(Action.TWICE))
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(20)
        plain.connect(control.url.removeprefix("unix://"))
        plain.sendall(f"GET {LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        said = b""
        while piece := plain.recv(1 << 16):
            said += piece
    assert said.count(b"HTTP/1.1 200") == 2
    assert said.count(b"GET-1") == 2


def test_a_call_twice(control: Control, engine: Upstream) -> None:
    control.rules(Rule(Action.REPEAT, path="create"))
    with connected(control) as client:
        assert ids(ask(client, CREATE, "POST", body=b"{}")) == ["POST-2"]
    assert engine.asked == [("POST", CREATE, b"{}")] * 2


def test_an_empty_list_once(control: Control, engine: Upstream) -> None:
    control.rules(Rule(Action.EMPTY, "GET", "^/containers/json", count=1))
    with connected(control) as client:
        assert ask(client, LIST) == (200, b"[]")
        assert ids(ask(client, LIST)) == ["GET-1"]


def test_an_engine_that_refuses_every_change(control: Control, engine: Upstream) -> None:
    control.rules(read_only())
    with connected(control) as client:
        assert ids(ask(client, LIST)) == ["GET-1"]
        assert ask(client, "/_ping", "HEAD")[0] == 200
        assert ask(client, CREATE, "POST")[0] == 403
        assert ask(client, "/containers/1", "DELETE")[0] == 403
    assert [each[0] for each in engine.asked] == ["GET", "HEAD"]


@pytest.mark.parametrize("action", [Action.DELAY, Action.LATE])
def test_what_is_slow_comes_all_the_same(control: Control, action: Action) -> None:
    control.rules(Rule(action, seconds=0.01))
    with connected(control) as client:
        assert ids(ask(client, LIST)) == ["GET-1"]


@pytest.mark.parametrize(("action", "reached"), [(Action.HOLD, 0), (Action.HOLD_AFTER, 1)])
def test_a_call_is_held_until_it_is_released(
    control: Control, engine: Upstream, action: Action, reached: int
) -> None:
    control.rules(Rule(action, "POST", skip=1, count=1))
    with connected(control) as client:
        ask(client, CREATE, "POST")
        client.request("POST", CREATE)
        held = control.wait_held()
        assert held.path == CREATE
        assert held.forwarded == reached
        assert len(engine.asked) == 1 + reached
        control.release()
        assert client.getresponse().status == 200
    assert len(engine.asked) == 2


def test_open_connections_are_dropped(control: Control) -> None:
    control.rules(Rule(Action.HOLD))
    with connected(control) as client:
        client.request("GET", LIST)
        control.wait_held()
        control.drop()
        with pytest.raises(ConnectionError):
            client.getresponse()


def test_an_engine_that_is_away(folder: Path) -> None:
    away = folder / "away"
    away.mkdir()
    with (
        fault_proxy(away / "none.sock", away) as control,
        connected(control) as client,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        ask(client, LIST)
    assert list(away.iterdir()) == []


# --- mistakes ------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_told(control: Control) -> None:
    with pytest.raises(FaultProxyError, match=r"no call was held within 0\.01 s"):
        control.wait_held(0.01)
    with pytest.raises(FaultProxyError, match="This is no rule"):
        control.rules(Rule(Action.CUT, path="("))
    with pytest.raises(FaultProxyError, match="nothing that a proxy does"):
        control._do("dance")


def test_a_proxy_that_cannot_listen_is_told(folder: Path) -> None:
    with (
        pytest.raises(FaultProxyError, match="does not listen"),
        fault_proxy(folder / "real.sock", folder / "no-such-folder"),
    ):
        pass


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("given", [{}, {"action": "dance"}, {"action": "cut", "odd": 1}])
def test_rules_that_are_none(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="This is no rule"):
        Rule.from_json(given)


def test_what_is_no_http_ends_the_connection(control: Control) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(20)
        plain.connect(control.url.removeprefix("unix://"))
        plain.sendall(b"nonsense\r\n\r\n")
        assert plain.recv(1) == b""


def test_an_answer_of_ones_own() -> None:
    assert wire.answer(404, b"{}", "Not Found") == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_it_stands_for_a_port_as_well(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                where = f"127.0.0.1:{probe.getsockname()[1]}"
            with fault_proxy(f"127.0.0.1:{server.server_port}", tmp_path, listen=where) as control:
                assert control.url == f"http://{where}"
                assert httpx.get(f"{control.url}/servers").json() == [{"Id": "GET-1"}]
                control.rules(Rule(Action.STATUS, status=503))
                assert httpx.get(f"{control.url}/servers").status_code == 503
        finally:
            server.shutdown()
            thread.join()
