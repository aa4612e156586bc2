"""What a report is made from: the ledger's, the targets' and the hub's word, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.inventory import Health, Sweep
    from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken
    from jupyterhub_anywhere.ledger.lease import Lease

NOT_DECLARED: Final = "no such target is declared"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a target cannot be asked.

    Attributes:
        since: Since when; None where that is not known.
        reason: Why; for an administrator.
    """

    since: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that was found out.

    Attributes:
        now: What time it is.
        leases: Every lease that is not gone.
        sweeps: Target to its last listing.
        health: Target to how well it can be asked; every target that is declared.
        sources: Target to the id of the engine that answered there last; empty where nobody knows.
        hub: User and server to what the hub knows of it; None where the hub is away.
        tokens: API tokens of servers.
        clients: OAuth clients of servers.
        first_seen: Target and name of what has no lease to when it was first seen.
        hold: Why nothing may be removed by itself; empty where it may.
        held_since: Since when; None where nothing is held.
        grace: Seconds from the first sight of what has no lease until it is removed.
    """

    now: datetime
    leases: Sequence[Lease] = ()
    sweeps: Mapping[str, Sweep] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    hub: Mapping[tuple[str, str], HubServer] | None = None
    tokens: Sequence[ServerToken] = ()
    clients: Sequence[ServerClient] = ()
    first_seen: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    hold: str = ""
    held_since: datetime | None = None
    grace: float = 0.0

    def trouble(self, target: str) -> Trouble | None:
        """Why a target cannot be asked; None where it can, or was not asked yet."""
        health, sweep = self.health.get(target), self.sweeps.get(target)
        if health is not None and health.since is not None:
            return Trouble(health.since, health.reason or "it does not answer")
        if sweep is not None and not sweep.succeeded:
            return Trouble(sweep.began, sweep.reason)
        return Trouble(None, NOT_DECLARED) if health is None and sweep is None else None

    def observed(self, target: str) -> datetime | None:
        """When a target last answered."""
        health, sweep = self.health.get(target), self.sweeps.get(target)
        if health is not None and health.observed is not None:
            return health.observed
        return sweep.ended if sweep is not None and sweep.succeeded else None
