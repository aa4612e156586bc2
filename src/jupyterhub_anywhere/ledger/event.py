"""One change of a lease's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.ledger.states import State


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a lease's state.

    Attributes:
        at: When.
        lease: The lease's id.
        before: The state that it left; None where it was added.
        after: The state that it entered.
        cause: Why.
        error: What had gone wrong, for an administrator; empty where nothing had.
    """

    at: datetime
    lease: str
    before: State | None
    after: State
    cause: str
    error: str = ""
