"""What ``anywhere doctor`` has to tell."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``anywhere doctor`` looked at.

    Attributes:
        level: Ok, warning or error.
        subject: What was looked at, as ``target here: memory limits``.
        message: What was found.
        cure: What to do about it; empty where nothing has to be done.
    """

    level: Level
    subject: str
    message: str
    cure: str = ""
