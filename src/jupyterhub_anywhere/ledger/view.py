"""What a decision is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.inventory import Resource, Sweep
    from jupyterhub_anywhere.ledger.actions import Action
    from jupyterhub_anywhere.ledger.hubside import HubServer, ServerToken
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.policy import Policy
    from jupyterhub_anywhere.ledger.sights import Doubt

_NOBODY_ASKED = Observation(Phase.UNKNOWN, "it was not asked")


@dataclass(frozen=True, slots=True)
class HubFacts:
    """The hub, at one moment.

    Attributes:
        users: The names of all users.
        servers: User and server's name to each server that is not plainly stopped.
        tokens: The tokens of servers.
        busy: The ids of leases that this process works on.
        last: User and server's name to the newest lease that is gone, of those that the hub counts
            as active and that have no lease.
    """

    users: frozenset[str] = frozenset()
    servers: Mapping[tuple[str, str], HubServer] = field(default_factory=dict)
    tokens: Sequence[ServerToken] = ()
    busy: frozenset[str] = frozenset()
    last: Mapping[tuple[str, str], Lease] = field(default_factory=dict)

    def pending(self, lease: Lease) -> str:
        """What the hub does with a lease's server just now."""
        server = self.servers.get((lease.user, lease.server))
        return server.pending if server is not None else ""


@dataclass(frozen=True, slots=True)
class View:
    """One target, with all leases and the hub.

    Attributes:
        target: The target's name.
        leases: All leases that are not gone, of every target.
        observations: Lease id to what is known of its resource.
        sweep: The target's last list; None where it cannot be listed at all.
        hub: The hub.
        ended: Those ids in the resources' labels whose lease is gone.
        now: The time.
        ages: Seconds since each doubt was seen first.
        policy: How patient it is.
    """

    target: str
    leases: Sequence[Lease]
    observations: Mapping[str, Observation]
    sweep: Sweep | None
    hub: HubFacts
    ended: frozenset[str]
    now: datetime
    ages: Mapping[Doubt, float]
    policy: Policy

    @property
    def here(self) -> list[Lease]:
        """The leases of this target."""
        return [each for each in self.leases if each.target == self.target]

    @property
    def listed(self) -> Mapping[str, Resource]:
        """What the last list has; nothing where it failed."""
        return self.sweep.resources if self.sweep is not None and self.sweep.succeeded else {}

    def resource(self, lease: Lease) -> Resource | None:
        """What the target has of a lease: by its name, else by the label."""
        found = self.listed.get(lease.name)
        if found is not None:
            return found
        return next((each for each in self.listed.values() if each.lease == lease.id), None)

    def observation(self, lease: Lease) -> Observation:
        """What is known of a lease's resource."""
        return self.observations.get(lease.id, _NOBODY_ASKED)

    def wanted(self, lease: Lease) -> bool:
        """Whether the hub has a server for which this lease is."""
        server = self.hub.servers.get((lease.user, lease.server))
        if server is None or not server.active or server.target not in {"", lease.target}:
            return False
        return not any(
            other.attempt > lease.attempt and other.state in {State.RUNNING, State.UNKNOWN}
            for other in self.leases
            if (other.user, other.server) == (lease.user, lease.server) and other.id != lease.id
        )

    def rival(self, lease: Lease) -> Lease | None:
        """Another lease of the same name under which something is made or runs."""
        making = {State.STARTING, State.RUNNING, State.UNKNOWN}
        return next(
            (
                other
                for other in self.here
                if other.id != lease.id and other.name == lease.name and other.state in making
            ),
            None,
        )


@dataclass(slots=True)
class Decision:
    """What is to be done, and what is doubtful.

    Attributes:
        actions: In this order.
        doubts: What is not as it should be, and is left alone for the time being or for good.
        candidates: Those of them which would be taken away if nothing held that back.
    """

    actions: list[Action] = field(default_factory=list)
    doubts: set[Doubt] = field(default_factory=set)
    candidates: set[Doubt] = field(default_factory=set)

    def doubt(self, view: View, doubt: Doubt, patience: float, *actions: Action) -> None:
        """Do something once a doubt is old enough; never on the first sight."""
        self.doubts.add(doubt)
        self.candidates.add(doubt)
        age = view.ages.get(doubt)
        if age is not None and age >= patience:
            self.actions.extend(actions)
