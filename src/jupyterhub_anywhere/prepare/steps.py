"""The words of a plan: what is done about each thing that is wanted."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyterhub_anywhere.prepare.things import PrepareError

if TYPE_CHECKING:
    from jupyterhub_anywhere.prepare.limits import Flavor
    from jupyterhub_anywhere.prepare.things import Kind, Thing
    from jupyterhub_anywhere.prepare.wants import Want


class Do(enum.StrEnum):
    """What is done, as it is shown in front of a line."""

    MAKE = "+"
    KEEP = "="
    REPLACE = "~"
    TRY = "?"
    NOTE = "!"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan.

    Attributes:
        do: What is done.
        key: Which thing it is about.
        kind: What that is.
        name: Its name.
        detail: What is special of it.
        why: What it is for, or why it is so.
        want: What is made; None where nothing is.
        thing: What is there; None where nothing is.
        ours: Whether what is there was made by this preparation, so that undoing removes it.
    """

    do: Do
    key: str
    kind: Kind
    name: str
    detail: str = ""
    why: str = ""
    want: Want | None = None
    thing: Thing | None = None
    ours: bool = False

    @property
    def changes(self) -> bool:
        """Whether applying it does something."""
        return self.do not in {Do.KEEP, Do.NOTE}


@dataclass(slots=True)
class Plan:
    """What is done, what is in the way, and what was chosen.

    Attributes:
        steps: In order.
        problems: What has to be settled first, each with its cure.
        notes: What should be known.
        flavors: What users may choose, the smallest first.
        hub_flavor: The flavor of the hub's machine.
        trial_flavor: That of the machine that tests or makes an image.
        external: The external network; None where none is needed.
    """

    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    flavors: list[Flavor] = field(default_factory=list)
    hub_flavor: Flavor | None = None
    trial_flavor: Flavor | None = None
    external: Thing | None = None

    @property
    def changes(self) -> list[Step]:
        """The steps that do something."""
        return [step for step in self.steps if step.changes]

    def check(self) -> None:
        """See that nothing is in the way.

        Raises:
            PrepareError: Something is; the message has all of it.
        """
        if not self.problems:
            return
        count = len(self.problems)
        raise PrepareError(
            "\n".join(
                [
                    f"Nothing was changed: {count} thing{'s' if count > 1 else ''} in the way.",
                    *(f"  - {line}" for line in self.problems),
                ]
            )
        )
