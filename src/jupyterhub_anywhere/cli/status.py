"""``anywhere status``: what runs, where it answers, where its logs are."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jupyterhub_anywhere.cli.columns import columns
from jupyterhub_anywhere.cli.moments import lasting, moment
from jupyterhub_anywhere.cli.output import answer, answer_json, facts, visible
from jupyterhub_anywhere.cli.session import (
    Session,
    json_option,
    pass_session,
    session_options,
)
from jupyterhub_anywhere.core.uncollected import uncollected

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.servers import ServerStatus
    from jupyterhub_anywhere.hub.status import Status

NOT_RUNNING: Final = 1
_COLOURS: Final = {
    "running": "green",
    "ready": "green",
    "unknown": "yellow",
    "stopping": "yellow",
    "left": "red",
}


@click.command()
@json_option
@session_options
@pass_session
def status(session: Session, *, as_json: bool) -> int:
    """Show URL and ports, what runs, where logs are.

    Servers come from the ledger, by target: their state, their age, and since when and why one
    cannot be reached. Without the hub, the targets are asked what they list.

    Ends with 0 when a hub runs on this state folder, else with 1.
    """
    from jupyterhub_anywhere.hub.status import status as find_out

    with uncollected():
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
        headings = ["user", "server", "target", "profile", "state", "age", ""]
        columns(headings, [_row(each) for each in found.servers], _COLOURS)
    if found.hold:
        answer("")
        answer(f"Nothing is removed by itself: {visible(found.hold)}.")
        answer("`anywhere leaks` shows what there is, and how to decide.")
    if not found.running and (found.busy or found.proxy_pid):
        answer("")
        answer("`anywhere up` takes over what runs here; `anywhere down` ends it.")


def _row(each: ServerStatus) -> list[str]:
    age = lasting(each.age)
    return [each.user, each.server, each.target, each.profile, each.state, age, _detail(each)]


def _detail(each: ServerStatus) -> str:
    """What more there is to know of a server."""
    if each.unknown_since:
        why = f": {each.detail}" if each.detail else ""
        return f"cannot be reached since {moment(each.unknown_since)}{why}; it is kept"
    if each.state == "stopping" and each.tries:
        when = f", next at {moment(each.due)}" if each.due else ""
        why = f": {each.detail}" if each.detail else ""
        return f"tried {each.tries} time{'' if each.tries == 1 else 's'}{when}{why}"
    return each.detail


def _targets(found: Status) -> str:
    """Those that cannot be asked."""
    told = []
    for each in found.targets:
        if each["reason"]:
            since = f" since {moment(each['since'])}" if each["since"] else ""
            retry = f", next try at {moment(each['next_try'])}" if each["next_try"] else ""
            told.append(f"{each['target']} cannot be asked{since}{retry}: {each['reason']}")
    return "; ".join(told)


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
        "ledger": found.ledger,
        "targets": _targets(found),
        "servers": _count(found),
        "logs": _logs(found),
    }


def _count(found: Status) -> str:
    if found.ledger:
        # Without the ledger the number would be a guess.
        return f"{len(found.servers)} that can be seen without the ledger"
    states = Counter(each.state for each in found.servers)
    parts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return f"{len(found.servers)} ({parts})" if len(states) > 1 else str(len(found.servers))


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
