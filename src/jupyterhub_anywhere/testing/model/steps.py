"""What may happen to a world, one small step each; drawn at random or by hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from jupyterhub_anywhere.testing.model.simulation import Simulation

SERVERS: Final = ("", "two")
TARGETS: Final = ("here", "also", "lab")
# Those whose engines fail; that of `also` is that of `here`.
PLACES: Final = ("here", "lab")
FAULTS: Final = (
    *("fails", "hangs", "empty", "partial", "lost_reply", "late", "refuses", "lies", "twice"),
    "replace",
)
# Hours that somebody sets the clock by.
JUMPS: Final = (-5.0, -1.0, 1.0, 5.0)


def fault(world: Simulation, target: str, name: str, size: int) -> None:
    """Something goes wrong with an engine.

    Args:
        world: The world.
        target: Whose engine.
        name: One of `FAULTS`.
        size: How often, or how late.
    """
    faults = world.engines[target].faults
    if name == "replace":
        world.engines[target].replace()
    elif name in {"refuses", "lies"}:
        setattr(faults, name, size)
    elif name in {"late", "twice"}:
        setattr(faults, name, 7.0 * size)
    else:
        setattr(faults, name, True)


def well(world: Simulation, target: str) -> None:
    """An engine answers again."""
    faults = world.engines[target].faults
    faults.fails = faults.hangs = False


def _pick(random: Random, options: Sequence[str]) -> str:
    return random.choice(options)


def _key(world: Simulation, random: Random) -> tuple[str, str]:
    return _pick(random, world.names), _pick(random, SERVERS)


def at_random(
    world: Simulation, random: Random, *, pause: float = 20.0, losses: bool = False
) -> str:
    """One step, drawn at random.

    Args:
        world: The world.
        random: Draws.
        pause: The most seconds that pass after it.
        losses: Whether the ledger and the hub's database may be lost too.

    Returns:
        What it was, for people.
    """
    steps: list[tuple[int, str, Callable[[], object]]] = [
        (8, "start", lambda: world.start(_key(world, random), _pick(random, TARGETS))),
        (5, "stop", lambda: world.stop(_key(world, random))),
        (2, "die", lambda: world.die(_key(world, random))),
        (2, "cancel", lambda: world.cancel(_key(world, random))),
        (1, "delete", lambda: world.delete(_pick(random, world.names))),
        (1, "enter", lambda: world.database.users.add(_pick(random, world.names))),
        (4, "doom", lambda: world.doom(random.randint(1, 60))),
        (
            6,
            "fault",
            lambda: fault(
                world, _pick(random, PLACES), _pick(random, FAULTS), random.randint(1, 3)
            ),
        ),
        (6, "well", lambda: well(world, _pick(random, PLACES))),
        (1, "jump", lambda: world.jump(3600 * random.choice(JUMPS))),
    ]
    if losses:
        steps += [(1, "ledger", world.lose_ledger), (1, "database", world.lose_database)]
    _, name, step = random.choices(steps, weights=[each[0] for each in steps])[0]
    step()
    world.advance(random.choice((0.0, 0.3, 1.0, 3.0, pause)))
    return name
