"""The standard proxy, adopted when it still runs.

JupyterHub's own class ends a proxy that a former hub left and starts another, which breaks every
websocket at each start of the hub. This one goes on with it, when it is the same process, was
started in the same way, and answers to the same token.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import signal
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.proxy import ConfigurableHTTPProxy
from tornado.ioloop import PeriodicCallback
from traitlets import Unicode

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.logfiles import cut_log
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.files import read_json, write_json
from jupyterhub_anywhere.hub.ports import LOOPBACK, check_free, free_port, who_holds
from jupyterhub_anywhere.targets.process.listening import listeners

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths

# The shell is replaced by the proxy, so the process id stays; append, so that the file can be cut.
_TO_LOG: Final = 'exec "$@" >>"$0" 2>&1 </dev/null'
LOG_BYTES: Final = 20 << 20
_END_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 3.0


def proxy_record(paths: StatePaths) -> dict[str, Any]:
    """Token and ports of the proxy, chosen at first start and kept: running servers hold them.

    Returns:
        ``token``, ``hub_port``, ``api_port``, and ``process`` and ``shape`` of a running proxy.

    Raises:
        SurroundingsError: No port is free.
    """
    record = read_json(paths.proxy)
    chosen = dict(record)
    chosen.setdefault("token", secrets.token_hex(32))
    for key in ("hub_port", "api_port"):
        if not isinstance(chosen.get(key), int):
            taken = {value for value in chosen.values() if isinstance(value, int)}
            chosen[key] = free_port(taken)
    if chosen != record:
        write_json(paths.proxy, chosen)
    return chosen


def forget_taken_ports(paths: StatePaths) -> None:
    """Let go of kept ports that others hold by now; only while nothing runs that knows them."""
    record = read_json(paths.proxy)
    kept = dict(record)
    for key in ("hub_port", "api_port"):
        try:
            check_free(LOOPBACK, record.get(key) or 0, "")
        except SurroundingsError:
            del kept[key]
    if kept != record:
        write_json(paths.proxy, kept)


def find_proxy(record: dict[str, Any]) -> ProcessId | None:
    """The proxy that a former hub started, while it runs.

    Args:
        record: What `proxy_record` returned or ``proxy.json`` holds.
    """
    known = ProcessId.from_json(record.get("process"))
    if known is not None and known.alive():
        return known
    # A hub that died between start and record: the token proves whose proxy it is.
    if not answers_to(record):
        return None
    holder = who_holds(record["api_port"])
    return ProcessId.of(holder.pid) if holder is not None else None


def answers_to(record: dict[str, Any]) -> bool:
    """Whether a proxy answers to our token at the place of ours."""
    port, token = record.get("api_port"), record.get("token")
    if not isinstance(port, int) or not isinstance(token, str):
        return False
    # The token is for our own account alone: anybody may have taken the port of a dead proxy.
    if listeners(port) != {os.geteuid()}:
        return False
    connection = HTTPConnection(LOOPBACK, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/api/routes", headers={"Authorization": f"token {token}"})
        answer = connection.getresponse()
        return answer.status == HTTPStatus.OK and isinstance(json.loads(answer.read()), dict)
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def logged(command: list[str], log: Path) -> list[str]:
    """A command that writes to a log file and has no terminal."""
    return ["/bin/sh", "-c", _TO_LOG, str(log), *command]


def _prepare_log(log: Path) -> None:
    cut_log(log, LOG_BYTES)
    # The stock class lets the group read and write what its proxy makes; a log is the hub's.
    log.touch(0o600)


class Adopted:
    """A proxy that a former hub started, with the part of `Popen` that the hub uses."""

    def __init__(self, identity: ProcessId) -> None:
        self.identity = identity
        self.pid = identity.pid

    def poll(self) -> int | None:
        """None while it runs; its exit status went to another process."""
        return None if self.identity.alive() else 0

    def terminate(self) -> None:
        """Ask it to end."""
        self.identity.send(signal.SIGTERM)


class AdoptedProxy(ConfigurableHTTPProxy):
    """configurable-http-proxy, kept alive across hubs."""

    record_file = Unicode(help="Where token, ports and process are kept.").tag(config=True)
    log_file = Unicode(help="Where the proxy writes.").tag(config=True)
    # A trait of the stock class, which says nothing of its type.
    _check_running_callback: PeriodicCallback | None

    @property
    def adopted(self) -> bool:
        """Whether a former hub started the proxy that runs."""
        return isinstance(getattr(self, "proxy_process", None), Adopted)

    async def start(self) -> None:
        """Go on with the proxy that runs, or start one."""
        watched = self._check_running_callback is not None
        if self._check_running_callback is not None:
            # The watchdog comes here too; the stock class would start one more each time.
            self._check_running_callback.stop()
        try:
            await self._start()
        except BaseException:
            if watched:
                # The next look tries again: without it the hub would stay without a proxy.
                self._watch()
            raise

    def _watch(self) -> None:
        self._check_running_callback = PeriodicCallback(
            self.check_running, 1e3 * self.check_running_interval
        )
        self._check_running_callback.start()

    async def _start(self) -> None:
        found = await self._find()
        if found is None:
            _prepare_log(Path(self.log_file))
            await super().start()
            return
        self.log.info("Going on with the proxy that runs, process %i", found.pid)
        self.proxy_process = Adopted(found)
        self._record(found)
        self._watch()

    async def _find(self) -> ProcessId | None:
        """The proxy to go on with; one that does not fit is ended."""
        record = read_json(Path(self.record_file))
        found = await asyncio.to_thread(find_proxy, record)
        if found is None:
            return None
        answers = await asyncio.to_thread(answers_to, record)
        if answers and record.get("shape") == self._shape():
            return found
        self.log.warning("Replacing the proxy that runs, process %i", found.pid)
        await asyncio.to_thread(end_process, found)
        return None

    def _shape(self) -> str:
        """How the proxy is started: another command, address or certificate is another proxy."""
        parts = [*self.command, self.public_url, self.api_url, self.hub.url, self.log_level]
        for file in (self.ssl_cert, self.ssl_key):
            # A renewed certificate is read at the start only.
            parts += [file, str(Path(file).stat().st_mtime_ns) if file else ""]
        text = "\0".join(map(str, parts))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def _record(self, identity: ProcessId | None) -> None:
        record = read_json(Path(self.record_file))
        record |= {"process": identity and identity.to_json(), "shape": self._shape()}
        write_json(Path(self.record_file), record)

    # --- what the stock class does with its pid file -------------------------------------------

    def _check_previous_process(self) -> None:
        """Nothing: `start` looked already, and by more than a number in a file."""

    def _write_pid_file(self) -> None:
        """Write down the process, directly after it was started."""
        self._record(ProcessId.of(self.proxy_process.pid))

    def _remove_process_files(self) -> None:
        """Forget the process."""
        self._record(None)

    async def stop(self) -> None:
        """End the proxy and wait for it."""
        if self._check_running_callback is not None:
            self._check_running_callback.stop()
        process = getattr(self, "proxy_process", None)
        if process is None:
            return
        self.log.info("Ending the proxy, process %i", process.pid)
        identity = ProcessId.of(process.pid)
        if process.poll() is None and identity is not None:
            await asyncio.to_thread(end_process, identity)
        process.poll()
        self._remove_process_files()

    async def check_running(self) -> None:
        """Watch over the proxy and its log."""
        cut_log(Path(self.log_file), LOG_BYTES)
        await super().check_running()


def end_process(identity: ProcessId, *, seconds: float = _END_SECONDS) -> bool:
    """End one process: ask, wait, then force.

    Args:
        identity: The process, and no other.
        seconds: How long to wait after asking.

    Returns:
        Whether it has gone.
    """
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 2.0)):
        if not identity.send(number):
            return True
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not identity.alive():
                return True
            time.sleep(0.02)
    return not identity.alive()
