"""How far the start of a server on a machine is: steps that have happened, and no others."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class Step(enum.StrEnum):
    """How far it is."""

    ASKED = "asked"
    BUILDING = "building"
    WAKING = "waking"
    BUILT = "built"
    BOOTED = "booted"
    CONFIGURED = "configured"
    REDEEMED = "redeemed"
    INSTALLING = "installing"
    STARTING = "starting"
    LISTENING = "listening"


# What the user reads, and how much of the progress bar it is.
_TOLD: Final[Mapping[Step, tuple[str, int]]] = {
    Step.ASKED: ("Asking for a machine", 12),
    Step.BUILDING: ("The cloud is building the machine", 20),
    Step.WAKING: ("Your machine is being started again", 20),
    Step.BUILT: ("The machine is there, and boots", 40),
    Step.BOOTED: ("The machine has booted", 55),
    Step.CONFIGURED: ("The machine is set up", 60),
    Step.REDEEMED: ("The machine has fetched what its server needs", 65),
    Step.INSTALLING: ("Jupyter is being installed on the machine", 70),
    Step.STARTING: ("Jupyter is being started on the machine", 80),
    Step.LISTENING: ("Jupyter listens on the machine", 88),
}
# The agent's stages that are steps.
OF_STAGE: Final[Mapping[str, Step]] = {
    each.value: each
    for each in (
        Step.BOOTED,
        Step.CONFIGURED,
        Step.REDEEMED,
        Step.INSTALLING,
        Step.STARTING,
        Step.LISTENING,
    )
}


class News:
    """The steps of one start, told to everybody who looks."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self.step: Step | None = None
        self.ended = False

    def enter(self, step: Step, detail: str = "") -> None:
        """Tell a step; a detail that is new is told as well, and what comes late is not.

        The cloud's word and the machine's own do not come in order.

        Args:
            step: What has happened, or goes on.
            detail: The words of the cloud or the machine; plain text.
        """
        order = list(Step)
        if self.step is not None and order.index(step) < order.index(self.step):
            return
        text, share = _TOLD[step]
        event = {
            "progress": share,
            "message": f"{text} ({detail})" if detail else text,
            "machine": str(step),
        }
        if not self._told or self._told[-1] != event:
            self.step = step
            self._told.append(event)
            self._tell()

    def end(self) -> None:
        """Nothing follows."""
        self.ended = True
        self._tell()

    @property
    def words(self) -> str:
        """The last thing that was told; empty before the first."""
        return str(self._told[-1]["message"]) if self._told else ""

    def _tell(self) -> None:
        # Everybody who waits holds the event of before.
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Every step so far, and those that come, until the end."""
        number = 0
        while True:
            changed = self._changed
            while number < len(self._told):
                yield self._told[number]
                number += 1
            if changed is self._changed:
                if self.ended:
                    return
                await changed.wait()
