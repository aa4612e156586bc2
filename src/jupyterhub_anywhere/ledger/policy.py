"""How patient the reconciler is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Policy:
    """All in seconds, unless said otherwise.

    Attributes:
        grace: How long what nobody asked for is left alone before it is removed.
        settle: How long a start whose hub died is left alone where the hub does not know it.
        first_retry: What lies between the first and the second try of a deletion.
        last_retry: The most that lies between two tries.
        jitter: The part of a delay that is left to chance, 0 to 1.
        bound: What one action may take.
        patience: What `Reconciler.sweep` waits for slow targets, which then go on by themselves.
        hands: How many deletions run at once at one target; a number.
    """

    grace: float = 300.0
    settle: float = 20.0
    first_retry: float = 5.0
    last_retry: float = 600.0
    jitter: float = 0.2
    bound: float = 60.0
    patience: float = 5.0
    hands: int = 8

    def delay(self, tries: int, chance: Callable[[], float]) -> float:
        """Seconds until the next try of a deletion.

        Args:
            tries: How many there were, from 1.
            chance: Gives a number of 0 to 1.
        """
        # No deletion is tried so often that the power would not fit a float.
        plain = min(self.last_retry, self.first_retry * 2.0 ** min(tries - 1, 60))
        return plain * (1 - self.jitter * chance())
