"""The world as a state machine of hypothesis: what breaks it is shrunk to a short script.

Hypothesis is no dependency of the package; who imports this module has it.
"""

from __future__ import annotations

import gc
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jupyterhub_anywhere.testing.model import steps
from jupyterhub_anywhere.testing.model.simulation import Simulation

_KEYS = st.tuples(st.sampled_from(("ann", "bob", "cid")), st.sampled_from(steps.SERVERS))
_TARGETS = st.sampled_from(steps.TARGETS)


class WorldMachine(RuleBasedStateMachine):
    """Anything may happen, in any order, and the hub may die at any point of it."""

    world: Simulation | None = None
    # How many steps all worlds of a class have made.
    made: ClassVar[int] = 0

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        """A world in which calls take as long as they like."""
        self.world = Simulation(seed)

    @property
    def _world(self) -> Simulation:
        assert self.world is not None  # noqa: S101 - `begin` comes first
        return self.world

    @rule(key=_KEYS, place=_TARGETS)
    def start(self, key: tuple[str, str], place: str) -> None:
        """A user starts a server."""
        self._world.start(key, place)

    @rule(key=_KEYS)
    def stop(self, key: tuple[str, str]) -> None:
        """A user stops a server."""
        self._world.stop(key)

    @rule(key=_KEYS)
    def die(self, key: tuple[str, str]) -> None:
        """A server ends by itself."""
        self._world.die(key)

    @rule(user=st.sampled_from(("ann", "bob", "cid")))
    def delete(self, user: str) -> None:
        """A user is deleted."""
        self._world.delete(user)

    @rule(user=st.sampled_from(("ann", "bob", "cid")))
    def enter(self, user: str) -> None:
        """A user is there, again."""
        self._world.database.users.add(user)

    @rule(points=st.integers(1, 80))
    def doom(self, points: int) -> None:
        """The hub dies that many calls later."""
        self._world.doom(points)

    @rule(place=_TARGETS, name=st.sampled_from(steps.FAULTS), size=st.integers(1, 3))
    def fault(self, place: str, name: str, size: int) -> None:
        """Something goes wrong with an engine."""
        steps.fault(self._world, place, name, size)

    @rule(place=_TARGETS)
    def well(self, place: str) -> None:
        """An engine answers again."""
        steps.well(self._world, place)

    @rule(hours=st.sampled_from(steps.JUMPS))
    def jump(self, hours: float) -> None:
        """Somebody sets the clock."""
        self._world.clock.jump(3600 * hours)

    @rule(which=st.sampled_from(("ledger", "database")))
    def lose(self, which: str) -> None:
        """A file is lost."""
        getattr(self._world, f"lose_{which}")()

    @rule(seconds=st.sampled_from((0.1, 0.3, 1.0, 3.0, 10.0, 30.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._world.advance(seconds)

    @invariant()
    def holds(self) -> None:
        """What must hold at any time."""
        if self.world is not None:
            type(self).made += 1
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
