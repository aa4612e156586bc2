"""Several hubs side by side at one engine, each with a proxy and users of its own.

A cycle mostly waits: for a deadline, for a container, for a list. So a few of them go on at once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from tests.hub.kill_lanes import zygote

from jupyterhub_anywhere.testing.faults.control import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.engines.faults.docker_subject import DockerSubject

    from engines.docker.engine import DockerEngine
    from jupyterhub_anywhere.testing.faults.control import Control
    from jupyterhub_anywhere.testing.faults.run import Outcome
    from jupyterhub_anywhere.testing.faults.zygote import Zygote


class Lane:
    """One hub that runs, and the proxy between it and its engine.

    Attributes:
        subject: The hub.
        control: The proxy.
    """

    def __init__(self, subject: DockerSubject, control: Control) -> None:
        self.subject, self.control = subject, control


class Lanes:
    """Hubs that do cycles side by side; a context manager, which ends them all.

    Args:
        engine: Where all of them have their servers.
        folder: A folder for sockets; its path has to be short.
        make: Makes a hub that has not been started, out of the proxy before its engine and the
            process that hubs are forked from.
        number: How many.
    """

    def __init__(
        self,
        engine: DockerEngine,
        folder: Path,
        make: Callable[[Control, Zygote], DockerSubject],
        number: int,
    ) -> None:
        self._engine, self._folder, self._make, self._number = engine, folder, make, number
        self._stack = ExitStack()
        self._free: SimpleQueue[Lane] = SimpleQueue()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            lanes = []
            self._folder.mkdir(parents=True, exist_ok=True)
            warm = stack.enter_context(zygote(self._folder))
            for number in range(self._number):
                folder = self._folder / str(number)
                folder.mkdir(exist_ok=True)
                control = stack.enter_context(fault_proxy(self._engine.socket, folder))
                subject = self._make(control, warm)
                stack.callback(subject.close)
                # First, so that a hub can take leave of its engine.
                stack.callback(control.rules)
                lanes.append(Lane(subject, control))
            pool = stack.enter_context(ThreadPoolExecutor(self._number))
            for _ in pool.map(lambda lane: lane.subject.boot(), lanes):
                pass
            for lane in lanes:
                self._free.put(lane)
            self._pool = pool
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, cycles: Sequence[Callable[[Lane], Outcome]]) -> list[Outcome]:
        """Do cycles, as many at once as there are hubs; the outcomes in the order of the cycles.

        Raises:
            Exception: A cycle could not be done; all others have come to their end.
        """

        def one(cycle: Callable[[Lane], Outcome]) -> Outcome:
            lane = self._free.get()
            try:
                if lane.subject.ended():
                    # An earlier cycle could not be done to its end.
                    lane.subject.boot()
                return cycle(lane)
            finally:
                self._free.put(lane)

        futures = [self._pool.submit(one, cycle) for cycle in cycles]
        wait(futures)
        return [each.result() for each in futures]
