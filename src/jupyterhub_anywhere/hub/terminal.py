"""Letting go of the terminal: what the hub starts must never hold it.

A proxy that outlives its terminal writes into the void, spins and grows by gigabytes. So the
standard descriptors of this process, which every child inherits, are pointed at a file, and this
process keeps the terminal for itself.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def has_terminal() -> bool:
    """Whether somebody sits in front: any standard stream is a terminal."""
    return any(os.isatty(number) for number in (0, 1, 2))


def keep_terminal_private(log: Path) -> None:
    """Point the descriptors 0, 1 and 2 elsewhere; ``sys.stdin`` and its kin go on.

    Args:
        log: The file that takes what children, and libraries below Python, write.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = getattr(sys, name)
        if mode == "w":
            stream.flush()
        # Copies are closed in children by themselves; line by line, since somebody watches.
        copy = os.fdopen(
            os.dup(number), mode, buffering=1, encoding=stream.encoding, errors=stream.errors
        )
        setattr(sys, name, copy)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    os.close(null)
