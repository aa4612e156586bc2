"""What exists at a target, as the target itself tells it.

A listing that succeeded is evidence of what is in it. Of what is *not* in it, it is evidence only
together with the next one: engines that restart, proxies and caches answer with an empty list once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.observation import Observation


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that exists at a target under this hub's label.

    Attributes:
        name: Its deterministic name.
        user: The user it was made for.
        server: The server's name, empty for the default one.
        detail: For people: what it is, since when.
        handle: What the target needs to find it again; plain JSON.
        lease: The id of the lease it was made for; empty where its label has none.
        alive: Whether it serves: True; False where it exists and has ended, or was never begun;
            None where the target does not say.
        exit_code: The program's exit status where it has ended and the status is known.
        keep: Whether it holds a user's files once it has ended, and is started again for them.
        created: When it was made, with its zone; None where the target does not say.
        token: The id of the API token that it was made with; None where nobody knows.
    """

    name: str
    user: str
    server: str
    detail: str = ""
    handle: Mapping[str, Any] = field(default_factory=dict)
    lease: str = ""
    alive: bool | None = True
    exit_code: int | None = None
    keep: bool = False
    created: datetime | None = None
    token: int | None = None


class Inventory(Protocol):
    """What exists at a target under this hub's label, asked from the target itself."""

    async def owned(self) -> Sequence[Resource]:
        """Everything with this hub's label, by one call.

        Raises:
            Exception: The target could not be asked, or did not answer with all of it.
        """

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """An observation for every name asked; unknown where it could not be asked."""

    async def destroy(self, resource: Resource) -> bool:
        """Begin or go on to remove it; True once it is proven gone. May be called again.

        Raises:
            Exception: The target could not be asked, or refuses.
        """


class Resting(Protocol):
    """An inventory at which something may be kept for its user's files."""

    async def end(self, resource: Resource) -> bool:
        """Stop it; what is to be started again, with its user's files in it, stays.

        Returns:
            Whether it has ended. May be called again.

        Raises:
            Exception: The target could not be asked, or refuses.
        """


class Identified(Protocol):
    """An inventory that can tell which engine answers: one that was replaced knows of nothing."""

    async def source(self) -> str:
        """The identity of what answers; the same as long as it is the same.

        Raises:
            Exception: The target could not be asked.
        """


class Explaining(Protocol):
    """An inventory that can tell why something has ended that nobody stopped."""

    async def why(self, name: str, child: Mapping[str, Any], since: datetime | None) -> str:
        """A sentence for its user, for example of the memory that it lacked; empty for none.

        Args:
            name: The resource's name.
            child: What its spawner has kept of it.
            since: Since when it ran; None where nobody knows.

        Raises:
            Exception: The target could not be asked.
        """


@dataclass(frozen=True, slots=True)
class Sweep:
    """One listing of one target, or its failure.

    Attributes:
        target: The target's name.
        began: When it was asked for: what was made later may be missing in it.
        ended: When the answer was there.
        resources: Name to resource; empty where it failed.
        reason: Why it failed, for an administrator, without secrets; empty where it did not.
        trusted: Whether what is missing in it counts as one of the two absences that prove that
            something is gone. False also for the first list after a failure, where it is empty,
            and for one by another engine than before.
    """

    target: str
    began: datetime
    ended: datetime
    resources: Mapping[str, Resource] = field(default_factory=dict)
    reason: str = ""
    trusted: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether there was a whole answer."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Health:
    """How well a target can be asked.

    Attributes:
        since: Since when it cannot be asked; None while it can.
        reason: Why.
        failures: Failed listings in a row.
        next_try: When it is asked next, where it is left alone for a while; else None.
        observed: When the last listing that succeeded ended; None before the first.
    """

    since: datetime | None = None
    reason: str = ""
    failures: int = 0
    next_try: datetime | None = None
    observed: datetime | None = None


class Watching(Protocol):
    """One target, looked at once an interval for all who ask."""

    @property
    def target(self) -> str:
        """The target's name."""

    @property
    def inventory(self) -> Inventory:
        """What is asked."""

    @property
    def latest(self) -> Sweep | None:
        """The last sweep that has ended; None before the first."""

    @property
    def health(self) -> Health:
        """How well it can be asked."""

    @property
    def source(self) -> str:
        """The id of the engine that answered when it was asked last; empty where nobody knows."""

    async def sweep(self) -> Sweep:
        """List now; who asks meanwhile gets the same answer. Never raises, bounded in time."""

    def made_at(self, name: str, source: str) -> None:
        """Say at which engine something was made, so that another one's word is no proof.

        Args:
            name: The resource's name.
            source: The engine's id, as `Identified.source` gives it; empty says nothing.
        """

    def observe(self, name: str, since: datetime) -> Observation:
        """What the sweeps so far say of a resource; asks nobody.

        Args:
            name: The resource's name.
            since: From when on it has to be there: when the call that makes it was about to be
                sent; once that call has answered, when it had. Sweeps that began earlier are no
                argument for its absence, nor for its end.

        Returns:
            Running or gone where there is proof, else unknown with the reason.
        """
