"""The servers that ``anywhere status`` shows: from the running hub, or without it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyterhub_anywhere.core.inventory import Sweep
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.uprecord import UpRecord
    from jupyterhub_anywhere.ledger.report import ServerRow


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
    from jupyterhub_anywhere.ledger.report import make_report, plain

    found = look(paths, record)
    report = make_report(found.known)
    causes = {each.key: each.cause for each in report.disagreements if each.key}
    alive = _Listed(found.known.sweeps)
    servers = [
        _of_row(each, causes, alive=alive(each.target, each.name)) for each in report.servers
    ]
    for each in report.disagreements:
        if each.kind in {Kind.RESOURCE, Kind.HELD}:
            target, _, name = each.key.partition("/")
            resource = found.known.sweeps[target].resources[name]
            ended = resource.alive is False
            # Where there is no ledger, having no lease is nothing to tell.
            detail = "; ".join(filter(None, [resource.detail, found.place and each.cause]))
            state = "ended" if ended else "running"
            who = (each.user, each.server, target, "", state, detail, name)
            servers.append(ServerStatus(*who, alive=not ended))
    problem = found.problem
    return Found(
        _sorted(servers),
        tuple(plain(each) for each in report.targets),
        report.hold,
        f"{problem.message} {problem.hint}".strip() if problem is not None else "",
    )


class _Listed:
    """What targets list as running; several may share one list.

    Args:
        sweeps: Target to its list.
    """

    def __init__(self, sweeps: Mapping[str, Sweep]) -> None:
        self._running = {
            target: {name for name, each in sweep.resources.items() if each.alive is not False}
            for target, sweep in sweeps.items()
        }

    def __call__(self, target: str, name: str) -> bool:
        return name in self._running.get(target, ())


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
    servers = [_of_plain(each, causes) for each in report["servers"]]
    return Found(tuple(servers), tuple(report["targets"]), str(report["hold"]))


def _of_plain(row: Mapping[str, Any], causes: Mapping[str, str]) -> ServerStatus:
    """One server of a report as plain data.

    Args:
        row: Its row.
        causes: What disagrees, by key.
    """
    return ServerStatus(
        row["user"],
        row["server"],
        row["target"],
        row["profile"],
        row["state"],
        row["reason"] or causes.get(row["key"], ""),
        row["name"],
        row["age"],
        row["since"],
        row["unknown_since"],
        row["tries"],
        row["due"],
        row["state"] != "kept",
    )


def _of_row(row: ServerRow, causes: Mapping[str, str], *, alive: bool) -> ServerStatus:
    """The same of a report that was made here: as plain data first, it would take twice as long."""
    return ServerStatus(
        row.user,
        row.server,
        row.target,
        row.profile,
        row.state,
        row.reason or causes.get(row.key, ""),
        row.name,
        row.age,
        row.since.isoformat() if row.since else None,
        row.unknown_since.isoformat() if row.unknown_since else None,
        row.tries,
        row.due.isoformat() if row.due else None,
        alive,
    )


def _merged(server: ServerStatus, own: ServerStatus | None) -> ServerStatus:
    """A server of the ledger, with what the hub's spawner has to say of it."""
    if own is None or not own.detail or server.state == "unknown":
        return server
    return replace(server, detail="; ".join(filter(None, [server.detail, own.detail])))


def _sorted(servers: Iterable[ServerStatus]) -> tuple[ServerStatus, ...]:
    return tuple(sorted(servers, key=lambda each: (each.target, each.user, each.server)))
