"""A test's side of a fault proxy: starts the program, sets rules, reads the log."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_anywhere.testing.faults.rules import Rule

_SECONDS: Final = 60.0
_PAUSE: Final = 0.02


class FaultProxyError(Exception):
    """The proxy does not start, or cannot do what it was asked."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call as the proxy has logged it; see `proxy.Call`."""

    number: int
    method: str
    path: str
    action: str
    status: int
    forwarded: int

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Out of the proxy's answer."""
        names = ("number", "method", "path", "action", "status", "forwarded")
        return cls(**{name: given[name] for name in names})


class Control:
    """Speaks to one proxy; one connection, used from one thread.

    Args:
        path: The proxy's control socket.
        url: Where the proxy stands for the engine.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.url = url
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SECONDS)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")

    def rules(self, *rules: Rule) -> None:
        """Replace all rules; none heals the engine. Calls that are under way keep their rule.

        Raises:
            FaultProxyError: A rule is none.
        """
        self._do("rules", rules=[each.to_json() for each in rules])

    def calls(self) -> list[Called]:
        """All calls since the last `clear`, by their numbers."""
        return [Called.of(each) for each in self._do("log")["calls"]]

    def clear(self) -> None:
        """Forget the calls so far; numbers go on."""
        self._do("clear")

    def wait_held(self, seconds: float = 30.0) -> Called:
        """Wait until a call is held, and say which.

        Raises:
            FaultProxyError: None was within the time.
        """
        return Called.of(self._do("wait", seconds=seconds)["held"])

    def release(self) -> None:
        """Let all calls go on that are held now."""
        self._do("release")

    def drop(self) -> None:
        """Close all connections that are open now, as a network does that breaks."""
        self._do("drop")

    def close(self) -> None:
        """End this connection; the proxy goes on."""
        self._lines.close()
        self._socket.close()

    def _do(self, what: str, **more: Any) -> dict[str, Any]:
        self._socket.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise FaultProxyError("The fault proxy has ended. Look at its standard error.")
        answer: dict[str, Any] = json.loads(line)
        if error := answer.get("error"):
            raise FaultProxyError(f"The fault proxy: {error}")
        return answer


@contextlib.contextmanager
def fault_proxy(upstream: Path | str, folder: Path, listen: str = "") -> Iterator[Control]:
    """A proxy before a socket, in a process of its own, that ends with the block.

    Args:
        upstream: The engine's socket: a path, or ``HOST:PORT``.
        folder: A folder for two sockets; its path has to be short.
        listen: Where it stands for the engine, as ``HOST:PORT``; default: at a path of its own.

    Raises:
        FaultProxyError: It does not start.
    """
    own, control = folder / "engine.sock", folder / "control.sock"
    words = [upstream, listen or own, control]
    process = subprocess.Popen(  # noqa: S603 - argument list, no shell
        [sys.executable, "-m", "jupyterhub_anywhere.testing.faults.proxy", *map(str, words)],
        stdin=subprocess.DEVNULL,
    )
    try:
        made = _connected(process, control, f"http://{listen}" if listen else f"unix://{own}")
        try:
            yield made
        finally:
            made.close()
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for path in (own, control):
            path.unlink(missing_ok=True)


def _connected(process: subprocess.Popen[bytes], path: Path, url: str) -> Control:
    end = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            return Control(path, url)
        time.sleep(_PAUSE)
    raise FaultProxyError(f"The fault proxy does not listen at {path}; it said why on stderr.")
