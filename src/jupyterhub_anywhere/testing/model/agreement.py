"""What a world has to agree on when all faults are over and it had time: ledger, engines, hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.testing.model.simulation import Simulation


def disagreements(world: Simulation) -> list[str]:
    """Everything that does not fit together; nothing of it changes any more.

    Raises:
        AssertionError: The ledger has not what was written to it.
    """
    world.ledger.compare()
    return [*_things(world), *_servers(world), *_line(world), *_tokens(world), *_others(world)]


def _is_reachable(world: Simulation, lease: Lease) -> bool:
    """Whether the engine that answers can tell of it."""
    answers = world.engines[lease.target].id
    return bool(lease.child.get("engine", answers) == answers)


def _things(world: Simulation) -> list[str]:
    """What exists has a lease that says so, and each lease has what it says."""
    wrong = []
    active = world.active()
    lost = {world.place(each) for each in active if not _is_reachable(world, each)}
    leases = {world.place(each): each for each in active if _is_reachable(world, each)}
    for engine in world.places:
        for thing in engine.things.values():
            place = engine.name, thing.name
            lease = leases.pop(place, None)
            if thing.hub != world.ledger.hub or place in lost:
                continue
            if lease is None:
                # What keeps files is listed, and left alone.
                if not thing.keep or thing.alive:
                    wrong.append(f"{thing.name} at {engine.name} has no lease")
            elif lease.state is not (State.RUNNING if thing.alive else State.KEPT):
                wrong.append(f"{thing.name} at {engine.name}: alive {thing.alive}, {lease.state}")
    return wrong + [f"{each.name} at {each.target}: {each.state}" for each in leases.values()]


def _servers(world: Simulation) -> list[str]:
    """What runs is a server of the hub, at that target, and the other way round."""
    leases = world.active()
    runs = {
        ((each.user, each.server), each.target)
        for each in leases
        if each.state is State.RUNNING and _is_reachable(world, each)
    }
    lost = {(each.user, each.server) for each in leases if not _is_reachable(world, each)}
    rows = {(key, row.target) for key, row in world.database.rows.items()}
    wrong = [
        f"{key} at {target} runs for the hub only" for key, target in rows - runs if key not in lost
    ]
    return wrong + [f"{key} at {target} is no server of the hub" for key, target in runs - rows]


def _line(world: Simulation) -> list[str]:
    """Nobody waits for ever, and who waited when a hub died was told."""
    hub = world.hub
    wrong = [f"{key} is still in the making: {what}" for key, what in hub.pending.items()]
    if hub.line.waits or hub.line.going:
        wrong.append("there is a place in the line, or a slot, that nobody gives back")
    if hub.book.busy:
        wrong.append(f"nobody works any more on {hub.book.busy}, which is said to be worked on")
    for lease, key in world.waited.items():
        found = world.ledger.ask("get", lease)
        if found is not None and found.state is not State.GONE:
            wrong.append(f"{key} waited when its hub died, and its lease is {found.state}")
        elif key not in world.told:
            wrong.append(f"{key} waited when its hub died, and nobody told its user")
    return wrong


def _tokens(world: Simulation) -> list[str]:
    """No token of what is dead is valid."""
    held = {(each.user, each.server) for each in world.active()} | world.database.rows.keys()
    return [
        f"token {token} of {key} is valid, and nothing is there"
        for token, key in world.database.tokens.items()
        if key not in held
    ]


def _others(world: Simulation) -> list[str]:
    """What is not this hub's is there as ever."""
    return [
        f"{name} at {engine.name} is not ours, and is gone"
        for engine in world.places
        for name in ("plain-thing", "other-thing")
        if name not in engine.things
    ]
