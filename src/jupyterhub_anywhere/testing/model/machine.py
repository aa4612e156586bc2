"""The world as a state machine of hypothesis: what breaks it is shrunk to a short script.

Hypothesis is no dependency of the package; who imports this module has it.
"""

from __future__ import annotations

import gc
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.simulation import Simulation

_USERS = ("ann", "bob", "cid")
_KEYS = st.sampled_from([(user, server) for user in _USERS for server in steps.SERVERS])
_TARGETS = st.sampled_from(steps.TARGETS)
_PLACES = st.sampled_from(steps.PLACES)
# Seconds that pass after something has happened.
_PAUSES = st.sampled_from((0.0, 0.0, 0.3, 1.0, 3.0))
# A file is lost once in a while: steps between.
_BETWEEN_LOSSES = 25


class WorldMachine(RuleBasedStateMachine):
    """Anything may happen, in any order, and the hub may die at any point of it."""

    world: Simulation | None = None
    # How many steps all worlds of a class have made.
    made: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._since_loss = 0

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        """A world in which calls take as long as they like."""
        self.world = Simulation(seed)

    @property
    def _world(self) -> Simulation:
        assert self.world is not None  # noqa: S101 - `begin` comes first
        return self.world

    @rule(key=_KEYS, place=_TARGETS, pause=_PAUSES)
    def start(self, key: tuple[str, str], place: str, pause: float) -> None:
        """A user starts a server."""
        self._world.start(key, place)
        self._world.advance(pause)

    @rule(keys=st.lists(_KEYS, min_size=2, max_size=6, unique=True), place=_TARGETS, pause=_PAUSES)
    def rush(self, keys: list[tuple[str, str]], place: str, pause: float) -> None:
        """A class begins."""
        for key in keys:
            self._world.start(key, place)
        self._world.advance(pause)

    @rule(key=_KEYS, pause=_PAUSES)
    def stop(self, key: tuple[str, str], pause: float) -> None:
        """A user stops a server."""
        self._world.stop(key)
        self._world.advance(pause)

    @rule(key=_KEYS, pause=_PAUSES)
    def cancel(self, key: tuple[str, str], pause: float) -> None:
        """A user takes the wish for a server back."""
        self._world.cancel(key)
        self._world.advance(pause)

    @rule(key=_KEYS)
    def die(self, key: tuple[str, str]) -> None:
        """A server ends by itself."""
        self._world.die(key)

    @rule(user=st.sampled_from(_USERS), pause=_PAUSES)
    def delete(self, user: str, pause: float) -> None:
        """A user is deleted."""
        self._world.delete(user)
        self._world.advance(pause)

    @rule(user=st.sampled_from(_USERS))
    def enter(self, user: str) -> None:
        """A user is there, again."""
        self._world.database.users.add(user)

    @rule(place=_TARGETS, there=st.booleans())
    def declare(self, place: str, there: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """A reload takes a target from the configuration, or gives it back."""
        self._world.declare(place, there=there)

    @rule()
    def save(self) -> None:
        """Ledger and database are backed up."""
        self._world.save()

    @rule(points=st.integers(1, 80), pause=_PAUSES)
    def doom(self, points: int, pause: float) -> None:
        """The hub dies that many calls later."""
        self._world.doom(points)
        self._world.advance(pause)

    @rule(place=_PLACES, name=st.sampled_from(steps.FAULTS), size=st.integers(1, 3))
    def fault(self, place: str, name: str, size: int) -> None:
        """Something goes wrong with an engine."""
        steps.fault(self._world, place, name, size)

    @rule(place=_PLACES)
    def well(self, place: str) -> None:
        """An engine answers again."""
        steps.well(self._world, place)

    @rule(hours=st.sampled_from(steps.JUMPS))
    def jump(self, hours: float) -> None:
        """Somebody sets the clock."""
        self._world.jump(3600 * hours)

    @precondition(lambda self: self._since_loss >= _BETWEEN_LOSSES)
    @rule(which=st.sampled_from(("lose_ledger", "lose_database", "restore")))
    def lose(self, which: str) -> None:
        """A file is lost, or both are put back from a backup."""
        self._since_loss = 0
        getattr(self._world, which)()

    @rule(seconds=st.sampled_from((3.0, 10.0, 30.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._world.advance(seconds)

    @invariant()
    def holds(self) -> None:
        """What must hold at any time."""
        if self.world is not None:
            type(self).made += 1
            self._since_loss += 1
            self.world.check()

    def teardown(self) -> None:
        """All faults end, and then everything agrees."""
        if self.world is None:
            return
        try:
            if not self.world.broken:
                self.world.settle()
        finally:
            self.world.close()
            # Whoever runs thousands of worlds may have the collector stand still.
            gc.collect()
