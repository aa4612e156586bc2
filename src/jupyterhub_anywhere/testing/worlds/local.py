"""This machine as a back end: programs that write down how they were started and signalled."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.testing.words import Words
from jupyterhub_anywhere.testing.world import Call, Fault, World

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_PERIOD = 0.02
"""Seconds between two looks at a process or a file."""
# Started by `python -I -S`, which takes a tenth of the time of a usual start.
_PROGRAM = """\
import json, os, signal, socket, sys, threading, time
folder, period = sys.argv[1], float(sys.argv[2])
name = os.environ["JUPYTERHUB_SERVICE_PREFIX"]

def note(call, **facts):
    line = json.dumps({"call": call, "server": name, "pid": os.getpid(), **facts}) + "\\n"
    record = os.open(os.path.join(folder, "record.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(record, line.encode())
    os.close(record)

def fault(step):
    try:
        with open(os.path.join(folder, "fault-" + step)) as stream:
            kind, _, server = stream.read().partition(" ")
            return kind if server in ("", name) else ""
    except OSError:
        return ""

def end(number, frame):
    note("signal", signal=signal.Signals(number).name)
    kind = fault("stop")
    if kind == "hang" or (kind == "error" and number == signal.SIGINT):
        return
    os._exit(0)

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
note("start", arguments=sys.argv[3:], environment=dict(os.environ), folder=os.getcwd(),
     account=os.getuid())
if fault("start") == "error":
    sys.exit("the recording program was told to fail")
while fault("start") == "hang":
    time.sleep(period)
host, port = os.environ["JUPYTERHUB_SERVICE_URL"].split("/")[2].rsplit(":", 1)
listener = socket.create_server((host, int(port)))
if os.environ.get("JUPYTERHUB_SSL_KEYFILE"):
    import ssl
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=os.environ["JUPYTERHUB_SSL_CLIENT_CA"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(
        os.environ["JUPYTERHUB_SSL_CERTFILE"], os.environ["JUPYTERHUB_SSL_KEYFILE"])
    wrap = lambda each: context.wrap_socket(each, server_side=True)
else:
    wrap = lambda each: each
ANSWER = (b"HTTP/1.1 200 OK\\r\\nX-JupyterHub-Version: VERSION\\r\\nContent-Length: 4\\r\\n"
          b"Connection: close\\r\\n\\r\\nstub")

def serve(connection):
    try:
        with wrap(connection) as each:
            each.recv(65536)
            each.sendall(ANSWER)
    except OSError:
        pass

while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""


class LocalWorld(World):
    """Children of this process. Where a start shall hang, the program runs but does not listen."""

    steps: ClassVar[tuple[str, ...]] = ("start", "stop")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._program = folder / "server.py"
        self._record = folder / "record.jsonl"
        self._words = Words({str(folder): "FOLDER"})
        self._context = contextvars.copy_context()
        self._reapers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Write the program. Any account of this machine may run it."""
        import jupyterhub

        # The folders above belong to the test runner, for this account alone.
        self.folder.chmod(0o777)
        self._program.write_text(_PROGRAM.replace("VERSION", jupyterhub.__version__), "utf-8")

    async def close(self) -> None:
        """Kill what runs, and wait for it."""
        for pid in self._running():
            os.kill(pid, signal.SIGKILL)
        self.hub_gone()
        await asyncio.gather(*self._reapers)

    def _lines(self) -> list[dict[str, Any]]:
        if not self._record.exists():
            return []
        return [json.loads(line) for line in self._record.read_text("utf-8").splitlines()]

    @property
    def calls(self) -> Sequence[Call]:
        """Starts and signals."""
        return tuple(
            Call(line.pop("call"), {**self._words.plain(line), "pid": "PID"})
            for line in self._lines()
        )

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let programs end at once or not answer, ignore SIGINT or every signal."""
        file = self.folder / f"fault-{step}"
        if kind is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(f"{kind} {server}".rstrip(), "utf-8")

    def settings(self) -> Mapping[str, Any]:
        """A command that starts the program."""
        python = [sys.executable, "-I", "-S", str(self._program), str(self.folder), str(_PERIOD)]
        return {"cmd": python, "interrupt_timeout": 1, "term_timeout": 1}

    def environment(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def alive(self) -> Collection[str]:
        """The addresses of the servers that run."""
        return tuple(self._running().values())

    def _running(self) -> dict[int, str]:
        started = {line["pid"]: line["server"] for line in self._lines() if line["call"] == "start"}
        return {pid: name for pid, name in started.items() if _runs(pid)}

    def hub_gone(self) -> None:
        """Nobody waits for the children of a hub that has ended: they are this process's."""
        pids = {line["pid"] for line in self._lines()}
        self._reapers += [
            self._context.run(asyncio.create_task, _reap(pid)) for pid in pids if _exists(pid)
        ]


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _runs(pid: int) -> bool:
    """Whether a process exists and has not ended; it has where nobody has waited for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def _reap(pid: int) -> None:
    """Wait for a child, as its next process would who adopts what a hub has left."""
    while not _reaped(pid):  # noqa: ASYNC110 - asyncio does not know children it has not made
        await asyncio.sleep(_PERIOD)


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True
