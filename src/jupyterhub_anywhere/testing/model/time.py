"""An event loop whose time passes when nothing else is to be done, and a clock that it drives."""
# ruff: noqa: SLF001 - a loop is made of another one's insides

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from heapq import heappop
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGIN: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class _Selector:
    """In place of waiting for a socket, time goes on."""

    def __init__(self) -> None:
        self.time = 0.0

    def select(self, timeout: float | None) -> Sequence[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for something that nobody will do")
        self.time += timeout
        return ()


class VirtualLoop(asyncio.BaseEventLoop):
    """Without sockets, threads or waiting. `close` it at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()
        # A timer is due at its very moment.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._selector.time

    def _run_once(self) -> None:
        """As `BaseEventLoop`'s, without what only sockets need: most of a model's time is here."""
        loop: Any = self
        ready, timers = loop._ready, loop._scheduled
        while timers and timers[0]._cancelled:
            loop._timer_cancelled_count -= 1
            heappop(timers)._scheduled = False
        if not ready:
            self._selector.select(timers[0]._when - self._selector.time if timers else None)
        while timers and timers[0]._when <= self._selector.time:
            timer = heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        self.run_until_complete(asyncio.sleep(seconds))


class VirtualClock:
    """The clock of a virtual loop; `jump` sets the time of day.

    Args:
        loop: The loop.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._offset = timedelta()

    def now(self) -> datetime:
        """The time of day."""
        return _BEGIN + self._offset + timedelta(seconds=self._loop.time())

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._loop.time()

    def jump(self, seconds: float) -> None:
        """Somebody sets the time of day forward, or back."""
        self._offset += timedelta(seconds=seconds)
