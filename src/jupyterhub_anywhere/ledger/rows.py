"""A lease as a row of the ledger, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.damage import RESTORE
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.event import Event
from jupyterhub_anywhere.ledger.lease import Lease, Seen
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Row

# Foreign spawners raise with whole logs; the end of one says most.
_LONGEST: Final = 10_000
# Calling the class takes several times as long, and thousands of rows are read at once.
_STATES: Final = {state.value: state for state in State}
_PLAIN: Final = (
    *("id", "hub", "server", "target", "name", "attempt", "keeps", "forever", "definition"),
    *("token", "tries", "due", "version"),
)


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


def to_lease(row: Row[Any]) -> Lease:
    """The lease of a row.

    Raises:
        LedgerError: The row makes no sense.
    """
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    try:
        return Lease(
            **{name: found[name] for name in _PLAIN},
            user=found["user_name"],
            state=_STATES[found["state"]],
            choice=_mapping(found["choice"]),
            child=_mapping(found["child"]),
            seen=_seen(found),
            steps={
                _STATES[state]: datetime.fromisoformat(at)
                for state, at in _mapping(found["steps"]).items()
            },
            cause=found["cause"],
            error=found["error"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise LedgerError(
            f"The ledger is damaged: lease {found['id']!r} of {found['user_name']!r} cannot be"
            f" understood ({error}).",
            hint=RESTORE,
        ) from error


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in place of a mapping")
    return value


def _seen(found: Any) -> Seen | None:
    if found["seen_phase"] is None:
        return None
    if found["seen_at"] is None or found["seen_since"] is None:
        raise ValueError("an observation without its time")
    return Seen(
        Phase(found["seen_phase"]),
        found["seen_at"],
        found["seen_since"],
        found["seen_reason"] or "",
    )


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
