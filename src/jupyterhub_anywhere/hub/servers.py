"""The servers that ``anywhere status`` shows: from the running hub, or without it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.uprecord import UpRecord
    from jupyterhub_anywhere.ledger.report import Report


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server.

    Attributes:
        user: Whose.
        server: Its name, empty for the default one.
        target: Where it runs.
        profile: What was picked; empty where that is not known.
        state: The ledger's word, as ``running``, ``unknown`` or ``kept``. Where no ledger tells of
            it: ``ready``, ``spawn``, ``stop`` or ``check`` by the hub's word, ``running`` by the
            target's, ``left`` where a stop failed and something may be left.
        detail: More for an administrator.
        name: The resource's name at its target; empty where that is not known.
        age: Seconds since it was started; None where that is not known.
        since: Since when it is in that state, ISO 8601; None where that is not known.
        unknown_since: Since when nobody can tell of it, ISO 8601; None while somebody can.
        tries: How often its end has been tried.
        due: When its end is tried next, ISO 8601; None for at once.
        alive: Whether it runs, or may run, as far as that is known.
    """

    user: str
    server: str
    target: str
    profile: str = ""
    state: str = "running"
    detail: str = ""
    name: str = ""
    age: float | None = None
    since: str | None = None
    unknown_since: str | None = None
    tries: int = 0
    due: str | None = None
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out of servers.

    Attributes:
        servers: By target, user and server.
        targets: See `Status.targets`.
        hold: See `Status.hold`.
        ledger: See `Status.ledger`.
    """

    servers: tuple[ServerStatus, ...] = ()
    targets: tuple[Mapping[str, Any], ...] = ()
    hold: str = ""
    ledger: str = field(default="")


def by_hub(told: Mapping[str, Any], leases: Mapping[str, Any] | None) -> Found:
    """What a running hub has told.

    Args:
        told: Its answer to ``status``.
        leases: Its answer to ``leases``; None where there was none.
    """
    rows = [_told(each) for each in told.get("servers", ())]
    if leases is None or not leases.get("ok"):
        return Found(tuple(rows), ledger=_problem(leases))
    found = _reported(leases)
    own = {(each.user, each.server): each for each in rows}
    known = {(each.user, each.server) for each in found.servers}
    servers = [_merged(each, own.get((each.user, each.server))) for each in found.servers]
    # A server of another spawner has no lease.
    servers += [each for each in rows if (each.user, each.server) not in known]
    return replace(found, servers=_sorted(servers))


def alone(paths: StatePaths, record: UpRecord | None) -> Found:
    """What can be found out where no hub can be asked.

    Args:
        paths: The state folder.
        record: The last hub's.
    """
    if not paths.hub_id.exists() and (record is None or not record.hub_id):
        return Found()
    from jupyterhub_anywhere.hub.offline import look
    from jupyterhub_anywhere.ledger.disagree import Kind
    from jupyterhub_anywhere.ledger.report import make_report

    found = look(paths, record)
    report = make_report(found.known)
    told = _of_report(report)
    lists = found.known.sweeps.values()
    listed = {(each.target, name) for each in lists for name in each.resources}
    ended = {
        (each.target, name)
        for each in lists
        for name, resource in each.resources.items()
        if resource.alive is False
    }
    running = listed - ended
    servers = [
        each if each.alive is alive else replace(each, alive=alive)
        for each in told.servers
        for alive in [_alive(each, running, found.known.sweeps)]
    ]
    for each in report.disagreements:
        if each.kind in {Kind.RESOURCE, Kind.HELD}:
            target, _, name = each.key.partition("/")
            resource = found.known.sweeps[target].resources[name]
            state = "ended" if resource.alive is False else "running"
            alive = resource.alive is not False
            # Where there is no ledger, having no lease is nothing to tell.
            detail = "; ".join(filter(None, [resource.detail, found.place and each.cause]))
            servers.append(
                ServerStatus(
                    *(each.user, each.server, target, "", state, detail, name), alive=alive
                )
            )
    problem = found.problem
    ledger = f"{problem.message} {problem.hint}".strip() if problem is not None else ""
    return replace(told, servers=_sorted(servers), ledger=ledger)


def _alive(server: ServerStatus, running: set[tuple[str, str]], sweeps: Mapping[str, Any]) -> bool:
    """Whether a server's target lists it as running; targets may share one list."""
    sweep = sweeps.get(server.target)
    return sweep is not None and (sweep.target, server.name) in running


def _told(each: Mapping[str, Any]) -> ServerStatus:
    """A server by the hub's own word."""
    keys = ("user", "server", "target", "profile", "state")
    return ServerStatus(**{key: each[key] for key in keys}, detail=str(each.get("detail", "")))


def _problem(answer: Mapping[str, Any] | None) -> str:
    """Why the hub could not tell of its leases; empty where it keeps none."""
    if answer is None or answer.get("kind") in {None, "NoOverviewError"}:
        return ""
    return f"{answer.get('error', '')} {answer.get('hint', '')}".strip()


def _reported(report: Mapping[str, Any]) -> Found:
    """The servers of a report as plain data, each with what disagrees about it."""
    causes = {each["key"]: each["cause"] for each in report["disagreements"] if each["key"]}
    servers = [_status(each.__getitem__, causes) for each in report["servers"]]
    return Found(tuple(servers), tuple(report["targets"]), str(report["hold"]))


def _of_report(report: Report) -> Found:
    """The same of a report that was made here: as plain data first, it would take twice as long."""
    from jupyterhub_anywhere.ledger.report import plain

    causes = {each.key: each.cause for each in report.disagreements if each.key}
    servers = [_status(partial(getattr, each), causes) for each in report.servers]
    return Found(tuple(servers), tuple(plain(each) for each in report.targets), report.hold)


def _status(get: Callable[[str], Any], causes: Mapping[str, str]) -> ServerStatus:
    """One server of a report.

    Args:
        get: Gives a value of its row.
        causes: What disagrees, by key.
    """
    return ServerStatus(
        user=get("user"),
        server=get("server"),
        target=get("target"),
        profile=get("profile"),
        state=get("state"),
        detail=get("reason") or causes.get(get("key"), ""),
        name=get("name"),
        age=get("age"),
        since=_iso(get("since")),
        unknown_since=_iso(get("unknown_since")),
        tries=get("tries"),
        due=_iso(get("due")),
        alive=get("state") != "kept",
    )


def _iso(at: datetime | str | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def _merged(server: ServerStatus, own: ServerStatus | None) -> ServerStatus:
    """A server of the ledger, with what the hub's spawner has to say of it."""
    if own is None or not own.detail or server.state == "unknown":
        return server
    return replace(server, detail="; ".join(filter(None, [server.detail, own.detail])))


def _sorted(servers: Iterable[ServerStatus]) -> tuple[ServerStatus, ...]:
    return tuple(sorted(servers, key=lambda each: (each.target, each.user, each.server)))
