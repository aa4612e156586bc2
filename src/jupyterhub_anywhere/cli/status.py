"""``anywhere status``: what runs, where it answers, where its logs are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jupyterhub_anywhere.cli.output import answer, answer_json, facts, table
from jupyterhub_anywhere.cli.session import (
    Session,
    json_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.status import Status

NOT_RUNNING: Final = 1


@click.command()
@json_option
@session_options
@pass_session
def status(session: Session, *, as_json: bool) -> int:
    """Show URL and ports, what runs, where logs are.

    Ends with 0 when a hub runs on this state folder, else with 1.
    """
    from jupyterhub_anywhere.hub.status import status as find_out

    found = find_out(session.paths)
    if as_json:
        answer_json(found.to_json())
    else:
        _show(found)
    return 0 if found.running else NOT_RUNNING


def _show(found: Status) -> None:
    facts({name: text for name, text in _facts(found).items() if text})
    if found.servers:
        answer("")
        rows = [
            [server.user, server.server, server.target, server.profile, server.state, server.detail]
            for server in found.servers
        ]
        table(["user", "server", "target", "profile", "state", ""], rows)
    if not found.running and (found.servers or found.proxy_pid):
        answer("")
        answer("`anywhere up` takes over what runs here; `anywhere down` ends it.")


def _facts(found: Status) -> dict[str, str]:
    names = {"hub": "hub", "proxy_api": "proxy's API"}
    ports = [f"{port} ({names.get(name, name)})" for name, port in found.ports.items()]
    proxy = f"runs, process {found.proxy_pid}" if found.proxy_pid is not None else "does not run"
    away = "" if found.running else "  (when it last ran)"
    return {
        "hub": _hub(found),
        "URL": f"{found.url}{away}" if found.url else "",
        "file": found.file or "the built-in default",
        "state": found.state,
        "proxy": proxy,
        "ports": f"{', '.join(ports)}, on 127.0.0.1" if ports else "",
        "doors": f"{', '.join(found.doors)}, for containers, at the hub's port"
        if found.doors
        else "",
        "servers": str(len(found.servers)),
        "logs": _logs(found),
    }


def _logs(found: Status) -> str:
    """The folder once, then the names: whole paths do not fit into a line."""
    files = [Path(path) for path in found.logs.values()]
    return f"{files[0].parent}: {', '.join(file.name for file in files)}" if files else ""


def _hub(found: Status) -> str:
    if not found.running:
        return "does not run"
    since = f" since {_moment(found.since)}" if found.since else ""
    silent = "" if found.answers else "; it does not answer, look into its log"
    return f"runs{since}, process {found.hub_pid}{silent}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
