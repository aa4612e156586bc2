"""Small files of the state folder: written whole or not at all, readable by the hub only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_json", "write_json", "write_private"]


def write_json(path: Path, data: Any) -> None:
    """Write plain data as `write_private` does."""
    write_private(path, json.dumps(data, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that `write_json` wrote; an empty one where there is none or it is broken.

    Nothing that is read this way may be the only copy of something that cannot be made again.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
