"""A lease: the record of one resource that is held for one server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.ledger.states import HELD, LIVE, Cause, State, after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.observation import Observation, Phase

_ID_BYTES: Final = 10


def new_id() -> str:
    """A random id: 20 hexadecimal digits, fit for a label anywhere."""
    return secrets.token_hex(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last observed of a resource.

    Attributes:
        phase: Running, gone or unknown.
        at: When it was observed.
        since: Since when it is this phase.
        reason: Why, for an administrator; no secrets.
    """

    phase: Phase
    at: datetime
    since: datetime
    reason: str = ""

    def then(self, observation: Observation, at: datetime) -> Seen:
        """The next observation, which keeps `since` while the phase stays the same."""
        since = self.since if observation.phase == self.phase else at
        return Seen(observation.phase, at, since, observation.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One resource for one server. No secret is in it.

    Attributes:
        id: Random; stands in the resource's label.
        hub: The hub's id.
        user: The user's name.
        server: The server's name, empty for the default one.
        target: The target's name.
        name: The resource's deterministic name at the target.
        state: Where it is in its life.
        attempt: Which start of this server it is, from 1.
        keeps: Whether its resource stays when it is stopped, for the files in it.
        forever: Whether what it keeps is to be deleted as well.
        definition: The fingerprint of the target's definition that it was started with.
        choice: What was chosen, as ``user_options``.
        child: The child spawner's state, plain JSON.
        token: The id of the server's API token in the hub's database; None before it has one.
        seen: What was last observed; None before the first observation.
        steps: State to the time when it was entered last.
        cause: Why it is in its state.
        error: What last went wrong, for an administrator; empty where nothing did.
        tries: How often its end has been tried.
        due: When its end is tried next; None for at once.
        version: Counts changes; who changes it says which version was read.
    """

    id: str
    hub: str
    user: str
    server: str
    target: str
    name: str
    state: State = State.WANTED
    attempt: int = 1
    keeps: bool = False
    forever: bool = False
    definition: str = ""
    choice: Mapping[str, Any] = field(default_factory=dict)
    child: Mapping[str, Any] = field(default_factory=dict)
    token: int | None = None
    seen: Seen | None = None
    steps: Mapping[State, datetime] = field(default_factory=dict)
    cause: str = ""
    error: str = ""
    tries: int = 0
    due: datetime | None = None
    version: int = 0

    @property
    def held(self) -> bool:
        """Whether something may exist at the target."""
        return self.state in HELD

    @property
    def live(self) -> bool:
        """Whether it counts as a server of its user."""
        return self.state in LIVE

    @property
    def made(self) -> datetime | None:
        """When what makes it was over, as far as it is known: lists of before prove nothing.

        A list that was taken during a start may have the container of before, which had ended.
        """
        steps = self.steps.get(State.STARTING), self.steps.get(State.RUNNING)
        known = [each for each in steps if each is not None]
        return max(known) if known else None

    @property
    def log_name(self) -> str:
        """For people: ``ann``, or ``ann:second``."""
        return f"{self.user}:{self.server}" if self.server else self.user

    def moved(self, cause: Cause, at: datetime, **changes: Any) -> Lease:
        """The lease after a change of state.

        Args:
            cause: Why.
            at: When.
            changes: Further fields.

        Raises:
            IllegalTransitionError: The table has no such change.
        """
        state = after(self.state, cause)
        steps = {**self.steps, state: at}
        return replace(self, state=state, steps=steps, cause=str(cause), **changes)
