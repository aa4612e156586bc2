"""A lease as a row of the ledger, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.errors import RESTORE, LedgerError
from jupyterhub_anywhere.ledger.event import Event
from jupyterhub_anywhere.ledger.lease import Lease, Seen
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Row

# Foreign spawners raise with whole logs; the end of one says most.
_LONGEST: Final = 10_000
# Calling the class takes several times as long, and thousands of rows are read at once.
_STATES: Final = {state.value: state for state in State}
_PHASES: Final = {phase.value: phase for phase in Phase}
_PLAIN: Final = (
    *("id", "hub", "server", "target", "name", "attempt", "keeps", "forever", "definition"),
    *("token", "tries", "due", "version"),
)
# What a lease is read from, in the order in which `to_leases` takes it.
COLUMNS: Final = (
    *("id", "hub", "user_name", "server", "target", "name", "state", "attempt", "keeps", "forever"),
    *("definition", "choice", "child", "token", "seen_phase", "seen_at", "seen_since"),
    *("seen_reason", "steps", "cause", "error", "tries", "due", "version"),
)
_decode: Final = json.JSONDecoder().raw_decode


def cleaned(text: str) -> str:
    """A text of somebody else's as every database takes it: no NUL, no half characters, an end."""
    tame = text[-_LONGEST:].replace("\0", "\\0")
    return tame.encode("utf-8", "backslashreplace").decode("utf-8")


def to_row(lease: Lease) -> dict[str, Any]:
    """The columns of a lease.

    Raises:
        LedgerError: Something in it is no plain JSON.
    """
    seen = lease.seen
    profile = lease.choice.get("profile")
    gone = lease.state is State.GONE
    return {
        **{name: getattr(lease, name) for name in _PLAIN},
        "user_name": lease.user,
        "state": lease.state.value,
        "choice": _plain(lease, "choice"),
        "profile": profile if isinstance(profile, str) else "",
        "child": _plain(lease, "child"),
        "seen_phase": seen.phase.value if seen else None,
        "seen_at": seen.at if seen else None,
        "seen_since": seen.since if seen else None,
        "seen_reason": cleaned(seen.reason) if seen else None,
        "steps": {state.value: at.isoformat() for state, at in lease.steps.items()},
        "cause": cleaned(lease.cause),
        "error": cleaned(lease.error),
        "ended": lease.steps.get(State.GONE) if gone else None,
    }


def _plain(lease: Lease, field: str) -> Any:
    """A field as plain JSON.

    Raises:
        LedgerError: It is none, which every database would take in its own way.
    """
    try:
        return json.loads(json.dumps(dict(getattr(lease, field)), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"The ledger cannot hold this {field} of {lease.log_name} at {lease.target}: {error}."
        ) from error


def to_leases(found: Iterable[Sequence[Any]]) -> list[Lease]:
    """The leases of rows.

    Args:
        found: Rows of `COLUMNS`, as the database's driver gives them: times and JSON are text in
            SQLite's, and what they mean in PostgreSQL's.

    Raises:
        LedgerError: A row makes no sense.
    """
    # Most leases have the choice of others: it is read once.
    choices: dict[str, Mapping[str, Any]] = {}
    return [_lease(row, choices) for row in found]


def _lease(row: Sequence[Any], choices: dict[str, Mapping[str, Any]]) -> Lease:
    # fmt: off
    (
        id_, hub, user, server, target, name, state, attempt, keeps, forever,
        definition, choice, child, token, phase, seen_at, seen_since,
        reason, steps, cause, error, tries, due, version,
    ) = row
    # fmt: on
    try:
        return Lease(
            id=id_,
            hub=hub,
            user=user,
            server=server,
            target=target,
            name=name,
            state=_STATES[state],
            attempt=attempt,
            keeps=bool(keeps),
            forever=bool(forever),
            definition=definition,
            choice=_shared(choice, choices),
            child=_mapping(child),
            token=token,
            seen=None if phase is None else _seen(phase, seen_at, seen_since, reason),
            steps={
                _STATES[each]: datetime.fromisoformat(at) for each, at in _mapping(steps).items()
            },
            cause=cause,
            error=error,
            tries=tries,
            due=None if due is None else _moment(due),
            version=version,
        )
    except (ValueError, TypeError, KeyError) as found:
        raise LedgerError(
            f"The ledger is damaged: lease {id_!r} of {user!r} cannot be understood ({found}).",
            hint=RESTORE,
        ) from found


def _shared(value: Any, known: dict[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if not isinstance(value, str):
        return _mapping(value)
    found = known.get(value)
    if found is None:
        found = known[value] = _mapping(value)
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    """A mapping out of JSON; PostgreSQL's driver has read it already."""
    found = _read(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise TypeError(f"{type(found).__name__} in place of a mapping")
    return found


def _read(text: str) -> Any:
    # What `json.loads` calls in the end; the rest of it takes longer than this.
    found, end = _decode(text)
    return found if end == len(text) else json.loads(text)


def _moment(value: Any) -> datetime:
    """A time, see `schema.Moment`."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        raise TypeError(f"{type(found).__name__} in place of a time")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _seen(phase: str, at: Any, since: Any, reason: str | None) -> Seen:
    if at is None or since is None:
        raise ValueError("an observation without its time")
    return Seen(_PHASES[phase], _moment(at), _moment(since), reason or "")


def to_state(text: str) -> State:
    """The state of a column.

    Raises:
        LedgerError: There is none of this name.
    """
    try:
        return State(text)
    except ValueError:
        raise LedgerError(
            f"The ledger is damaged: it has a lease that is {text!r}.", hint=RESTORE
        ) from None


def to_event(lease: str, row: Row[Any]) -> Event:
    """The event of a row.

    Raises:
        LedgerError: The row makes no sense.
    """
    try:
        before = State(row.before) if row.before is not None else None
        return Event(row.at, lease, before, State(row.after), row.cause, row.error)
    except ValueError as error:
        raise LedgerError(
            f"The ledger is damaged: an event of lease {lease!r} cannot be understood ({error}).",
            hint=RESTORE,
        ) from error
