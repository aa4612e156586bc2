"""Small files in the state folder for what `anywhere doctor` is to tell of a hub that runs.

A journal has one entry for each kind of event, not one for each event: it says how often, and when
last. It is a memory aid; losing it loses nothing else.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

MOST: Final = 50
# Seconds. What has not happened for a week is of no interest to a doctor.
FRESH: Final = 7 * 24 * 3600.0


class Journal:
    """One file; written from any thread.

    Args:
        path: The file. Where its folder does not exist, nothing is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def note(self, key: str, *, again: bool = True, **facts: Any) -> None:
        """Write an event down; a file that cannot be written is logged.

        Args:
            key: What makes two events the same.
            again: Count it as one more event; False brings the facts of the last one up to date.
            facts: Plain JSON, without secrets.
        """
        if not self._path.parent.is_dir():
            return
        with self._lock:
            entries = self._read()
            old = entries.pop(key, {})
            times = old.get("times", 0) + (1 if again or not old else 0)
            entries[key] = {**old, **facts, "times": times, "last": time.time()}
            self._write(dict(list(entries.items())[-MOST:]))

    def forget(self, key: str) -> None:
        """Take an event out, where it is there."""
        with self._lock:
            entries = self._read()
            if entries.pop(key, None) is not None:
                self._write(entries)

    def entries(self) -> list[dict[str, Any]]:
        """What happened lately, the newest last; empty where nothing can be read."""
        oldest = time.time() - FRESH
        return [each for each in self._read().values() if each["last"] >= oldest]

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {key: each for key, each in data.items() if _is_entry(each)}

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        try:
            self._replace(entries)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)

    def _replace(self, entries: dict[str, dict[str, Any]]) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}-", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(entries, stream, indent=1)
            Path(name).replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


def _is_entry(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("last"), int | float)
        and isinstance(value.get("times"), int)
    )
