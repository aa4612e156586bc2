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
        at_end: Called in each thread before it ends.
    """

    def __init__(
        self,
        most: int,
        name: str,
        *,
        idle: float = IDLE_SECONDS,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._most, self._name, self._idle, self._at_end = most, name, idle, at_end
        # None asks a thread to end.
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        # Threads that wait; may be counted too low, never too high.
        self._free = 0
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call in a thread, as soon as one is free.

        Raises:
            RuntimeError: The pool is closed.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the threads {self._name} are closed")
            self._jobs.put((future, lambda: fn(*args, **kwargs)))
            # Counted here and not by the thread, which may come late to its job.
            if self._free > 0:
                self._free -= 1
            elif len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.add(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        """Take no more calls, and end the threads once what they do is done.

        Args:
            wait: Return when all have ended.
            cancel_futures: Give up what has not begun.
        """
        with self._lock:
            self._closed = True
            threads = list(self._threads)
            if cancel_futures:
                self._give_up()
            for _ in threads:
                self._jobs.put(None)
        for thread in threads if wait else ():
            thread.join()

    def _give_up(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job[0].cancel()

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                future, call = job
                if future.set_running_or_notify_cancel():
                    try:
                        result = call()
                    except BaseException as error:  # noqa: BLE001 - it is the caller's
                        future.set_exception(error)
                    else:
                        future.set_result(result)
                        del result
                # Nothing of a call may live on while this thread waits for the next.
                del job, future, call
        finally:
            self._at_end()

    def _next(self) -> _Job | None:
        """The next job; None where this thread is to end."""
        with self._lock:
            with contextlib.suppress(queue.Empty):
                return self._taken(self._jobs.get_nowait())
            self._free += 1
        with contextlib.suppress(queue.Empty):
            job = self._jobs.get(timeout=self._idle)
            with self._lock:
                return self._taken(job)
        with self._lock:
            # A job may have come, counted for this thread, between the wait and the lock.
            with contextlib.suppress(queue.Empty):
                return self._taken(self._jobs.get_nowait())
            self._free = max(self._free - 1, 0)
            return self._taken(None)

    def _taken(self, job: _Job | None) -> _Job | None:
        if job is None:
            self._threads.discard(threading.current_thread())
        return job
