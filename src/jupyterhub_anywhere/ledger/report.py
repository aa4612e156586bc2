"""What an administrator is told: every server by its target, every target, and what disagrees.

Pure: made from what the reconciler, or the command without a hub, has found out. Times are given
as times and not in words, so that who shows them chooses the zone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.disagree import disagreements
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.ledger.disagree import Disagreement
    from jupyterhub_anywhere.ledger.known import Known
    from jupyterhub_anywhere.ledger.lease import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """One lease, as people see it.

    Attributes:
        key: ``TARGET/NAME``, by which people name it.
        id: The lease's id.
        target: Where it is.
        name: The resource's name there.
        user: Whose.
        server: Its name, empty for the default one.
        profile: What was picked; empty where that is not known.
        state: Where it is in its life.
        since: Since when it is in that state.
        age: Seconds since it was last started; None before the start.
        unknown_since: Since when nobody can tell of it; None while it is known.
        reason: Why nobody can tell, or what last went wrong; for an administrator.
        tries: How often its end has been tried.
        due: When its end is tried next; None for at once.
    """

    key: str
    id: str
    target: str
    name: str
    user: str
    server: str
    profile: str
    state: str
    since: datetime | None
    age: float | None
    unknown_since: datetime | None
    reason: str
    tries: int
    due: datetime | None

    @classmethod
    def of(cls, lease: Lease, now: datetime) -> ServerRow:
        """The row of a lease.

        Args:
            lease: The lease.
            now: What time it is.
        """
        state, steps = lease.state, lease.steps
        started = steps.get(State.STARTING) or min(steps.values(), default=None)
        lost, reason = _unknown(lease) if state is State.UNKNOWN else (None, "")
        return cls(
            key=f"{lease.target}/{lease.name}",
            id=lease.id,
            target=lease.target,
            name=lease.name,
            user=lease.user,
            server=lease.server,
            profile=str(lease.choice.get("profile") or ""),
            state=str(state),
            since=steps.get(state),
            # A clock that was set back makes nothing younger than new.
            age=max(0.0, (now - started).total_seconds()) if started else None,
            unknown_since=lost,
            reason=reason or lease.error,
            tries=lease.tries,
            due=lease.due if state is State.STOPPING else None,
        )


def _unknown(lease: Lease) -> tuple[datetime | None, str]:
    """Since when a lease that is unknown is so, and why."""
    if lease.seen is not None and lease.seen.phase is Phase.UNKNOWN:
        return lease.seen.since, lease.seen.reason
    return lease.steps.get(State.UNKNOWN), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One target.

    Attributes:
        target: Its name.
        servers: State to the number of leases in it.
        resources: How much it listed when it last answered; None before.
        observed: When it last answered.
        since: Since when it cannot be asked; None while it can.
        reason: Why it cannot; for an administrator.
        failures: Failed listings in a row.
        next_try: When it is asked next, where it is left alone for a while.
    """

    target: str
    servers: Mapping[str, int]
    resources: int | None
    observed: datetime | None
    since: datetime | None
    reason: str
    failures: int
    next_try: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that an administrator is told.

    Attributes:
        at: When it was made.
        servers: Every lease that is not gone, by target, user and server.
        targets: Every target, by name.
        disagreements: Everything on which ledger, hub and targets disagree.
        hold: Why nothing is removed until a person decides; empty where nothing holds it up.
        hub: Whether the hub was asked as well.
    """

    at: datetime
    servers: tuple[ServerRow, ...] = ()
    targets: tuple[TargetRow, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    hold: str = ""
    hub: bool = True

    @property
    def clean(self) -> bool:
        """Whether nothing disagrees."""
        return not self.disagreements and not self.hold

    def to_json(self) -> dict[str, Any]:
        """As plain data; times in ISO 8601 with their zone."""
        return {
            "at": self.at.isoformat(),
            "hub": self.hub,
            "hold": self.hold,
            "clean": self.clean,
            "targets": [plain(each) for each in self.targets],
            "servers": [plain(each) for each in self.servers],
            "disagreements": [plain(each) for each in self.disagreements],
        }


def plain(row: Any) -> dict[str, Any]:
    """A row of a report as plain data.

    Args:
        row: A dataclass of this module or of `disagree`.
    """
    # Not `asdict`: it copies each value deeply, which takes seconds for thousands of rows.
    names, values, times = _fields(row.__class__)
    found = dict(zip(names, values(row), strict=True))
    for name in times:
        at = found[name]
        if at is not None:
            found[name] = at.isoformat()
    return found


@cache
def _fields(
    cls: type[Any],
) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[str, ...]]:
    """The fields of a dataclass, what gets their values, and those that are times."""
    names = tuple(cls.__dataclass_fields__)
    times = tuple(each.name for each in fields(cls) if "datetime" in str(each.type))
    return names, attrgetter(*names), times


def make_report(known: Known) -> Report:
    """What is told of what is known.

    Args:
        known: What was found out.
    """
    rows = sorted(
        (ServerRow.of(lease, known.now) for lease in known.leases),
        key=lambda row: (row.target, row.user, row.server, row.name),
    )
    return Report(
        at=known.now,
        servers=tuple(rows),
        targets=tuple(_targets(known)),
        disagreements=tuple(disagreements(known)),
        hold=known.hold,
        hub=known.hub is not None,
    )


def _targets(known: Known) -> list[TargetRow]:
    counts: dict[str, dict[str, int]] = {}
    states = Counter((lease.target, lease.state) for lease in known.leases)
    for (target, state), number in sorted(states.items()):
        counts.setdefault(target, {})[str(state)] = number
    names = {*known.health, *known.sweeps, *counts}
    return [_target(known, name, counts.get(name, {})) for name in sorted(names)]


def _target(known: Known, name: str, servers: Mapping[str, int]) -> TargetRow:
    sweep, trouble = known.sweeps.get(name), known.trouble(name)
    health = known.health.get(name)
    return TargetRow(
        target=name,
        servers=servers,
        resources=len(sweep.resources) if sweep is not None and sweep.succeeded else None,
        observed=known.observed(name),
        since=trouble.since if trouble else None,
        reason=trouble.reason if trouble else "",
        failures=health.failures if health else 0,
        next_try=health.next_try if health else None,
    )
