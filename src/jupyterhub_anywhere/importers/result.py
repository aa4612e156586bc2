"""What an import gives: a configuration, and a list of what it could not carry over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not carried over as it was.

    Attributes:
        what: The object, as ``profile scipy: mem_limit``.
        why: The cause.
        step: What to do about it; may be empty.
    """

    what: str
    why: str
    step: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.why} {self.step}".rstrip()


@dataclass(slots=True)
class Imported:
    """The new configuration, while it is made.

    Attributes:
        data: The content of ``anywhere.yaml``, plain.
        left: What could not be carried over.
        told: What is carried over and works differently, or has to be known.
        sources: The path of a value to where it was set, as ``LibcloudSpawner.machine_net``.
    """

    data: dict[str, Any] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sources: dict[tuple[str, ...], str] = field(default_factory=dict)

    def leave(self, what: str, why: str, step: str = "") -> None:
        """Write down what is not carried over, once."""
        entry = Left(what, why, step)
        if entry not in self.left:
            self.left.append(entry)
