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


async def answer(world: Simulation) -> None:
    """A person has everything removed that is left, and ends the hold."""
    leases = world.active()
    names = {world.place(each) for each in leases}
    unserved = {
        (each.target, each.name)
        for each in leases
        if each.live and (each.user, each.server) not in world.database.rows
    }
    # Of targets that share a list, the first has what is nobody's.
    first = {engine.name: name for name, engine in sorted(world.engines.items(), reverse=True)}
    strays = {
        (first[engine.name], thing.name)
        for engine in world.places
        for thing in engine.things.values()
        if thing.hub == world.ledger.hub and (engine.name, thing.name) not in names
    }
    world.named |= {name for _, name in unserved | strays}
    await world.reconciler.clean(unserved | strays)
    await world.reconciler.lift()


def _reachable(world: Simulation) -> tuple[list[Lease], list[Lease]]:
    """The leases that the engines which answer can tell of; those of which they cannot.

    Also of what has, under the same name, a lease at an engine that does not answer.
    """
    active = world.active()

    def answers(lease: Lease) -> bool:
        engine = world.engines[lease.target].id
        return bool(lease.child.get("engine", engine) == engine)

    lost = {world.place(each) for each in active if not answers(each)}
    near = [each for each in active if world.place(each) not in lost]
    return near, [each for each in active if world.place(each) in lost]


def _things(world: Simulation) -> list[str]:
    """What exists has a lease that says so, and each lease has what it says."""
    wrong = []
    near, far = _reachable(world)
    lost = {world.place(each) for each in far}
    leases = {world.place(each): each for each in near}
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
    near, far = _reachable(world)
    runs = {((each.user, each.server), each.target) for each in near if each.state is State.RUNNING}
    lost = {(each.user, each.server) for each in far}
    rows = {(key, row.target): row for key, row in world.database.rows.items()}
    # Of what was made at an engine that does not answer, nobody can say that it has ended.
    wrong = [
        f"{key} at {target} runs for the hub only"
        for (key, target), row in rows.items()
        if (key, target) not in runs
        and key not in lost
        and row.engine in {"", world.engines[target].id}
    ]
    missing = runs - rows.keys()
    return wrong + [f"{key} at {target} is no server of the hub" for key, target in missing]


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
