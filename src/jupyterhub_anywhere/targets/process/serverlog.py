"""The log file of one server: private, rotated at its start, and its end shown when it fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.scrubbing import scrubbed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROTATE_AT: Final = 10 * 1024 * 1024
# Bytes at which the log of a server that runs on and on is cut.
CUT_AT: Final = 2 * ROTATE_AT
_TAIL_BYTES: Final = 16 * 1024
_LINE_LENGTH: Final = 400


def open_log(path: Path) -> int:
    """Open a log file to append to, for the hub's account alone.

    One older file is kept, as ``NAME.1``, once the file has grown over 10 MiB.

    Returns:
        A descriptor that the caller closes.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_AT:
        path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def size(path: Path) -> int:
    """Bytes in the file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(path: Path, *, since: int = 0, lines: int = 10, secrets: Iterable[str] = ()) -> list[str]:
    """The last lines of a log, without the secrets in it.

    Args:
        path: The file.
        since: Where this start began, in bytes: older lines are another server's.
        lines: How many at most.
        secrets: What is known to be secret, beside what looks so.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            begin = file.seek(max(since, end - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    if begin > since:
        # The rest of a line may hold the rest of a secret.
        text = text.partition("\n")[2]
    found = [line for line in scrubbed(text, secrets).splitlines() if line.strip()]
    return [line.rstrip()[:_LINE_LENGTH] for line in found[-lines:]]
