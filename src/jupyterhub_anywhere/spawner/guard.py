"""Calls into a child that may raise, or never return.

A child that blocks the thread cannot be contained here.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

# Seconds. The hub awaits poll on its home page and at its start; half a poll interval is much.
POLL_DEADLINE: Final = 15.0
# Seconds. Adding a route or a tunnel may take a while; the hub waits for it at its start.
URL_DEADLINE: Final = 30.0
# Seconds. Pods and machines may take minutes to go. JupyterHub itself sets no bound at all.
STOP_DEADLINE: Final = 600.0
# Seconds that a cancelled start may take to leave: the hub looks after one (base.py, 1 s sleep).
CANCEL_DEADLINE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that raised or did not return.

    Attributes:
        reason: Type and text of the error, or the deadline; for the log.
    """

    reason: str


async def bounded(
    call: Callable[[], Awaitable[Any] | Any], deadline: float, what: str
) -> Any | Failed:
    """Call and await, and turn every failure into a value.

    Args:
        call: Makes the call; may return a plain value.
        deadline: Seconds after which the call is cancelled.
        what: Names the call in the log, as ``lab: DockerSpawner.poll``.
    """
    try:
        async with asyncio.timeout(deadline):
            result = call()
            return (
                await result
                if isinstance(result, asyncio.Future) or _awaitable(result)
                else (result)
            )
    except TimeoutError as error:
        reason = str(error) or f"no answer in {deadline:g} s"
        log.warning("%s: %s", what, reason)
        return Failed(reason)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("%s: %s", what, reason, exc_info=True)
        return Failed(reason)


def guarded(call: Callable[[], Any], what: str) -> Any | Failed:
    """Call without awaiting, and turn every failure into a value."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("%s: %s", what, reason, exc_info=True)
        return Failed(reason)


async def cancellable(awaitable: Awaitable[Any]) -> Any:
    """Await, and return within `CANCEL_DEADLINE` when cancelled.

    JupyterHub gives a cancelled start one second. What takes longer goes on in the background, so
    that the hub's own clean-up is not refused as "still pending".
    """
    task = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_DEADLINE)
        if task.done() and not task.cancelled():
            task.exception()
        raise


def _awaitable(value: Any) -> bool:
    return hasattr(value, "__await__")
