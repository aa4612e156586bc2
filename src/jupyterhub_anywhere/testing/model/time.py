"""An event loop whose time passes when nothing else is to be done, and a clock that it drives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
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
