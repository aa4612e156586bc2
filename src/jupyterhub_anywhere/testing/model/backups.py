"""A backup of ledger and database, and what has its own word for when it is put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_anywhere.hub.birth import REASON
from jupyterhub_anywhere.ledger.hold import FOREIGN
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from jupyterhub_anywhere.testing.model.hub import HubDatabase
    from jupyterhub_anywhere.testing.model.simulation import Simulation
    from jupyterhub_anywhere.testing.model.world import Engine, Thing


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup has, both of one moment.

    Attributes:
        ledger: The ledger's database.
        database: The hub's.
    """

    ledger: bytes
    database: HubDatabase


def somebody_is_away(world: Simulation) -> bool:
    """Whether an engine is, or something serves where nobody answers: only the ledger knows."""
    return any(
        engine.replaced
        or any(
            thing.hub == world.ledger.hub and thing.alive and not world.may_end(thing)
            for thing in engine.away
        )
        for engine in world.places
    )


def groundless(world: Simulation, hold: str) -> list[str]:
    """That a person is asked although nothing was lost, and nobody has set the clock."""
    grounds = {REASON: {"database", "both", "clock", "user"}, FOREIGN: {"ledger", "both"}}
    return [
        f"nothing was lost, and nothing is removed: {reason}"
        for reason, losses in grounds.items()
        if reason in hold and not world.lost & losses
    ]


def older(world: Simulation) -> set[str]:
    """The leases of what a backup has its own word for, which is of that time.

    What was to be stopped then is stopped, though it was started again since: what keeps files is
    so with the label, and the lease, that it had.
    """
    return {
        thing.by
        for engine in world.places
        for thing in engine.everything
        if _is_older(world, engine, thing)
    }


def _is_older(world: Simulation, engine: Engine, thing: Thing) -> bool:
    if world.ledger.ask("get", thing.lease) is None:
        here = {world.place(each) for each in world.active()}
        return thing.keep and (engine.name, thing.name) in here
    lease = world.ledger.ask("get", thing.by)
    serves = lease is not None and lease.state in {State.RUNNING, State.UNKNOWN}
    return not serves or (lease.user, lease.server) not in world.database.rows
