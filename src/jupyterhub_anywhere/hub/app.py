"""The hub that ``anywhere up`` runs: JupyterHub, with its own signals, logs and control socket."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub.app import JupyterHub
from jupyterhub.utils import maybe_future
from tornado.ioloop import PeriodicCallback

from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError, SurroundingsError
from jupyterhub_anywhere.core.logfiles import cut_log
from jupyterhub_anywhere.hub import embedded, overview, status
from jupyterhub_anywhere.hub.controller import Controller
from jupyterhub_anywhere.hub.doors import Front
from jupyterhub_anywhere.hub.keeper import Keeper
from jupyterhub_anywhere.hub.leftovers import end_leftovers
from jupyterhub_anywhere.hub.logins import access_rules
from jupyterhub_anywhere.hub.membership import apply_declared
from jupyterhub_anywhere.hub.options import Running, UpOptions
from jupyterhub_anywhere.hub.proxy import LOG_BYTES
from jupyterhub_anywhere.hub.reload import compare
from jupyterhub_anywhere.hub.tlsdoor import TlsDoor
from jupyterhub_anywhere.hub.upgrade.course import bring_along
from jupyterhub_anywhere.spawner import site as sites

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.hub.doors import Doors
    from jupyterhub_anywhere.spawner.site import Site

__all__ = ["AnywhereHub", "Running", "UpOptions", "run_hub"]

_END_SECONDS: Final = 60.0
_CUT_SECONDS: Final = 60.0
_GRANTED: Final = "granted.json"


class AnywhereHub(JupyterHub):
    """JupyterHub with one configuration, given and not searched for."""

    site: Site
    options: UpOptions
    doors: Doors
    upgrade_db: Any
    # Set by JupyterHub once it has read its configuration.
    proxy: Any = None
    keeper: Keeper | None = None
    tls_door: TlsDoor | None = None

    def prepare(self, site: Site, options: UpOptions, doors: Doors, *, at_terminal: bool) -> None:
        """Say what this hub runs; before `serve`.

        Args:
            site: The configuration.
            options: The command line, with an absolute path.
            doors: What targets of the site open doors by.
            at_terminal: Whether somebody sits in front of it.
        """
        self.site = site
        self.options = options
        self.doors = doors
        self._started = site.config
        self._own_digest = embedded.own_config_digest(site)
        self._initialized = False
        self._told_end = False
        self._ending = asyncio.Event()
        self._hurry = asyncio.Event()
        self._at_terminal = at_terminal

    # --- JupyterHub's own steps ------------------------------------------------------------------

    def load_config_file(self, *_args: Any, **_options: Any) -> None:
        """Nothing: a ``jupyterhub_config.py`` that happens to lie around is not ours."""

    def print_help(self, *_args: Any, **_options: Any) -> None:
        """Nothing: traitlets shows pages of help for a wrong trait; the log names the trait."""

    def init_db(self) -> None:
        """Open the database; an older one is upgraded first, as by `anywhere upgrade`.

        JupyterHub's own way needs ``alembic`` on the PATH, where a service has none, and works on
        the only copy.
        """
        if self.upgrade_db:
            for line in bring_along(self.db_url):
                self.log.warning("%s", line)
            self.upgrade_db = False
        super().init_db()

    async def init_groups(self) -> None:
        """Load groups, and take back what the file no longer grants."""
        await super().init_groups()
        self._apply_membership()

    def init_signal(self) -> None:
        """Nothing: `serve` took the signals before anything was started."""

    async def shutdown_cancel_tasks(self, sig: signal.Signals | None = None) -> None:
        """End, as the hub's API asks for it."""
        self.end(f"signal {sig.name}" if sig else "a request to the API")

    # --- running ---------------------------------------------------------------------------------

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Start, run until the end is asked for, and end.

        Args:
            on_ready: Called when the hub answers.
        """
        self._take_signals()
        controller = Controller(self.site.info.state.control, self._answer, self.log)
        starting = asyncio.create_task(self._start_all())
        waiting = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                self._check_started(starting)
                await controller.start()
                on_ready()
                await waiting
        finally:
            for task in (starting, waiting):
                task.cancel()
            with suppress(asyncio.CancelledError, Exception, SystemExit):
                await starting
            await self._end_all()
            await controller.stop()

    def _check_started(self, starting: asyncio.Task[None]) -> None:
        error = starting.exception()
        if error is None:
            return
        self.log.error("The hub could not start", exc_info=error)
        if not isinstance(error, Exception) or isinstance(error, AnywhereError):
            raise error
        # Databases, proxies, authenticators and own configurations fail in ways without number.
        text = str(error).partition("\n")[0] or type(error).__name__
        raise SurroundingsError(
            f"JupyterHub could not start: {text}",
            hint=f"Its log is {self.site.info.state.logs / 'hub.log'}.",
        ) from error

    async def _start_all(self) -> None:
        # Before the servers of an earlier hub are looked after.
        self.keeper = await Keeper.open(self.site)
        await self.initialize([])
        self._initialized = True
        await self.start()
        self.keeper.begin(self)
        self.doors.start(self._front(), self.site.targets.values())
        self.tls_door = TlsDoor.open(self.site.config.hub, self.site.loaded.base, self._front())
        cutting = PeriodicCallback(self._cut_logs, _CUT_SECONDS * 1000)
        self._periodic_callbacks["anywhere_logs"] = cutting
        cutting.start()

    def _front(self) -> Front:
        """Where the hub's API listens, for its doors to listen alike."""
        where = urlsplit(self.hub.bind_url)
        unix = where.scheme.startswith("http+unix")
        return Front(
            application=self.tornado_application,
            tls=self.http_server.ssl_options,
            host="" if unix else where.hostname or "",
            port=0 if unix else where.port or (443 if where.scheme == "https" else 80),
            api=f"{self.hub.base_url}api/",
            names=tuple(self.trusted_alt_names),
            log=self.log,
        )

    def _cut_logs(self) -> None:
        for name in ("output", "idle-culler"):
            cut_log(self.site.info.state.logs / f"{name}.log", LOG_BYTES)

    async def _end_all(self) -> None:
        """End what is to be ended; a second signal, or a minute, cuts the patience short."""
        if not self._ending.is_set():
            # The start failed: what an earlier hub left goes on, for the next try.
            self.cleanup_servers = False
            self.cleanup_proxy = not getattr(self.proxy, "adopted", False)
        cleaning = asyncio.create_task(self._clean())
        hurry = asyncio.create_task(self._hurry.wait())
        done, _ = await asyncio.wait(
            {cleaning, hurry}, timeout=_END_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        if cleaning in done:
            with suppress(asyncio.CancelledError):
                if cleaning.exception() is not None:
                    self.log.error("Ending failed", exc_info=cleaning.exception())
        else:
            cleaning.cancel()
            self.log.error("Not everything ended in time; it is ended by force")
        await self.doors.close()
        if self.tls_door is not None:
            await self.tls_door.close()
        if self.keeper is not None:
            await self.keeper.close()
        if self.cleanup_servers:
            for line in await end_leftovers(self.site):
                self.log.warning("Ended: %s", line)
            self.doors.forget()
            self.site.info.state.up.unlink(missing_ok=True)

    async def _clean(self) -> None:
        # First of all: a server that hangs in its end must not keep the way to it open.
        if self.cleanup_proxy and self.proxy is not None:
            await maybe_future(self.proxy.stop())
        if self._initialized:
            await self.cleanup()

    def end(self, why: str, *, keep: bool | None = None) -> None:
        """Ask for the end; asked again, patience ends too.

        Args:
            why: For the log.
            keep: Leave servers and proxy running; None as the hub was started.
        """
        if self._ending.is_set():
            self._hurry.set()
        self.log.info("Ending, because of %s", why)
        if keep is not None:
            self.cleanup_servers = self.cleanup_proxy = not keep
        self._ending.set()
        if self.options.on_ending is not None and not self._told_end:
            self._told_end = True
            stays = "" if self.cleanup_servers else "; servers and proxy go on"
            self.options.on_ending(f"Ending{stays}")

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(
            signal.SIGUSR1, lambda: asyncio.ensure_future(self.log_status(signal.SIGUSR1))
        )

    def _signalled(self, number: signal.Signals) -> None:
        # A terminal that closes sends SIGHUP: then it means the end, as everywhere.
        if number is signal.SIGHUP and not self._at_terminal:
            self._reloading = asyncio.ensure_future(self.reload())
        else:
            self.end(f"signal {number.name}")

    # --- requests --------------------------------------------------------------------------------

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        command = request.get("command")
        if command == "reload":
            return await self.reload()
        if command == "status":
            doors = self.doors.addresses
            return {"ok": True, "pid": os.getpid(), "servers": self._servers(), "doors": doors}
        if command == "stop":
            keep = request.get("keep")
            self.end("anywhere down", keep=keep if isinstance(keep, bool) else None)
            return {"ok": True, "pid": os.getpid()}
        if command in overview.COMMANDS:
            return await overview.answer(self.keeper, request)
        return {"ok": False, "error": f"there is no command {command!r}"}

    def _servers(self) -> list[dict[str, Any]]:
        """What runs, by the hub's own word."""
        rows = (
            status.row(user.name, name, spawner)
            for user in self.users.values()
            for name, spawner in user.spawners.items()
        )
        return [each for each in rows if each is not None]

    async def reload(self) -> dict[str, Any]:
        """Take a changed file; one that is wrong changes nothing.

        Returns:
            ``ok``; ``changed`` and ``restart``, or ``problems`` or ``error``.
        """
        try:
            new = await asyncio.to_thread(_load, self.options, self.site)
        except ConfigError as error:
            self.log.error("The file is wrong, the old one counts on: %s", error)  # noqa: TRY400 - no fault of ours, so no traceback
            return {"ok": False, "problems": [asdict(problem) for problem in error.problems]}
        except AnywhereError as error:
            self.log.error("The file was not taken, the old one counts on: %s", error)  # noqa: TRY400 - as above
            return {"ok": False, "error": str(error)}
        changes = compare(self._started, self.site.config, new.config)
        users_changed = new.config.users != self.site.config.users
        self.site = new
        sites.publish(new)
        self.doors.look(new.targets.values())
        if users_changed:
            self._take_users(new)
        restart = list(changes.restart)
        if embedded.own_config_digest(new) != self._own_digest:
            restart.append("what stands in the file of hub.jupyterhub_config")
        self.log.info("Reloaded: %s", "; ".join(changes.live) or "nothing has changed")
        if restart:
            self.log.warning("Needs a restart: %s", ", ".join(restart))
        return {"ok": True, "changed": list(changes.live), "restart": restart}

    def _take_users(self, site: Site) -> None:
        rules = access_rules(site)
        authenticator = self.authenticator
        authenticator.allowed_users = set(rules.allowed)
        authenticator.admin_users = set(rules.admins)
        if authenticator.has_trait("own_admission") and not authenticator.own_admission:
            authenticator.allow_all = rules.everybody
        if authenticator.has_trait("declared_only"):
            authenticator.declared_only = rules.declared_only
        self.load_groups = {
            name: {"users": sorted(members)} for name, members in rules.groups.items()
        }
        self._apply_membership()

    def _apply_membership(self) -> None:
        normal = self.authenticator.normalize_username
        groups = {}
        for name, content in self.load_groups.items():
            members = content.get("users", ()) if isinstance(content, dict) else content
            groups[name] = {normal(member) for member in members}
        apply_declared(
            self.db,
            self.site.info.state.hub / _GRANTED,
            users=self.authenticator.allowed_users,
            admins=self.authenticator.admin_users,
            groups={} if self.authenticator.manage_groups else groups,
        )


def _load(options: UpOptions, present: Site) -> Site:
    return sites.load_site(
        options.file,
        state_root=present.info.state.root,
        share_account=options.share_account,
        hub_id=present.info.hub_id,
        open_door=present.info.open_door,
        lasting=present.info.lasting,
    )


def run_hub(options: UpOptions, on_ready: Callable[[Running], None]) -> int:
    """Run a hub until it is told to end, see `hub.run`."""
    from jupyterhub_anywhere.hub.run import run

    return run(options, on_ready)
