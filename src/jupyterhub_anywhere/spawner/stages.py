"""How far a start is: stages, told as they happen, and told again to whoever looks later.

An event of a stage is a dictionary, as all of JupyterHub's are, and stands beside those of the
child spawner. Pages and programs know it by its key ``stage``::

    {"stage": "queued", "message": "…", "progress": 0, "after": 0.1, "elapsed": 3.0, "total": 3.1,
     "usual": 14.0, "position": 2, "waiting": 7}

``after`` says when the stage began, ``elapsed`` how long it has taken so far, ``total`` how long
the whole start has, all in seconds; ``usual`` is what such starts usually take once they have their
turn. Only stages that are known to have a percentage have ``percent``.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.spawner.line import Place


class Stage(enum.StrEnum):
    """How far a start is."""

    QUEUED = "queued"
    PREPARING = "preparing"
    PULLING = "pulling"
    STARTING = "starting"
    WAITING = "waiting"
    READY = "ready"


# What the user reads. A pull is told by the target, with its percentage.
TEXTS: Final[Mapping[Stage, str]] = {
    Stage.QUEUED: "Waiting for its turn",
    Stage.PREPARING: "Preparing",
    Stage.PULLING: "Pulling the image",
    Stage.STARTING: "Starting the server",
    Stage.WAITING: "Waiting for Jupyter to answer",
    Stage.READY: "Ready",
}
# Of the progress bar, in per cent. A child's own events go on from there.
_PROGRESS: Final[Mapping[Stage, int]] = {
    Stage.QUEUED: 0,
    Stage.PREPARING: 2,
    Stage.PULLING: 5,
    Stage.STARTING: 10,
    Stage.WAITING: 90,
    Stage.READY: 100,
}


@dataclass(frozen=True, slots=True)
class _Step:
    stage: Stage
    at: float
    more: Mapping[str, Any]


class Story:
    """The stages of one start; belongs to one event loop.

    Args:
        clock: Gives the elapsed times.
        usual: Seconds that starts of this profile at this target usually take; None where none is
            known.
    """

    def __init__(self, clock: Clock, usual: float | None = None) -> None:
        self._clock = clock
        self._usual = usual
        self._began = clock.elapsed()
        self._steps: list[_Step] = []
        self._news = asyncio.Event()
        self.ended = False

    @property
    def stage(self) -> Stage | None:
        """The present stage; None before the first."""
        return self._steps[-1].stage if self._steps else None

    @property
    def elapsed(self) -> float:
        """Seconds since the start was asked for."""
        return self._clock.elapsed() - self._began

    def enter(self, stage: Stage, **more: Any) -> None:
        """Enter a stage, or tell something new of the present one, which replaces what was told.

        Args:
            stage: The stage.
            more: Further keys of its event; `message` replaces its text.
        """
        if self.ended:
            return
        if self._steps and self._steps[-1].stage is stage:
            step = _Step(stage, self._steps[-1].at, more)
            self._steps[-1] = step
        else:
            self._steps.append(_Step(stage, self._clock.elapsed(), more))
        self._tell()

    def queued(self, place: Place) -> None:
        """Enter the line, or another place in it."""
        text = f"{TEXTS[Stage.QUEUED]}: number {place.number} of {place.length} in line"
        self.enter(Stage.QUEUED, message=text, position=place.number, waiting=place.length)

    def end(self) -> None:
        """Nothing follows; whoever looks on is told no more."""
        self.ended = True
        self._tell()

    async def begun(self) -> None:
        """Wait until the start has its turn, or is over."""
        while not self.ended and self.stage in {None, Stage.QUEUED}:
            await self._news.wait()

    def _tell(self) -> None:
        # Everybody who waits holds the event of before.
        self._news.set()
        self._news = asyncio.Event()

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Every stage so far in its latest words, then the next ones, until the end."""
        told: list[_Step | None] = []
        while True:
            news, number = self._news, 0
            while number < len(self._steps):
                told += [None] * (number + 1 - len(told))
                if told[number] is not self._steps[number]:
                    told[number] = self._steps[number]
                    yield self._event(number)
                number += 1
            if news is self._news:
                if self.ended:
                    return
                await news.wait()

    def _event(self, number: int) -> dict[str, Any]:
        step, now = self._steps[number], self._clock.elapsed()
        later = self._steps[number + 1 :]
        return self._told(step, until=later[0].at if later else now)

    def _told(self, step: _Step, *, until: float) -> dict[str, Any]:
        event: dict[str, Any] = {
            "stage": str(step.stage),
            "progress": _PROGRESS[step.stage],
            "message": TEXTS[step.stage],
            "after": _rounded(step.at - self._began),
            "elapsed": _rounded(until - step.at),
            "total": _rounded(self.elapsed),
            **step.more,
        }
        if self._usual is not None:
            event["usual"] = _rounded(self._usual)
        return event

    @property
    def latest(self) -> dict[str, Any] | None:
        """The event of the present stage; None before the first. For pages without a script."""
        return self._event(len(self._steps) - 1) if self._steps else None

    def ready_event(self) -> dict[str, Any]:
        """The event of a server that is ready, for whoever tells that."""
        now = self._clock.elapsed()
        return self._told(_Step(Stage.READY, now, {}), until=now)


def _rounded(seconds: float) -> float:
    return round(max(seconds, 0.0), 1)
