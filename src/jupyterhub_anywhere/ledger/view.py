"""What a decision is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.inventory import Resource, Sweep
    from jupyterhub_anywhere.ledger.actions import Action
    from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.policy import Policy
    from jupyterhub_anywhere.ledger.sights import Doubt

# States in which something is made or runs.
_MADE = frozenset({State.STARTING, State.RUNNING, State.UNKNOWN})
_NOBODY_ASKED = Observation(Phase.UNKNOWN, "it was not asked")


@dataclass(frozen=True, slots=True)
class HubFacts:
    """The hub, at one moment.

    Attributes:
        users: The names of all users.
        servers: User and server's name to each server that is not plainly stopped.
        tokens: The tokens of servers.
        clients: The OAuth clients of servers.
        busy: The ids of leases that this process works on.
        last: User and server's name to the newest lease that is gone, of those that the hub counts
            as active and that have no lease.
    """

    users: frozenset[str] = frozenset()
    servers: Mapping[tuple[str, str], HubServer] = field(default_factory=dict)
    tokens: Sequence[ServerToken] = ()
    clients: Sequence[ServerClient] = ()
    busy: frozenset[str] = frozenset()
    last: Mapping[tuple[str, str], Lease] = field(default_factory=dict)

    def pending(self, lease: Lease) -> str:
        """What the hub does with a lease's server just now."""
        server = self.servers.get((lease.user, lease.server))
        return server.pending if server is not None else ""


@dataclass(frozen=True)
class View:
    """One target, with all leases and the hub.

    Attributes:
        target: The target's name; empty for what is at none.
        leases: All leases that are not gone, of every target.
        sweep: The target's last list; None where it cannot be listed at all.
        hub: The hub.
        now: The time.
        policy: How patient the reconciler is.
        ages: Seconds since each doubt was seen first.
        observations: Lease id to what is known of its resource.
        ended: Those ids in the resources' labels whose lease is gone.
        foreign: Those that this ledger never gave, nor can have given and forgotten.
        kin: The targets that share this one's list, as all processes of a machine do; with it.
    """

    target: str
    leases: Sequence[Lease]
    sweep: Sweep | None
    hub: HubFacts
    now: datetime
    policy: Policy
    ages: Mapping[Doubt, float] = field(default_factory=dict)
    observations: Mapping[str, Observation] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    kin: frozenset[str] = frozenset()

    @cached_property
    def here(self) -> list[Lease]:
        """The leases of this target."""
        return [each for each in self.leases if each.target == self.target]

    @cached_property
    def near(self) -> list[Lease]:
        """The leases of all targets that share this one's list."""
        kin = self.kin | {self.target}
        return [each for each in self.leases if each.target in kin]

    @cached_property
    def _by_server(self) -> Mapping[tuple[str, str], list[Lease]]:
        found: dict[tuple[str, str], list[Lease]] = {}
        for each in self.leases:
            found.setdefault((each.user, each.server), []).append(each)
        return found

    @cached_property
    def _made(self) -> Mapping[str, list[Lease]]:
        found: dict[str, list[Lease]] = {}
        for each in self.near:
            if each.state in _MADE:
                found.setdefault(each.name, []).append(each)
        return found

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all leases."""
        return frozenset(each.id for each in self.leases)

    @cached_property
    def listed(self) -> Mapping[str, Resource]:
        """What the last list has; nothing where it failed."""
        return self.sweep.resources if self.sweep is not None and self.sweep.succeeded else {}

    @cached_property
    def _by_label(self) -> Mapping[str, Resource]:
        return {each.lease: each for each in self.listed.values() if each.lease}

    def of_server(self, user: str, server: str) -> list[Lease]:
        """The leases of one server."""
        return self._by_server.get((user, server), [])

    def resource(self, lease: Lease) -> Resource | None:
        """What the target has of a lease: by its name, else by the label."""
        return self.listed.get(lease.name) or self._by_label.get(lease.id)

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
            for other in self.of_server(lease.user, lease.server)
        )

    def rival(self, lease: Lease) -> Lease | None:
        """Another lease of the same name under which something is made or runs."""
        made = self._made.get(lease.name, [])
        return next((other for other in made if other.id != lease.id), None)


@dataclass(slots=True)
class Decision:
    """What is to be done, and what is doubtful.

    Attributes:
        actions: In this order.
        doubts: What is not as it should be, and is left alone for the time being or for good.
        candidates: Those of them which would be taken away if nothing held that back.
        foreign: The labels of what would be taken away although another ledger gave it.
    """

    actions: list[Action] = field(default_factory=list)
    doubts: set[Doubt] = field(default_factory=set)
    candidates: set[Doubt] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)

    def doubt(
        self, view: View, doubt: Doubt, patience: float, *actions: Action, held: bool = True
    ) -> None:
        """Do something once a doubt is old enough; never on the first sight.

        Args:
            view: What is known.
            doubt: What is not as it should be.
            patience: Seconds that it has to be so.
            actions: What is done then.
            held: Whether a hold holds it back.
        """
        self.doubts.add(doubt)
        if held:
            self.candidates.add(doubt)
        age = view.ages.get(doubt)
        if age is not None and age >= patience:
            self.actions.extend(actions)

    def add(self, other: Decision) -> None:
        """Take in another one, after this."""
        self.actions += other.actions
        self.doubts |= other.doubts
        self.candidates |= other.candidates
        self.foreign |= other.foreign
