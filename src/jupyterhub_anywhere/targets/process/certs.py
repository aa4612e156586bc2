"""Certificates of ``internal_ssl``, placed where the server's user can read them and nobody else.

Not in the user's home, as JupyterHub does it: root would write where the user may plant links.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def place(paths: Mapping[str, str], folder: Path, uid: int, gid: int) -> dict[str, str]:
    """Copy certificate files into a folder of the user's, made anew.

    Args:
        paths: What each file is for, and where it is now.
        folder: The new folder; its parent belongs to root, and is made.
        uid: Whose they become.
        gid: Their group.

    Returns:
        What each file is for, and where it is then.

    Raises:
        OSError: A file cannot be read or written.
    """
    folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.parent.chmod(0o711)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    placed = {}
    for use, source in paths.items():
        target = folder / Path(source).name
        shutil.copyfile(source, target)
        target.chmod(0o400)
        os.chown(target, uid, gid)
        placed[use] = str(target)
    os.chown(folder, uid, gid)
    return placed
