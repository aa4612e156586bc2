"""Threads for calls that block, which never keep the hub from ending.

The threads of `concurrent.futures.ThreadPoolExecutor` are joined when the interpreter ends: a pull
of an hour would hold the hub for an hour. These are daemons.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds after which a thread with nothing to do ends, and with it its connection.
IDLE_SECONDS: Final = 60.0

_Job = tuple["Future[Any]", "Callable[[], Any]"]


class Workers(Executor):
    """A bounded pool of daemon threads, made as they are needed.

    Args:
        most: Threads at a time.
        name: Begins the threads' names.
        idle: Seconds after which a thread with nothing to do ends.
    """

    def __init__(self, most: int, name: str, *, idle: float = IDLE_SECONDS) -> None:
        self._most, self._name, self._idle = most, name, idle
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._free = 0
        self._made = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call in a thread, as soon as one is free."""
        future: Future[Any] = Future()
        with self._lock:
            self._jobs.put((future, lambda: fn(*args, **kwargs)))
            # Counted here and not by the thread, which may come late to its job.
            if self._free > 0:
                self._free -= 1
            elif self._threads < self._most:
                self._threads += 1
                self._made += 1
                name = f"{self._name}-{self._made}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def _work(self) -> None:
        while (job := self._next()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 - it is the caller's
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del job, future, call

    def _next(self) -> _Job | None:
        """The next job; None where this thread is to end."""
        with self._lock:
            with contextlib.suppress(queue.Empty):
                return self._jobs.get_nowait()
            self._free += 1
        with contextlib.suppress(queue.Empty):
            return self._jobs.get(timeout=self._idle)
        with self._lock:
            # A job may have come, counted for this thread, between the wait and the lock.
            with contextlib.suppress(queue.Empty):
                return self._jobs.get_nowait()
            self._free = max(self._free - 1, 0)
            self._threads -= 1
        return None
