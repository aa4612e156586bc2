"""The three answers to "is it running?".

``GONE`` needs proof: a successful answer that says so. Whatever could not be asked is ``UNKNOWN``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Phase(enum.StrEnum):
    """What is known of one resource."""

    RUNNING = "running"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer about one resource.

    Attributes:
        phase: Running, gone or unknown.
        detail: Why, for an administrator; no secrets.
        exit_code: The program's exit status where it is gone and the status is known.
    """

    phase: Phase
    detail: str = ""
    exit_code: int | None = None
