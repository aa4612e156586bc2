"""Homes in the state folder, made and removed so that nobody's link leads us astray.

The folder of homes belongs to the hub's account, so only the leaf can be a user's trap.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Users pass through to their own home, and cannot list the others'.
FOLDER_MODE = 0o711


def ensure_home(home: Path, uid: int, gid: int) -> None:
    """Make a home, or prove that the one that is there is the user's own.

    Args:
        home: The home; its parent is the folder of homes, and is made as well.
        uid: Its owner.
        gid: Its group.

    Raises:
        TargetError: It cannot be made, or somebody else's file or folder is there.
    """
    try:
        _ensure_folder(home.parent)
        with _opened(home.parent) as folder:
            found = _owner(home.name, folder)
            if found is None:
                _make(home.name, folder, uid, gid)
                found = uid
    except OSError as error:
        raise TargetError(
            f"The home {home} cannot be made: {error.strerror or error}.",
            hint="Look at the folder's owner and free space.",
        ) from error
    if found != uid:
        raise TargetError(
            f"The home {home} belongs to uid {found} and not to uid {uid}.",
            hint="Its files may be another user's: look at them, then give or move them.",
        )


def delete_home(home: Path, uid: int) -> bool:
    """Remove a home with all that is in it, following no link.

    Args:
        home: The home in the folder of homes.
        uid: Whose it has to be.

    Returns:
        Whether there was one.

    Raises:
        TargetError: It is somebody else's, or could not be removed.
    """
    doomed = f".deleted-{secrets.token_hex(8)}"
    try:
        with _opened(home.parent) as folder:
            found = _owner(home.name, folder)
            if found is None:
                return False
            if found != uid:
                raise TargetError(
                    f"The home {home} belongs to uid {found} and not to uid {uid}; it is kept."
                )
            # Out of the user's reach by name first, then away.
            os.rename(home.name, doomed, src_dir_fd=folder, dst_dir_fd=folder)
            shutil.rmtree(doomed, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TargetError(
            f"The home {home} could not be removed: {error.strerror or error}.",
            hint=f"What is left is {home.parent / doomed}.",
        ) from error
    return True


def _ensure_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE)
        folder.chmod(FOLDER_MODE)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The folder of homes as a descriptor; it has to be the hub's own."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        info = os.fstat(descriptor)
        if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise TargetError(
                f"The folder of homes, {folder}, may be written by others than the hub's account.",
                hint=f"Run `chown {os.geteuid()} {folder} && chmod 711 {folder}`.",
            )
        yield descriptor
    finally:
        os.close(descriptor)


def _owner(name: str, folder: int) -> int | None:
    """Who owns a home; None where there is none.

    Raises:
        TargetError: What is there is no folder.
    """
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(info.st_mode):
        raise TargetError(f"{name!r} in the folder of homes is a link or a file, and no home.")
    return info.st_uid


def _make(name: str, folder: int, uid: int, gid: int) -> None:
    """Make a home under another name first: it is there whole, or not at all."""
    new = f".new-{secrets.token_hex(8)}"
    os.mkdir(new, 0o700, dir_fd=folder)
    try:
        if uid != os.geteuid():
            os.chown(new, uid, gid, dir_fd=folder, follow_symlinks=False)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(new, dir_fd=folder)
        raise
