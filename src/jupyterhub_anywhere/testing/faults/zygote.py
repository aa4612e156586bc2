"""Hubs that begin with everything imported: a warm process forks each of them.

Killing hubs at hundreds of places is starting them hundreds of times, and most of a start is
reading modules. A `Zygote` reads them once and opens nothing: no event loop, no thread, no
database. Each hub is a process of its own, with its own words, variables, folder and output, and
runs its module from the first line on, as ``python -m MODULE`` would.

The wire is one Unix connection a hub: a line of JSON goes in; the process's number comes back at
once, and its exit status at its end.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SOCKET: Final = "zygote.sock"
_BEGIN_SECONDS: Final = 120.0
# Not read before: what a hub runs itself, and what is of no use to it.
_LEFT: Final = re.compile(r"^jupyterhub_anywhere\.(testing|cli\.main)|__main__$")
# What hubs import while they start, besides our own package.
_MODULES: Final = (
    "alembic.command",
    "alembic.ddl.sqlite",
    "certipy",
    "jupyterhub.app",
    "jupyterhub.auth",
    "jupyterhub.handlers.metrics",
    "jupyterhub.spawner",
    "jupyterhub_anywhere.testing.faults.kills",
    "sqlalchemy.dialects.sqlite",
    "tornado.simple_httpclient",
    "tornado.platform.asyncio",
)
_OPTIONAL: Final = ("dockerspawner", "docker", "requests", "nativeauthenticator", "pycurl")


class Forked:
    """A process that a zygote made, used as `subprocess.Popen`.

    Attributes:
        pid: Its number.
        returncode: As in `subprocess.Popen`: None while it runs, negative for a signal.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("r", encoding="ascii")
        self._lock = threading.Lock()
        self.pid = int(self._stream.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It runs still.
        """
        import select

        with self._lock:
            if self.returncode is None:
                if not select.select([self._connection], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
                # Nothing where the zygote itself was killed, its hubs with it.
                self.returncode = int(self._stream.readline() or -signal.SIGKILL)
                self._stream.close()
                self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


class Zygote:
    """A warm process; hubs that it made outlive it no longer than `close`.

    Args:
        folder: Where its socket is.
        environment: The variables with which modules are read.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._address = str(folder / _SOCKET)
        words = [sys.executable, "-m", __name__, self._address]
        self._process = subprocess.Popen(  # noqa: S603 - this module itself
            words, env=dict(environment), stdin=subprocess.PIPE
        )

    def fork(
        self, words: Sequence[str], *, folder: Path, environment: Mapping[str, str], output: Path
    ) -> Forked:
        """Start a process.

        Args:
            words: A module's name, and its words.
            folder: Where it works.
            environment: Its variables, all of them.
            output: What it writes is added to this file.

        Raises:
            AssertionError: The zygote has ended, or reads modules for more than two minutes.
        """
        asked = {
            "words": list(words),
            "folder": str(folder),
            "environment": dict(environment),
            "output": str(output),
        }
        connection = self._connect()
        connection.sendall(json.dumps(asked).encode() + b"\n")
        return Forked(connection)

    def _connect(self) -> socket.socket:
        end = time.monotonic() + _BEGIN_SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self._address)
            except OSError:
                connection.close()
                assert self._process.poll() is None, "the warm process has ended"  # noqa: S101 - a test's
                assert time.monotonic() < end, "the warm process does not answer"  # noqa: S101 - a test's
                time.sleep(0.05)
            else:
                return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the warm process."""
        # The end of its input is its end, also when this process is killed.
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()


# --- in the warm process -------------------------------------------------------------------------


def warm() -> None:
    """Read all modules that hubs use, and open nothing."""
    import jupyterhub_anywhere
    from jupyterhub_anywhere.core.quick import import_jsonschema

    import_jsonschema()
    found = pkgutil.walk_packages(jupyterhub_anywhere.__path__, "jupyterhub_anywhere.")
    for name in (*_MODULES, *(each.name for each in found if not _LEFT.search(each.name))):
        importlib.import_module(name)
    for name in _OPTIONAL:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    # A collection in a hub does not copy the pages that all of them share.
    gc.freeze()


def _become(asked: dict[str, Any]) -> NoReturn:
    """Be the process that was asked for, and end with its exit status."""
    os.setsid()
    os.chdir(asked["folder"])
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [asked["words"][0], *asked["words"][1:]]
    # As an interpreter that is told so writes.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)  # type: ignore[union-attr]  # real streams
    code: Any = 0
    try:
        runpy.run_module(asked["words"][0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter at its end
        sys.excepthook(*sys.exc_info())
        code = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # The interpreter's own end is that of a process with other threads, too.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as at its end
    os._exit(code if isinstance(code, int) else code is not None)


def _keep(connection: socket.socket, asked: dict[str, Any]) -> None:
    """Be the parent of a process, and tell of its end."""
    pid = os.fork()
    if pid == 0:
        _become(asked)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def serve(address: str) -> None:
    """Make processes until the standard input ends."""
    import select

    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            with connection, connection.makefile("r", encoding="utf-8") as stream:
                line = stream.readline()
                # Who asked may have ended meanwhile.
                if line and os.fork() == 0:
                    listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _keep(connection, json.loads(line))


if __name__ == "__main__":
    serve(sys.argv[1])
