"""On what the ledger, the hub and the targets disagree, each with its cause and its cure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.ledger.engines import made_at, replaced
from jupyterhub_anywhere.ledger.known import NOT_DECLARED
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyterhub_anywhere.core.inventory import Resource, Sweep
    from jupyterhub_anywhere.ledger.known import Known
    from jupyterhub_anywhere.ledger.lease import Lease

# Seconds that a removal may take before it is told.
_PATIENCE: Final = 60.0
# States whose resource has to be in the target's list.
_LISTED: Final = frozenset({State.RUNNING, State.UNKNOWN, State.KEPT})


class Kind(enum.StrEnum):
    """What kind of disagreement it is."""

    RESOURCE = "resource-without-lease"
    HELD = "resource-held"
    LOST = "lease-without-resource"
    AWAKE = "kept-but-running"
    UNRECORDED = "server-without-lease"
    UNSERVED = "lease-without-server"
    DELETION = "deletion-fails"
    ENGINE = "engine-replaced"
    TOKEN = "token-of-no-server"  # noqa: S105 - the name of a kind
    CLIENT = "client-of-no-server"
    TARGET = "target-cannot-be-asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One thing that is not as it should be.

    Attributes:
        kind: What kind of thing.
        key: ``TARGET/NAME`` of a resource; empty for what has none.
        what: The object, for people.
        target: Where; empty for the hub's own.
        user: Whose; empty where it is nobody's.
        server: The server's name.
        since: Since when; None where that is not known.
        cause: Why; for an administrator.
        cure: What happens next, and what a person can do.
        due: When the next thing happens by itself; None where nothing does, or at once.
        removable: Whether a person's ``clean`` may remove it.
        adoptable: Whether ``adopt`` may make it a server of its user.
        keeps: Whether its user's files are in it.
    """

    kind: Kind
    key: str = ""
    what: str
    target: str = ""
    user: str = ""
    server: str = ""
    since: datetime | None = None
    cause: str
    cure: str
    due: datetime | None = None
    removable: bool = False
    adoptable: bool = False
    keeps: bool = False


def disagreements(known: Known) -> list[Disagreement]:
    """Everything that disagrees: the targets first, then what is at them, then the hub.

    Args:
        known: What was found out.
    """
    return [
        *_targets(known),
        *_resources(known),
        *_leases(known),
        *_hub(known),
        *_tokens(known),
    ]


# --- targets -------------------------------------------------------------------------------------


def _targets(known: Known) -> Iterator[Disagreement]:
    held = {lease.target for lease in known.leases if lease.held}
    for name in sorted({*known.health, *known.sweeps, *held}):
        trouble = known.trouble(name)
        if trouble is None:
            continue
        count = sum(lease.held and lease.target == name for lease in known.leases)
        servers = f"its {count} server{'' if count == 1 else 's'}" if count else "whatever is there"
        health = known.health.get(name)
        cure = (
            f"Declare it again until {servers} has ended."
            if trouble.reason == NOT_DECLARED
            else f"It keeps {servers}. `anywhere doctor` looks at it."
        )
        yield Disagreement(
            kind=Kind.TARGET,
            what=f"target {name}",
            target=name,
            since=trouble.since,
            cause=trouble.reason,
            cure=cure,
            due=health.next_try if health else None,
        )


# --- resources -----------------------------------------------------------------------------------


def _resources(known: Known) -> Iterator[Disagreement]:
    ids = {lease.id for lease in known.leases}
    names = {(lease.target, lease.name) for lease in known.leases}
    # Targets of one machine may share one listing: what is in it is told once.
    shared: dict[int, list[str]] = {}
    for target, sweep in sorted(known.sweeps.items()):
        shared.setdefault(id(sweep), []).append(target)
    for targets in shared.values():
        for name, resource in sorted(known.sweeps[targets[0]].resources.items()):
            if resource.lease not in ids and not names.intersection((t, name) for t in targets):
                yield _resource(known, targets, resource)


def _resource(known: Known, kin: Sequence[str], resource: Resource) -> Disagreement:
    """What has our label and no lease; it is told of the first of the targets that list it."""
    target = kin[0]
    first = known.first_seen.get((target, resource.name))
    wanted = _wanted(known, kin, resource)
    cause, cure, due = _fate(known, target, resource, first, wanted=wanted)
    return Disagreement(
        kind=Kind.HELD if known.hold else Kind.RESOURCE,
        key=f"{target}/{resource.name}",
        what=f"{resource.name} at {target}{_of(resource.user, resource.server)}",
        target=target,
        user=resource.user,
        server=resource.server,
        since=first or resource.created,
        cause=cause,
        cure=cure,
        due=due,
        removable=True,
        adoptable=wanted or _rests(resource),
        keeps=resource.keep,
    )


def _fate(
    known: Known, target: str, resource: Resource, first: datetime | None, *, wanted: bool
) -> tuple[str, str, datetime | None]:
    """Why a resource has no lease, what becomes of it, and when."""
    files = " --with-files" if resource.keep else ""
    remove = f"`anywhere leaks --clean{files}` removes it."
    adopt = f"`anywhere adopt {target}/{resource.name}` keeps it for its user; "
    wish = f"{adopt if _rests(resource) else ''}{remove}"
    # Of what is nobody's, its name says nothing to people.
    about = f" ({resource.detail})" if resource.detail and not resource.user else ""
    unknown = f"no lease is known of it{about}"
    if known.hub is None:
        return unknown, "The hub settles it when it runs: `anywhere up`.", None
    if wanted:
        cause = "its server runs in the hub, but no lease is known of it"
        return cause, "It is taken up by the next look at its target.", None
    if known.hold:
        return known.hold, f"It stays until a person decides: {wish}", None
    if resource.keep:
        cause = "no lease is known of it, and its user's files are in it"
        return cause, f"It stays until a person decides: {wish}", None
    due = None if first is None else first + timedelta(seconds=known.grace)
    return unknown, "It is removed after a time of grace.", due


def _wanted(known: Known, kin: Sequence[str], resource: Resource) -> bool:
    """Whether the hub counts it as a server that runs."""
    here = (known.hub or {}).get((resource.user, resource.server))
    return here is not None and here.active and here.target in {"", *kin}


def _rests(resource: Resource) -> bool:
    """Whether it has ended, and its user may come back for the files in it."""
    return bool(resource.user) and resource.keep and resource.alive is False


def _of(user: str, server: str) -> str:
    named = f"{user}:{server}" if server else user
    return f", made for {named}" if user else ""


# --- leases --------------------------------------------------------------------------------------


def _leases(known: Known) -> Iterator[Disagreement]:
    listed = {
        resource.lease: resource
        for sweep in known.sweeps.values()
        for resource in sweep.resources.values()
        if resource.lease
    }
    for lease in known.leases:
        sweep, source = known.sweeps.get(lease.target), known.sources.get(lease.target, "")
        found: Disagreement | None
        if source and replaced(lease, sweep, source):
            found = _elsewhere(lease, source)
        elif lease.state is State.STOPPING:
            found = _deletion(known, lease)
        else:
            resource = listed.get(lease.id)
            if resource is None and sweep is not None:
                resource = sweep.resources.get(lease.name)
            found = _presence(lease, sweep, resource)
        if found is not None:
            yield found


def _elsewhere(lease: Lease, source: str) -> Disagreement:
    """A lease whose engine another one has taken the place of."""
    engine = made_at(lease)
    found = _about(
        lease,
        Kind.ENGINE,
        since=lease.steps.get(lease.state),
        cause=f"it was made at engine {engine}, and {source} answers at {lease.target} now",
        cure="It is kept, and goes on when its engine is back. If that is no more for good,"
        " `anywhere leaks --clean` ends it.",
        removable=True,
    )
    doubt = f"if its engine {engine} is no more; what is there would be removed when it comes back"
    return replace(found, what=f"{found.what}, {doubt}")


def _deletion(known: Known, lease: Lease) -> Disagreement | None:
    """A removal that does not come to its end."""
    since = lease.steps.get(State.STOPPING)
    late = since is not None and (known.now - since).total_seconds() > _PATIENCE
    if not (late or lease.error or lease.tries > 1):
        return None
    tried = f"tried {lease.tries} time{'' if lease.tries == 1 else 's'}"
    why = lease.error or "the target still lists it"
    return _about(
        lease,
        Kind.DELETION,
        since=since,
        cause=f"{tried}: {why}",
        cure="It is tried again until the target proves it gone. `anywhere doctor` looks there.",
        due=lease.due,
    )


def _presence(lease: Lease, sweep: Sweep | None, resource: Resource | None) -> Disagreement | None:
    """A lease whose resource is not as it says."""
    if sweep is None or not sweep.succeeded or lease.state not in _LISTED:
        return None
    begun = lease.steps.get(State.STARTING) or min(lease.steps.values(), default=None)
    # A list that is older than the resource says nothing of it.
    cause = "" if begun is None or begun > sweep.began else _absence(lease, resource)
    if cause:
        cure = "The next looks at its target settle it."
        return _about(lease, Kind.LOST, since=sweep.began, cause=cause, cure=cure)
    if lease.state is State.KEPT and resource is not None and resource.alive is True:
        cause = "it was stopped, and its target says that it runs"
        cure = "It is stopped again after a time of grace."
        return _about(lease, Kind.AWAKE, since=sweep.began, cause=cause, cure=cure)
    return None


def _absence(lease: Lease, resource: Resource | None) -> str:
    """Why a lease's resource is none; empty where it is one."""
    if resource is None:
        return f"{lease.target} does not list it"
    if resource.alive is False and lease.state is not State.KEPT:
        status = f" with status {resource.exit_code}" if resource.exit_code is not None else ""
        return f"it has ended by itself{status}"
    return ""


def _about(  # noqa: PLR0913 - the fields of one record
    lease: Lease,
    kind: Kind,
    *,
    since: datetime | None,
    cause: str,
    cure: str,
    due: datetime | None = None,
    removable: bool = False,
) -> Disagreement:
    return Disagreement(
        kind=kind,
        key=f"{lease.target}/{lease.name}",
        what=f"server {lease.log_name} at {lease.target}",
        target=lease.target,
        user=lease.user,
        server=lease.server,
        since=since,
        cause=cause,
        cure=cure,
        due=due,
        removable=removable,
        keeps=lease.keeps,
    )


# --- the hub -------------------------------------------------------------------------------------


def _hub(known: Known) -> Iterator[Disagreement]:
    if known.hub is None:
        return
    leased = {(x.user, x.server) for x in known.leases if x.live or x.state is State.STOPPING}
    for (user, server), here in sorted(known.hub.items()):
        if here.active and here.target and not here.pending and (user, server) not in leased:
            yield Disagreement(
                kind=Kind.UNRECORDED,
                what=f"server {user}:{server}" if server else f"server {user}",
                target=here.target,
                user=user,
                server=server,
                cause="it runs in the hub, and no lease is known of it",
                cure="It gets one when its target lists it; else stop it, and start it again.",
            )
    for lease in known.leases:
        if lease.state not in {State.RUNNING, State.UNKNOWN}:
            continue
        there = known.hub.get((lease.user, lease.server))
        if there is None or not (there.active or there.pending):
            yield _about(
                lease,
                Kind.UNSERVED,
                since=lease.steps.get(lease.state),
                cause=known.hold or "the hub knows of no such server that runs",
                cure="It stays until a person decides: `anywhere leaks --clean` ends it."
                if known.hold
                else "It is ended after a time of grace.",
                removable=True,
            )


def _tokens(known: Known) -> Iterator[Disagreement]:
    """Tokens and OAuth clients that the reconciler would revoke."""
    if known.hub is None:
        return
    # Here: where no hub tells of any, nobody waits for the reconciler's rules.
    from jupyterhub_anywhere.ledger.credentials import credentials

    yield from credentials(known)
