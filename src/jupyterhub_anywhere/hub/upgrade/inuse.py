"""Who has a file open, by the kernel's own word."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def users_of(file: Path) -> list[str]:
    """The other processes that have a file open, as ``PID (NAME)``; in containers too.

    Those of other accounts are seen by root only.
    """
    found = file.stat()
    wanted = (found.st_dev, found.st_ino)
    return [f"{pid} ({_name(pid)})" for pid in _processes() if wanted in _open_files(pid)]


def _processes() -> Iterator[int]:
    with suppress(OSError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                yield int(entry.name)


def _open_files(pid: int) -> set[tuple[int, int]]:
    found = set()
    # It may end meanwhile, or be another account's.
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                status = entry.stat()
                found.add((status.st_dev, status.st_ino))
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
