"""What is to be done about each lease of one target: pure.

Gone needs proof, which is an observation that says so (see `Watching.observe`). A resource that is
listed and has ended is proof as well; a name that another lease's resource has is one for the
absence of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.actions import REAP, End, Move, Note
from jupyterhub_anywhere.ledger.ending import GONE, LOST_IN_LINE, ended
from jupyterhub_anywhere.ledger.lease import Seen
from jupyterhub_anywhere.ledger.sights import Doubt
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.view import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_anywhere.core.inventory import Resource
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.view import View

_LOST_HALFWAY: Final = "The hub was restarted while your server started. Please start it again."
_UNKNOWN: Final = "Your server cannot be reached at the moment. It is kept."


def decide_leases(view: View, leases: Iterable[Lease] | None = None) -> Decision:
    """What is to be done about the leases of a view's target.

    Args:
        view: What is known.
        leases: Some of them; None for all.
    """
    decision = Decision()
    for lease in view.here if leases is None else leases:
        if lease.id in view.hub.busy:
            continue
        match lease.state:
            case State.WANTED | State.QUEUED:
                _unmade(view, lease, decision)
            case State.STARTING:
                _starting(view, lease, decision)
            case State.RUNNING | State.UNKNOWN:
                _running(view, lease, decision)
            case State.STOPPING:
                _stopping(view, lease, decision)
            case State.KEPT:
                _kept(view, lease, decision)
    return decision


def _unmade(view: View, lease: Lease, decision: Decision) -> None:
    """Nobody works on it, so its hub died: nothing was made."""
    if view.hub.pending(lease) not in {"spawn", "stop"}:
        decision.actions.append(
            Move(lease, Cause.WITHDRAW, {"error": "its hub died"}, LOST_IN_LINE, LOST_IN_LINE)
        )


def _starting(view: View, lease: Lease, decision: Decision) -> None:
    """Its hub died between the call that makes it and the word that it runs."""
    if view.hub.pending(lease) in {"spawn", "stop"}:
        return
    found, seen = view.resource(lease), view.observation(lease)
    if found is None and view.sweep is not None:
        if seen.phase is Phase.GONE:
            _prove(view, lease, decision, _LOST_HALFWAY)
        return
    if found is None and seen.phase is Phase.UNKNOWN:
        return
    fail = {"error": "its hub died during its start", "tries": 0, "due": None}
    if found is not None and found.alive is False and seen.phase is not Phase.GONE:
        return  # That list is older than the start.
    if found is not None and _is_elsewhere(found, lease):
        return
    ended = found is not None and (found.alive is False or not _is_its_own(view, found, lease))
    if ended or seen.phase is Phase.GONE:
        decision.actions.append(Move(lease, Cause.FAIL, fail, _LOST_HALFWAY))
    elif view.wanted(lease):
        decision.actions.append(Move(lease, Cause.FOUND, _seen(view, lease) | {"error": ""}))
    else:
        doubt = Doubt("undone", view.target, lease.id)
        move = Move(lease, Cause.FAIL, fail, _LOST_HALFWAY, wary=True)
        decision.doubt(view, doubt, view.policy.settle, move)


def _running(view: View, lease: Lease, decision: Decision) -> None:
    found, seen = view.resource(lease), view.observation(lease)
    if found is not None and not _is_its_own(view, found, lease):
        _replaced(view, lease, found, decision)
    elif found is not None and found.alive is not False:
        _sees(view, lease, decision)
    elif seen.phase is Phase.GONE and (found is not None or view.sweep is None):
        _ended(view, lease, found, decision)
    elif seen.phase is Phase.GONE:
        _prove(view, lease, decision, GONE)
    elif found is not None:
        return  # That list is older than the start.
    elif seen.phase is Phase.RUNNING:
        _sees(view, lease, decision)
    elif view.sweep is not None and lease.state is State.RUNNING:
        decision.actions.append(Move(lease, Cause.LOSE_SIGHT, _seen(view, lease), _UNKNOWN))


def _sees(view: View, lease: Lease, decision: Decision) -> None:
    """It runs. Whether anybody wants it is another question."""
    if lease.state is State.UNKNOWN:
        text = "Your server can be reached again."
        decision.actions.append(Move(lease, Cause.SEE, _seen(view, lease, Phase.RUNNING), text))
        return
    if view.hub.pending(lease) or view.wanted(lease):
        return
    why = {"error": "the hub knows no such server", "tries": 0, "due": None}
    doubt = Doubt("causeless", view.target, lease.id)
    decision.doubt(view, doubt, view.policy.grace, Move(lease, Cause.STOP, why, wary=True))


def _ended(view: View, lease: Lease, found: Resource | None, decision: Decision) -> None:
    """It has ended by itself; what is left of it goes, unless it keeps files."""
    exit_code = found.exit_code if found is not None else view.observation(lease).exit_code
    why = ended(exit_code)
    keeps = (lease.keeps or (found is not None and found.keep)) and not lease.forever
    cause = Cause.REST if keeps else Cause.END
    changes = _seen(view, lease, Phase.GONE) | {"error": "", "tries": 0, "due": None}
    decision.actions.append(Move(lease, cause, changes, why, why))


def _replaced(view: View, lease: Lease, found: Resource, decision: Decision) -> None:
    """Its name is another's, so it has none of its own any more; if it is the same engine."""
    if _is_elsewhere(found, lease):
        if lease.state is State.RUNNING:
            decision.actions.append(Move(lease, Cause.LOSE_SIGHT, _seen(view, lease), _UNKNOWN))
        return
    if found.keep or found.lease in view.ids:
        error = f"its name is that of lease {found.lease}"
        if lease.error != error:
            decision.actions.append(Note(lease, {"error": error}))
        return
    changes = {"error": f"what has its name is of lease {found.lease}", "tries": 0, "due": None}
    # Not at once: the list may be older than the start.
    doubt = Doubt("replaced", view.target, lease.id)
    move = Move(lease, Cause.END, changes, GONE, GONE)
    decision.doubt(view, doubt, view.policy.settle, move)


def _stopping(view: View, lease: Lease, decision: Decision) -> None:
    """A wish that stands until the target proves it."""
    if view.hub.pending(lease) == "stop":
        return
    found, seen = view.resource(lease), view.observation(lease)
    keeps = (lease.keeps or (found is not None and found.keep)) and not lease.forever
    if found is not None and not _is_its_own(view, found, lease):
        # Its own is gone, or was never made; the other one is looked at as what it is.
        doubt = Doubt("replaced", view.target, lease.id)
        if not _is_elsewhere(found, lease):
            decision.doubt(view, doubt, view.policy.settle, Move(lease, Cause.PROVE_GONE))
    elif found is None and seen.phase is Phase.GONE:
        # Of what cannot be listed nobody says whether the files went, so they count as kept.
        rests = keeps and view.sweep is None
        _end_of(view, lease, decision, Cause.REST if rests else Cause.PROVE_GONE)
    elif found is None and view.sweep is not None:
        _note_seen(view, lease, decision)
    elif found is not None and seen.phase is Phase.GONE and keeps:
        _end_of(view, lease, decision, Cause.REST)
    elif view.rival(lease) is None and _is_due(view, lease):
        decision.actions.append(End(lease, found, halt=keeps or found is None))


def _end_of(view: View, lease: Lease, decision: Decision, cause: Cause) -> None:
    changes = _seen(view, lease, Phase.GONE) | {"error": "", "due": None}
    decision.actions.append(Move(lease, cause, changes))


def _kept(view: View, lease: Lease, decision: Decision) -> None:
    """What holds files is never removed; that it runs was wished away."""
    found = view.resource(lease)
    if found is not None and not _is_its_own(view, found, lease):
        doubt = Doubt("replaced", view.target, lease.id)
        if not _is_elsewhere(found, lease):
            decision.doubt(view, doubt, view.policy.settle, Move(lease, Cause.PROVE_GONE))
    elif found is not None and found.alive and not view.hub.pending(lease):
        doubt = Doubt("awake", view.target, lease.id)
        if _is_due(view, lease):
            decision.doubt(view, doubt, view.policy.grace, End(lease, found, halt=True, wary=True))
        else:
            decision.doubts.add(doubt)
    elif found is None and view.sweep is not None and view.observation(lease).phase is Phase.GONE:
        _prove(view, lease, decision, "")


def _prove(view: View, lease: Lease, decision: Decision, text: str) -> None:
    changes = _seen(view, lease, Phase.GONE) | {"due": None}
    decision.actions.append(Move(lease, Cause.PROVE_GONE, changes, text, text))


def _is_its_own(view: View, found: Resource, lease: Lease) -> bool:
    """Whether the label fits. Older resources have none; what keeps files may have an older one.

    A start that failed has perhaps not even begun to take up what has an older one: that may serve
    somebody, and is looked at as what it is.
    """
    if found.lease in {"", lease.id} or lease.cause == REAP:
        return True
    if found.lease in view.ids or _is_elsewhere(found, lease):
        return False
    return found.keep and lease.keeps and (lease.cause != Cause.FAIL or lease.forever)


def _is_elsewhere(found: Resource, lease: Lease) -> bool:
    """Whether another engine answers than the one that it was made at."""
    home, engine = lease.child.get("engine"), found.handle.get("engine")
    return bool(home and engine) and home != engine


def _is_due(view: View, lease: Lease) -> bool:
    """Whether its end is tried now; a time too far away is of a clock that was set back."""
    if lease.due is None:
        return True
    left = (lease.due - view.now).total_seconds()
    return left <= 0 or left > view.policy.last_retry


def _seen(view: View, lease: Lease, phase: Phase | None = None) -> dict[str, Any]:
    observation = view.observation(lease)
    if phase is not None and observation.phase is not phase:
        return {"seen": Seen(phase, view.now, view.now)}
    if lease.seen is None:
        seen = Seen(observation.phase, view.now, view.now, observation.detail)
    else:
        seen = lease.seen.then(observation, view.now)
    return {"seen": seen}


def _note_seen(view: View, lease: Lease, decision: Decision) -> None:
    """Since when nobody can tell, for those who ask why it lasts so long."""
    if lease.seen is None or lease.seen.phase is not view.observation(lease).phase:
        decision.actions.append(Note(lease, _seen(view, lease)))
