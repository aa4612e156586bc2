"""Asking again until something is proven, at first soon and then less often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds between two tries, at first and at most, and by what they grow.
FIRST: Final = 0.5
SLOWEST: Final = 5.0
_GROWTH: Final = 1.5


def slower(pause: float) -> float:
    """The pause after one.

    Args:
        pause: In seconds.
    """
    return min(pause * _GROWTH, SLOWEST)


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Call until it says that it is proven; who calls sets the bound.

    Args:
        done: Whether it is; whatever it raises ends this.
    """
    pause = FIRST
    while not await done():
        await asyncio.sleep(pause)
        pause = slower(pause)
