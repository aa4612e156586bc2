"""Log files that other processes append to, kept from filling the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cut_log(log: Path, limit: int) -> bool:
    """Empty a log that has grown over a limit; its later half is kept as ``NAME.1``.

    The writer holds the file open to append, so it is copied and cut, not moved. What is written
    between the two is lost. A failure is no error: a log must not end what is logged.

    Args:
        log: The file.
        limit: In bytes.

    Returns:
        Whether it was emptied.
    """
    try:
        if log.stat().st_size <= limit:
            return False
        old = log.with_name(log.name + ".1")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(old, flags, 0o600), "wb") as copy, log.open("rb") as whole:
            whole.seek(-limit // 2, os.SEEK_END)
            copy.write(whole.read(limit))
    except OSError:
        # No room for a copy, most likely: the log goes all the same.
        pass
    try:
        os.truncate(log, 0)
    except OSError:
        return False
    return True
