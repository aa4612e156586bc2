"""The spawner of processes on this machine.

It is not JupyterHub's LocalProcessSpawner, which knows a server by its pid alone: after a reboot
``stop`` kills a stranger's process. Every server here has a supervisor that is known by pid, start
time and boot id, and a label that all of its processes carry.
"""

from __future__ import annotations

import asyncio
import html
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jupyterhub
import sqlalchemy
from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.logfiles import cut_log
from jupyterhub_anywhere.core.names import resource_name
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.core.quantities import format_memory
from jupyterhub_anywhere.core.scrubbing import secrets_of
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.process import certs, environment, nss, serverlog
from jupyterhub_anywhere.targets.process.accounts import Accounts, UidRange
from jupyterhub_anywhere.targets.process.blocking import blocking
from jupyterhub_anywhere.targets.process.ending import kill_rest, limiter
from jupyterhub_anywhere.targets.process.homes import delete_home, ensure_home
from jupyterhub_anywhere.targets.process.identity import (
    AccountError,
    Identity,
    home_folder,
    resolve_as_root,
    resolve_as_self,
)
from jupyterhub_anywhere.targets.process.labels import kill_server, labels_of
from jupyterhub_anywhere.targets.process.launch import (
    Job,
    Plan,
    Supervisor,
    launch,
    read_status,
)
from jupyterhub_anywhere.targets.process.limits import Limits
from jupyterhub_anywhere.targets.process.listening import listeners
from jupyterhub_anywhere.targets.process.settings import SiteTraits

if TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds beyond the graces of the supervisor, after which it is killed itself.
_STOP_MARGIN: Final = 5.0
# The supervisor's own time for kernels and terminals (`supervisor.REST_GRACE`).
_REST_SECONDS: Final = 2.0
# Seconds that a start leaves the hub before the hub's own deadline, whose message says nothing.
_START_MARGIN: Final = 2.0
# Seconds between looks at a server that starts: short at first, for small servers.
_FIRST_LOOK, _SLOWEST_LOOK = 0.02, 0.25
_FORBIDDEN, _FAILED = 403, 500
# What the status file's absence says: the supervisor was killed.
_UNKNOWN_STATUS: Final = 1


class _PortTakenError(Exception):
    """Somebody else took the port between its choice and the server's start."""


class ProcessSpawner(SiteTraits, Spawner):
    """Runs each server as processes of this machine, under the user's own uid when root.

    Use it from ``anywhere.yaml`` (``kind: process``), or alone as
    ``c.JupyterHub.spawner_class = "jupyterhub_anywhere.targets.process.ProcessSpawner"``.
    """

    port: int
    # Set by AnywhereSpawner before a start: the lease that the processes are started for.
    anywhere_lease = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._process: ProcessId | None = None
        self._supervisor: Supervisor | None = None
        self._identity: Identity | None = None
        self._address: tuple[str, int] | None = None
        self._nss: dict[str, str] = {}
        self._chosen_port = 0
        self._cleaned = False
        self._cleaning = asyncio.Lock()
        self._starved = 0
        super().__init__(*args, **kwargs)

    # --- what is saved ---------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Which process the server's supervisor is, and where the server listens."""
        state: dict[str, Any] = super().get_state()
        if self._process is not None:
            state["process"] = self._process.to_json()
        if self._address is not None:
            state["ip"], state["port"] = self._address
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `get_state` gave; anything else counts as no server."""
        super().load_state(state)
        self._process = ProcessId.from_json(state.get("process"))
        ip, port = state.get("ip"), state.get("port")
        self._address = (ip, port) if isinstance(ip, str) and isinstance(port, int) else None

    def clear_state(self) -> None:
        """Forget the process."""
        super().clear_state()
        self._process = None
        self._supervisor = None
        self._address = None

    def checkpoint(self) -> None:
        """Save the state now, for a hub that may die at the next line."""
        if self.orm_spawner is None:
            return
        self.orm_spawner.state = self.get_state()
        session = sqlalchemy.inspect(self.orm_spawner).session
        if session is not None:
            session.commit()

    # --- names and files -------------------------------------------------------------------------

    @property
    def resource(self) -> str:
        """The deterministic name of this server."""
        return resource_name(self.hub_id, self.user.name, self.name)

    @property
    def log_path(self) -> Path:
        """The server's log file."""
        return Path(self.log_folder) / "servers" / f"{self.resource}.log"

    @property
    def _status_path(self) -> Path:
        return self.log_path.with_suffix(".status")

    @property
    def _certs(self) -> Path:
        return Path(self.homes) / ".certs" / self.resource

    @property
    def _labels(self) -> dict[str, str]:
        """The variables that mark every process of this server."""
        return labels_of(self.hub_id, self.resource, self.user.name, self.name, self.anywhere_lease)

    # --- whom and with what ----------------------------------------------------------------------

    def identity(self) -> Identity:
        """Whom the server runs as.

        Raises:
            TargetError: The account may not be used, or no uid can be given.
        """
        if self._identity is None:
            self._identity = self._resolve(self.user.name)
        return self._identity

    def _prefix(self) -> environment.Prefix:
        return environment.Prefix.named(self.prefix, self.base)

    def _resolve(self, name: str) -> Identity:
        if os.geteuid() == 0:
            return resolve_as_root(name, self._table(), Path(self.homes))
        return resolve_as_self(name, Path(self.homes), share_account=self.share_account)

    def _table(self) -> Accounts:
        return Accounts(Path(self.accounts), UidRange(*self.uids))

    def limits(self) -> Limits:
        """The limits of this server, from the traits that JupyterHub has for them."""
        return Limits(
            memory=self.mem_limit or None,
            cpu=self.cpu_limit or None,
            memory_guarantee=self.mem_guarantee or None,
            cpu_guarantee=self.cpu_guarantee or None,
        )

    def get_env(self) -> dict[str, str]:
        """The server's environment; nothing of the hub's own but language and time zone.

        Raises:
            TargetError: There is nobody to run it as, or a variable cannot be passed on.
        """
        identity = self.identity()
        prefix = self._prefix()
        env = environment.checked_variables(
            {
                **environment.basic_variables(identity, prefix, os.environ),
                **super().get_env(),
                **self._labels,
            }
        )
        if env.get("JUPYTERHUB_ROOT_DIR"):
            env["JUPYTERHUB_ROOT_DIR"] = environment.absolute_folder(
                env["JUPYTERHUB_ROOT_DIR"], identity.home
            )
        return env

    async def move_certs(self, paths: Mapping[str, str]) -> Mapping[str, str]:
        """Make the certificates of ``internal_ssl`` readable for the server's user alone."""
        name = self.user.name
        identity = await blocking(self._resolve, name)
        if not identity.switch:
            return paths
        return await blocking(certs.place, paths, self._certs, identity.uid, identity.gid)

    # --- start -----------------------------------------------------------------------------------

    async def start(self) -> tuple[str, int]:
        """Start the server, and wait until it listens.

        Raises:
            StartError: It cannot be started, or ended at once; with a text for the user.
        """
        deadline = time.monotonic() + max(self.start_timeout - _START_MARGIN, 1.0)
        if self.port == self._chosen_port:
            # An earlier start chose it; nobody asked for it.
            self.port = 0
        fixed_port = bool(self.port)
        try:
            await self._prepare()
            try:
                return await self._attempt(deadline)
            except _PortTakenError:
                if fixed_port:
                    raise TargetError(
                        f"Port {self.port} is taken by another program.",
                        hint="Leave `port` unset: a free one is chosen at each start.",
                    ) from None
                self.port = 0
                self.log.info("Starting %s again: its port was taken meanwhile", self._log_name)
            try:
                return await self._attempt(deadline)
            except _PortTakenError:
                raise TargetError("Two ports in a row were taken by other programs.") from None
        except TargetError as error:
            refused = isinstance(error, AccountError)
            missing = isinstance(error, environment.CommandError)
            raise StartError(
                str(error),
                reason="account" if refused else "command" if missing else "process",
                status_code=_FORBIDDEN if refused else _FAILED,
            ) from error

    async def _prepare(self) -> None:
        """All that has to be right before a process is made."""
        name, resource, hub_id = self.user.name, self.resource, self.hub_id
        self._identity = identity = await blocking(self._resolve, name)

        def prepare() -> None:
            if list(self.cmd) == [environment.STANDARD_COMMAND]:
                environment.check_prefix(self._prefix(), jupyterhub.__version__)
            if identity.own_home:
                ensure_home(identity.home, identity.uid, identity.gid)
            if identity.reserved:
                self._nss = nss.variables(identity, Path(self.homes) / ".nss", nss.find_library())
            # What an earlier life of this server left would share its files with the new one.
            kill_rest(hub_id, resource)

        await blocking(prepare)

    async def _attempt(self, deadline: float) -> tuple[str, int]:
        if not self.port:
            self.port = self._chosen_port = random_port()
        if await blocking(listeners, self.port):
            raise _PortTakenError
        self._address = (self.ip or "127.0.0.1", self.port)
        self._cleaned, self._starved = False, 0
        job = self._job()
        log_start = serverlog.size(self.log_path)
        await self._launch(job)
        await self._wait_listening(deadline, log_start, job)
        return self._address

    def _job(self) -> Job:
        identity = self.identity()
        env = {**self._nss, **self.get_env()}
        command = environment.resolve_command(self.cmd, self._prefix(), env.get("PATH", ""))
        return Job([*command, *self.get_args()], env, identity.home, self.stop_grace)

    async def _launch(self, job: Job) -> None:
        """Start the supervisor, save which process it is, and only then let it go."""
        plan = Plan(
            resource=self.resource,
            labels=self._labels,
            identity=self.identity(),
            python=_supervisor_python(self._prefix()),
            limits=self.limits(),
            log=self.log_path,
            status=self._status_path,
        )
        supervisor = await blocking(launch, plan, limiter(self.hub_id))
        try:
            self._supervisor, self._process = supervisor, supervisor.identity
            self.checkpoint()
            await blocking(supervisor.go, job)
        except BaseException:
            supervisor.abandon()
            raise

    async def _wait_listening(self, deadline: float, log_start: int, job: Job) -> None:
        pause = _FIRST_LOOK
        uid = self.identity().uid
        while True:
            status = await self.poll()
            if status is not None:
                if await blocking(listeners, self.port):
                    raise _PortTakenError
                raise self._ended(status, log_start, job)
            found = await blocking(listeners, self.port)
            if found is None or uid in found:
                return
            if time.monotonic() > deadline:
                self.log.warning("%s does not listen: %s", self._log_name, job.argv[0])
                raise StartError(
                    f"The server did not begin to listen within {self.start_timeout:g} seconds.",
                    reason="timeout",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, _SLOWEST_LOOK)

    def _ended(self, status: int, log_start: int, job: Job) -> StartError:
        """The error for a server that ended while it started."""
        secrets = [self.api_token, *secrets_of(job.env)]
        lines = serverlog.tail(self.log_path, since=log_start, secrets=secrets)
        text = "\n".join(lines)
        cause = FailureCause.OOM if self._starved else FailureCause.CRASHED
        head = f"The server ended as soon as it was started, with exit status {status}."
        if self._starved:
            head += f" {self._starved_text()}"
        if not text:
            return StartError(head, reason="exited", cause=cause)
        return StartError(
            f"{head} The end of its log:\n{text}",
            reason="exited",
            cause=cause,
            html=f"{html.escape(head)} The end of its log:<pre>{html.escape(text)}</pre>",
        )

    def _starved_text(self) -> str:
        limit = f" of {format_memory(self.mem_limit)}" if self.mem_limit else ""
        return f"It used more than its memory limit{limit}."

    # --- afterwards ------------------------------------------------------------------------------

    async def get_url(self) -> str:
        """Where the server listens; also for one whose start the hub did not live to see."""
        if self._address is None or self.server is None:
            return str(self.server.url) if self.server else ""
        ip, port = self._address
        host = f"[{ip}]" if ":" in ip else ip
        return f"{'https' if self.internal_ssl else 'http'}://{host}:{port}{self.server.base_url}"

    async def poll(self) -> int | None:
        """None while the server's supervisor runs, else the server's exit status; never raises."""
        try:
            status = self._status()
            if status is not None and self._process is not None:
                await self._clean_up()
            elif serverlog.size(self.log_path) > serverlog.CUT_AT:
                await blocking(cut_log, self.log_path, serverlog.CUT_AT)
        except Exception:
            self.log.exception("Could not find out whether %s runs", self._log_name)
            return None
        return status

    def _status(self) -> int | None:
        if self._process is None:
            return 0
        if self._supervisor is not None:
            code = self._supervisor.process.poll()
            if code is None:
                return None
            return code if code >= 0 else 128 - code
        if self._process.alive():
            return None
        status = read_status(self._status_path)
        return _UNKNOWN_STATUS if status is None else status

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        """End the server with all that came of it; bounded in time, never raises."""
        try:
            await self._end_supervisor(now=now)
            await self._clean_up()
        except Exception:
            self.log.exception("Stopping %s failed; what is left is killed", self._log_name)
            await blocking(kill_server, self.hub_id, self.resource)

    async def _end_supervisor(self, *, now: bool) -> None:
        process = self._process
        if process is None:
            return
        if not now and process.send(signal.SIGTERM):
            await process.wait(self.stop_grace + _REST_SECONDS + _STOP_MARGIN)
        if process.send(signal.SIGKILL):
            if not now:
                self.log.warning("%s did not end in time and was killed", self._log_name)
            await process.wait(_STOP_MARGIN)
        if self._supervisor is not None:
            # Takes leave of the process, so that no zombie stays.
            self._supervisor.process.poll()

    async def _clean_up(self) -> None:
        """Kill what outlived the supervisor, and remove its control group; once."""
        # The hub may ask whether it runs while it stops it: who comes second waits for the end.
        async with self._cleaning:
            if self._cleaned:
                return
            way, resource, hub_id = limiter(self.hub_id), self.resource, self.hub_id
            self._starved = await blocking(way.oom_kills, resource)
            if not await blocking(kill_rest, hub_id, resource):
                self.log.warning("Processes of %s are left that no signal ends", self._log_name)
            if self._starved:
                self.log.warning("%s: %s", self._log_name, self._starved_text())
            self._cleaned = True

    async def delete_forever(self) -> None:
        """Remove the server's log and certificates, and the user's home when `delete_home` says so.

        The hub calls this for a removed named server too; only the default server's end, which is
        the user's, touches the home.
        """
        log, status = self.log_path, self._status_path
        for path in (log, log.with_name(log.name + ".1"), status):
            path.unlink(missing_ok=True)
        await blocking(shutil.rmtree, self._certs, ignore_errors=True)
        if not self.name:
            await blocking(self._end_of_home, self.user.name)

    def _end_of_home(self, name: str) -> None:
        """Remove a user's home where that is wanted, and say what has become of it."""
        home = home_folder(Path(self.homes), name)
        if self.delete_home and self._delete_home(name):
            self.log.info("The home of %s was removed: %s", name, home)
        elif home.is_dir():
            self.log.info("The home of %s is kept: %s. See `delete_home`.", name, home)

    def _delete_home(self, name: str) -> bool:
        home = home_folder(Path(self.homes), name)
        if os.geteuid() != 0:
            return self.share_account and delete_home(home, os.getuid())
        uid = self._table().find(name)
        return uid is not None and delete_home(home, uid)


def _supervisor_python(prefix: environment.Prefix) -> Path:
    """The server's own interpreter; the hub's where a command was given that has none."""
    return prefix.python if prefix.python.exists() else environment.Prefix.named("").python
