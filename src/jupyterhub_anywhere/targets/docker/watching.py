"""Watching a container that starts: until its server answers, or until it has exited."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import ssl
import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.quantities import format_memory
from jupyterhub_anywhere.core.scrubbing import scrubbed, without
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import docker

    from jupyterhub_anywhere.targets.docker.client import Engine

log = logging.getLogger(__name__)

LINES: Final = 20
# Pieces of output that are remembered; the engine sends about one a line.
_PIECES: Final = 200
_LINE_LENGTH: Final = 400
# Seconds for one try to reach a server.
_TRY_SECONDS: Final = 2.0
# The status of a process that was killed by SIGKILL, which is how the kernel ends a greedy one.
_KILLED: Final = 137
_OVER: Final = frozenset({"exited", "dead", "removing"})


async def answers(host: str, port: int, *, tls: bool) -> bool:
    """Whether a server answers at an address.

    An accepted connection proves nothing: Docker's own proxy accepts for a published port before
    anybody listens behind it.
    """
    try:
        async with asyncio.timeout(_TRY_SECONDS):
            return await (_shakes_hands(host, port) if tls else _says_a_word(host, port))
    except (OSError, TimeoutError):
        return False


async def _says_a_word(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
        await writer.drain()
        return bool(await reader.read(1))
    finally:
        await _close(writer)


async def _shakes_hands(host: str, port: int) -> bool:
    # Only whether somebody is there: the hub itself verifies whom it talks to.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLEOFError:
        return False
    except ssl.SSLError:
        # It speaks TLS, and wants the hub's certificate.
        return True
    await _close(writer)
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended.

    Attributes:
        code: Its exit status; None where nobody knows.
        starved: Whether it was killed for using more memory than its limit.
        error: What the engine says of it.
    """

    code: int | None
    starved: bool = False
    error: str = ""


def exit_of(answer: Mapping[str, Any]) -> Exit | None:
    """How a container has ended, from its inspection; None while it runs or is still to start."""
    state = answer.get("State") or {}
    if state.get("Running") or state.get("Status") not in _OVER:
        return None
    return Exit(
        code=state.get("ExitCode"),
        starved=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
    )


def exit_in(events: Iterable[Mapping[str, Any]]) -> Exit:
    """How a container has ended, from the engine's events, where it was removed at its end."""
    code: int | None = None
    starved = False
    for event in events:
        action = event.get("Action") or event.get("status")
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        if action == "oom":
            starved = True
        elif action == "die":
            with contextlib.suppress(KeyError, ValueError):
                code = int(attributes["exitCode"])
    return Exit(code, starved=starved)


def exit_since(client: docker.APIClient, container: str, since: float) -> Exit:
    """How a container has ended that is not there any more: what the engine remembers of late.

    Args:
        client: The engine's; the call waits for its answer.
        container: Its id or its name.
        since: When it ran, in seconds since 1970.

    Raises:
        DockerException, OSError: The engine could not be asked.
    """
    stream = client.events(
        since=int(since) - 1,
        until=f"{time.time():.6f}",
        filters={"container": container, "event": ["die", "oom"]},
        decode=True,
    )
    return exit_in(stream)


def starved(memory: int | None) -> str:
    """A sentence for the user of a container that was killed for its memory.

    Args:
        memory: Its memory limit in bytes; None or 0 where that is not known.
    """
    limit = f" of {format_memory(memory)}" if memory else ""
    return f"It used more than its memory limit{limit}; choose more."


def ended(
    found: Exit, lines: Sequence[str], secrets: Iterable[str], memory: int | None
) -> StartError:
    """The error for a container that exited while it started.

    Args:
        found: How it ended.
        lines: The end of its log.
        secrets: Texts that nobody may see.
        memory: Its memory limit in bytes.
    """
    status = "" if found.code is None else f", with exit status {found.code}"
    head = f"The container ended as soon as it was started{status}."
    if found.starved:
        head += f" {starved(memory)}"
    elif found.code == _KILLED:
        head += " It was killed."
    if found.error:
        head += f" {found.error}"
    hidden = list(secrets)
    head = without(head, hidden)
    cause = FailureCause.OOM if found.starved else FailureCause.CRASHED
    # Before anything is cut: half a secret is not found.
    shown = scrubbed("\n".join(lines), hidden).splitlines()
    kept = [line.rstrip()[:_LINE_LENGTH] for line in shown if line.strip()][-LINES:]
    text = "\n".join(kept)
    if not text:
        return StartError(f"{head} Its log is empty.", reason="exited", cause=cause)
    return StartError(
        f"{head} The end of its log:\n{text}",
        reason="exited",
        cause=cause,
        html=f"{html.escape(head)} The end of its log:<pre>{html.escape(text)}</pre>",
    )


class Tail:
    """The last lines of a container that the engine removes at its end, log and all.

    Args:
        engine: The engine.
        container: The container, created and not yet started.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine, self._container = engine, container
        self._pieces: deque[bytes] = deque(maxlen=_PIECES)
        self._attached: Future[None] = Future()
        self._over: Future[None] = Future()
        self._stream: Any = None
        # A thread of its own, not one of the pool: it waits until the container ends.
        threading.Thread(target=self._read, name="docker-tail", daemon=True).start()

    async def attached(self, seconds: float = 5.0) -> None:
        """Wait until nothing is missed any more."""
        await asyncio.wait({asyncio.wrap_future(self._attached)}, timeout=seconds)

    async def lines(self, seconds: float = 2.0) -> list[str]:
        """What was written, once the container has ended."""
        await asyncio.wait({asyncio.wrap_future(self._over)}, timeout=seconds)
        return b"".join(list(self._pieces)).decode("utf-8", "replace").splitlines()

    def close(self) -> None:
        """Stop reading."""
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.close()

    def _read(self) -> None:
        client = None
        try:
            client = self._engine.pull_client()
            self._stream = client.attach(self._container, stream=True, logs=True)
            _settle(self._attached)
            self._pieces.extend(self._stream)
        except Exception:
            # The lines are a help; their lack is no failure.
            log.debug("The output of %s is not read", self._container, exc_info=True)
        finally:
            self.close()
            if self._stream is not None:
                # Closing the stream leaves its socket to the collector of garbage.
                self._stream._response.close()  # noqa: SLF001 - docker-py gives it no name
            if client is not None:
                client.close()
            _settle(self._attached)
            _settle(self._over)


def _settle(future: Future[None]) -> None:
    # Whoever waits for it may have gone, which cancels it.
    with contextlib.suppress(InvalidStateError):
        future.set_result(None)
