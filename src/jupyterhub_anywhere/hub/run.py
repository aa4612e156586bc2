"""One run of ``anywhere up``, from the state folder to the last line."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.log import CoroutineLogFormatter
from traitlets import TraitError

from jupyterhub_anywhere.core.errors import ConfigError, Problem, SurroundingsError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub import environment, terminal
from jupyterhub_anywhere.hub.app import AnywhereHub
from jupyterhub_anywhere.hub.doors import Doors
from jupyterhub_anywhere.hub.embedded import embedded_config, own_config_file
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.hub.leftovers import owned
from jupyterhub_anywhere.hub.logins import SHARED
from jupyterhub_anywhere.hub.options import Running
from jupyterhub_anywhere.hub.passwords import make_passwords
from jupyterhub_anywhere.hub.proxy import find_proxy, forget_taken_ports
from jupyterhub_anywhere.hub.statefolder import StateLock, hub_id, open_state
from jupyterhub_anywhere.hub.uprecord import UpRecord, read_up, write_up
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.places import load_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from traitlets.config import Config

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.options import UpOptions
    from jupyterhub_anywhere.spawner.site import Site

_LOG_BYTES: Final = 10 << 20
_LOG_FILES: Final = 5
_DOORS: Final = "doors.json"
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_FORMAT: Final = (
    "[%(levelname)1.1s %(asctime)s.%(msecs).03d %(name)s %(module)s:%(lineno)d] %(message)s"
)


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run consists of, besides the configuration of JupyterHub.

    Attributes:
        site: The checked configuration.
        options: The command line, with an absolute path.
        doors: What targets of the site open doors by.
        ready: Called when the hub answers.
    """

    site: Site
    options: UpOptions
    doors: Doors
    ready: Callable[[], None]


class NoSecrets(logging.Filter):
    """Drops the one record that traitlets writes with the whole configuration in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be written."""
        return not str(record.msg).startswith("Config changed")


class LastWord(logging.Handler):
    """Remembers the last error, to say it where the log is not read."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line."""
        text = record.getMessage().strip()
        if not text and record.exc_info and record.exc_info[1] is not None:
            text = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
        self.text = text.partition("\n")[0] or self.text


def run(options: UpOptions, on_ready: Callable[[Running], None]) -> int:
    """Run a hub until it is told to end.

    Args:
        options: The command line.
        on_ready: Called once when the hub answers.

    Returns:
        The exit code: 0 after an orderly end.

    Raises:
        StateError: The state folder cannot be used, or another hub uses it.
        ConfigError: The file is wrong; nothing was started.
        SurroundingsError: The machine lacks something, or JupyterHub could not start.
    """
    # Read by the hub only, whatever the account's own habit is: databases are made by libraries.
    os.umask(0o077)
    paths = open_state(options.state_root)
    with StateLock(paths):
        doors = Doors(paths.hub / _DOORS)
        site = _site(options, paths, doors)
        notes = environment.check(site, options)
        if find_proxy(read_json(paths.proxy)) is None and not asyncio.run(owned(site)):
            forget_taken_ports(paths)
        config = embedded_config(site, options)
        environment.check_ports(config, paths)
        # From here on the folder is another one.
        options = replace(options, file=options.file.absolute() if options.file else None)
        passwords = make_passwords(paths) if site.config.users.login == SHARED else {}
        config.Application.logging_config = _logging(config, paths, verbose=options.verbose)
        _record(site, options)
        url = _url(config)

        def ready() -> None:
            _record(site, options, url=url)
            on_ready(Running(url, passwords, notes))

        _run_app(config, _Run(site, options, doors, ready))
    return 0


def _site(options: UpOptions, paths: StatePaths, doors: Doors) -> Site:
    loaded = load_file(options.file)
    return sites.load_site(
        options.file,
        state_root=paths.root,
        share_account=options.share_account,
        hub_id=hub_id(paths, loaded.config.hub.id),
        open_door=doors.open,
    )


def _url(config: Config) -> str:
    hub = config.JupyterHub
    return str(hub.public_url if "public_url" in hub else hub.bind_url)


def _record(site: Site, options: UpOptions, url: str = "") -> None:
    before = read_up(site.info.state)
    mine = before is not None and before.process == ProcessId.of(os.getpid())
    record = UpRecord(
        process=ProcessId.of(os.getpid()),
        url=url,
        file=options.file,
        hub_id=site.info.hub_id,
        share_account=options.share_account,
        since=before.since if before is not None and mine else time.time(),
    )
    write_up(site.info.state, record)


def _run_app(config: Config, run: _Run) -> None:
    last = LastWord()
    at_terminal = terminal.has_terminal()
    paths = run.site.info.state
    terminal.keep_terminal_private(paths.logs / "output.log")
    # What libraries write beside themselves lands here, and never where the command was typed.
    os.chdir(paths.hub)
    try:
        asyncio.run(_serve(config, run, last, at_terminal=at_terminal))
    except SystemExit as error:
        # JupyterHub ends the process where it cannot go on; why, it told its log.
        text = last.text or (error.code if isinstance(error.code, str) else "")
        raise SurroundingsError(
            f"JupyterHub could not start: {text or 'for a reason it did not tell'}",
            hint=f"Its log is {paths.logs / 'hub.log'}.",
        ) from error


async def _serve(config: Config, run: _Run, last: LastWord, *, at_terminal: bool) -> None:
    try:
        app = AnywhereHub.instance(config=config)
    except TraitError as error:
        # All that we set is right; so it is the administrator's own file that is not.
        file = str(own_config_file(run.site) or "")
        problem = Problem(file, 0, 0, "hub.jupyterhub_config", str(error))
        raise ConfigError([problem]) from error
    app.log.addHandler(last)
    app.prepare(run.site, run.options, run.doors, at_terminal=at_terminal)
    await app.serve(run.ready)


def _logging(config: Config, paths: StatePaths, *, verbose: bool) -> Mapping[str, Any]:
    """The hub's log in a file that is rotated; on the terminal only when that is wanted."""
    level = config.JupyterHub.get("log_level", config.Application.get("log_level", "INFO"))
    file = {
        "class": "logging.handlers.RotatingFileHandler",
        "filename": str(paths.logs / "hub.log"),
        "maxBytes": _LOG_BYTES,
        "backupCount": _LOG_FILES,
        "encoding": "utf-8",
        "errors": "backslashreplace",
        "formatter": "file",
        "filters": ["no-secrets"],
        "level": level,
    }
    console = {"class": "logging.StreamHandler", "filters": ["no-secrets"], "formatter": "console"}
    names = ["file", "console"] if verbose else ["file"]
    return {
        "formatters": {
            "file": {"()": CoroutineLogFormatter, "fmt": _FORMAT, "color": False, "datefmt": _TIME}
        },
        "filters": {"no-secrets": {"()": NoSecrets}},
        "handlers": {"file": file, "console": console},
        "loggers": {
            "AnywhereHub": {"level": "DEBUG", "handlers": names},
            # What other libraries say, warnings among it.
            "": {"level": "WARNING", "handlers": names},
        },
    }
