"""The life of a lease, as one table.

Every change of state has a cause; what the table does not have is an error. ``unknown`` says that
a server which ran cannot be told of: it is kept, with its route and its token. ``kept`` says that a
server was stopped on purpose and that what holds its user's files stays, to be started again.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import AnywhereError

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(enum.StrEnum):
    """Where a lease is in its life."""

    WANTED = "wanted"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    UNKNOWN = "unknown"
    STOPPING = "stopping"
    KEPT = "kept"
    GONE = "gone"


class Cause(enum.StrEnum):
    """Why a lease changes its state."""

    # Before anything exists.
    QUEUE = "queue"  # too many start at once
    WITHDRAW = "withdraw"  # cancelled, refused, or its hub died: nothing was made
    LAUNCH = "launch"  # the call that makes the resource is about to be sent
    # The start.
    STARTED = "started"  # the spawner said so
    FOUND = "found"  # the hub died meanwhile, and the resource runs
    FAIL = "fail"  # it failed, timed out or was cancelled: what was made is to go
    # What the target says.
    LOSE_SIGHT = "lose-sight"  # nobody can tell
    SEE = "see"  # it runs, after all
    END = "end"  # it has ended by itself, and what is left of it is to go
    REST = "rest"  # it has ended, and what holds its user's files stays
    PROVE_GONE = "prove-gone"  # the target says that nothing is there
    # What people want.
    STOP = "stop"
    RESUME = "resume"  # a kept one is started again
    FORGET = "forget"  # a kept one is deleted for ever


TABLE: Final[Mapping[tuple[State, Cause], State]] = MappingProxyType(
    {
        (State.WANTED, Cause.QUEUE): State.QUEUED,
        (State.WANTED, Cause.WITHDRAW): State.GONE,
        (State.WANTED, Cause.LAUNCH): State.STARTING,
        (State.QUEUED, Cause.WITHDRAW): State.GONE,
        (State.QUEUED, Cause.LAUNCH): State.STARTING,
        (State.STARTING, Cause.STARTED): State.RUNNING,
        (State.STARTING, Cause.FOUND): State.RUNNING,
        (State.STARTING, Cause.FAIL): State.STOPPING,
        (State.STARTING, Cause.STOP): State.STOPPING,
        (State.STARTING, Cause.PROVE_GONE): State.GONE,
        (State.RUNNING, Cause.LOSE_SIGHT): State.UNKNOWN,
        (State.RUNNING, Cause.END): State.STOPPING,
        (State.RUNNING, Cause.REST): State.KEPT,
        (State.RUNNING, Cause.PROVE_GONE): State.GONE,
        (State.RUNNING, Cause.STOP): State.STOPPING,
        (State.UNKNOWN, Cause.SEE): State.RUNNING,
        (State.UNKNOWN, Cause.END): State.STOPPING,
        (State.UNKNOWN, Cause.REST): State.KEPT,
        (State.UNKNOWN, Cause.PROVE_GONE): State.GONE,
        (State.UNKNOWN, Cause.STOP): State.STOPPING,
        (State.STOPPING, Cause.REST): State.KEPT,
        (State.STOPPING, Cause.PROVE_GONE): State.GONE,
        (State.KEPT, Cause.RESUME): State.STARTING,
        (State.KEPT, Cause.FORGET): State.STOPPING,
        (State.KEPT, Cause.PROVE_GONE): State.GONE,
    }
)
# What may exist at a target.
HELD: Final = frozenset({State.STARTING, State.RUNNING, State.UNKNOWN, State.STOPPING, State.KEPT})
# What counts as a server of its user.
# In which a server ran when it was last seen.
RUNS: Final = frozenset({State.RUNNING, State.UNKNOWN})
LIVE: Final = frozenset({State.WANTED, State.QUEUED, State.STARTING, State.RUNNING, State.UNKNOWN})


class IllegalTransitionError(AnywhereError):
    """The table has no such change of state."""


def after(state: State, cause: Cause) -> State:
    """The state that follows.

    Raises:
        IllegalTransitionError: The table has none.
    """
    try:
        return TABLE[state, cause]
    except KeyError:
        raise IllegalTransitionError(
            f"A lease that is {state} has no transition {cause}."
        ) from None
