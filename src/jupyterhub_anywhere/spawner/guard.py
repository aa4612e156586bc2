"""Calls into a child that may raise, end the program, or never return.

A child that blocks the thread cannot be contained here; `watchdog` names it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

log = logging.getLogger(__name__)

# Seconds that a cancelled start may take to leave: the hub looks after one (base.py, 1 s sleep).
CANCEL_DEADLINE: Final = 0.8


class ChildExitError(RuntimeError):
    """A child has raised what would end the hub, as ``SystemExit``, or cancelled itself."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that raised or did not return.

    Attributes:
        reason: Type and text of the error, or the deadline; for the log.
        task: The call, where it goes on although nobody waits for it any more.
    """

    reason: str
    task: asyncio.Task[Any] | None = field(default=None, compare=False)

    @property
    def goes_on(self) -> bool:
        """Whether the call has still not returned."""
        return self.task is not None and not self.task.done()


@contextmanager
def contained() -> Iterator[None]:
    """Turn what would end the hub into an ordinary error.

    asyncio lets ``SystemExit`` out of any task and through its loop. systemdspawner raises it.

    Raises:
        ChildExitError: In place of it.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ChildExitError(f"{type(error).__name__}: {error}") from error


async def answer(value: Any) -> Any:
    """Await what can be awaited; in place of JupyterHub's ``maybe_future``, which makes a task.

    asyncio itself lets ``SystemExit`` out of a task and ends the loop, whoever waits for the task.

    Raises:
        Exception: As raised; `ChildExitError` in place of what would end the hub.
    """
    with contained():
        if isinstance(value, concurrent.futures.Future):
            return await asyncio.wrap_future(value)
        return await value if hasattr(value, "__await__") else value


async def bounded(
    call: Callable[[], Awaitable[Any] | Any], deadline: float, what: str, *, cancel: bool = True
) -> Any | Failed:
    """Call and await, and turn every failure into a value.

    The call runs in a task of its own: one that swallows its cancellation is left behind.

    Args:
        call: Makes the call; may return a plain value.
        deadline: Seconds after which nobody waits for it any more.
        what: Names the call in the log, as ``lab: DockerSpawner.poll``.
        cancel: Whether it is cancelled then; False lets it go on.
    """
    result = guarded(call, what)
    if not hasattr(result, "__await__") and not isinstance(result, concurrent.futures.Future):
        return result
    task = asyncio.ensure_future(answer(result))
    try:
        done, _ = await asyncio.wait({task}, timeout=deadline)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return guarded(task.result, what)
    if cancel:
        task.cancel()
    task.add_done_callback(_forget)
    reason = f"no answer in {deadline:g} s"
    log.warning("%s: %s", what, reason)
    return Failed(reason, task)


def guarded(call: Callable[[], Any], what: str) -> Any | Failed:
    """Call without awaiting, and turn every failure into a value."""
    try:
        with contained():
            return call()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("%s: %s", what, reason, exc_info=True)
        return Failed(reason)
    except asyncio.CancelledError:
        # No await here, so nobody has cancelled us: the child has done that to itself.
        log.warning("%s: cancelled by itself", what)
        return Failed("cancelled by itself")


async def cancellable(
    value: Awaitable[Any] | Any, goes_on: Callable[[asyncio.Task[Any]], None] | None = None
) -> Any:
    """Await what can be awaited, and return within `CANCEL_DEADLINE` when cancelled.

    JupyterHub gives a cancelled start one second. What takes longer goes on in the background, so
    that the hub's own clean-up is not refused as "still pending".

    Args:
        value: What to await.
        goes_on: Told of what has been cancelled and takes longer.

    Raises:
        ChildExitError: It ended by what would end the hub, or was cancelled by itself.
    """
    task = asyncio.ensure_future(answer(value))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as error:
        if task.cancelled():
            current = asyncio.current_task()
            if current is None or not current.cancelling():
                raise ChildExitError("cancelled by itself") from error
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_DEADLINE)
        task.add_done_callback(_forget)
        if goes_on is not None and not task.done():
            goes_on(task)
        raise


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at the end of a task that nobody waits for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
