"""Other versions of Python that this machine may have."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def python(version: str) -> str | None:
    """A Python of a version, where one is installed or pyenv has it."""
    root = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser())
    found = sorted((root / "versions").glob(f"{version}.*/bin/python3"))
    return str(found[0]) if found else shutil.which(f"python{version}")
