"""What people call the type of a value, and how they write it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """Stands in the annotation of a type.

    Attributes:
        noun: The type in the reference, as ``memory``.
        allowed: What may be written, as one sentence; the hint of an error.
    """

    noun: str
    allowed: str
