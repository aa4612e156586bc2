"""Many places, several hubs: each hub is a lane, and all lanes drain one list."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jupyterhub_anywhere.testing.faults.run import Doing, Outcome, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """One place.

    Attributes:
        doing: What the hub does.
        place: Where it dies of it.
        trouble: What it has to set right, for `Doing.RECONCILE`.
    """

    doing: Doing
    place: str
    trouble: Trouble = Trouble.NONE


class Lane(Protocol):
    """One hub that is killed again and again: `run.Kills`."""

    def cycle(self, doing: Doing, place: str, trouble: Trouble = Trouble.NONE) -> Outcome:
        """Die at a place, come back, and be judged."""


def drain(
    cases: Iterable[Case], lanes: Sequence[Lane], done: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Die at every place, in as many hubs at once as there are lanes.

    Args:
        cases: The places.
        lanes: The hubs. Each is used by one thread.
        done: Told each outcome as it comes, one at a time.

    Returns:
        One outcome a case, in the order of the cases.

    Raises:
        Exception: What a lane has raised; the others end after the case that they are at.
    """
    waiting: queue.SimpleQueue[tuple[int, Case]] = queue.SimpleQueue()
    for each in enumerate(cases):
        waiting.put(each)
    found: dict[int, Outcome] = {}
    errors: list[Exception] = []
    one = threading.Lock()

    def work(lane: Lane) -> None:
        while not errors:
            try:
                number, case = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                found[number] = lane.cycle(case.doing, case.place, case.trouble)
                if done is not None:
                    with one:
                        done(found[number])
            except Exception as error:  # noqa: BLE001 - told by the thread that waits for all
                error.add_note(f"while a hub died at {case}")
                errors.append(error)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[number] for number in sorted(found)]
