"""The state folder on disk: made with the right modes, checked, and locked by one hub at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import re
import secrets
import stat
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.core.state import STATE_VERSION, StatePaths
from jupyterhub_anywhere.hub.files import read_json, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ELSEWHERE: Final = "Name another folder with --state DIR."
_HUB_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{3,39}")
_COOKIE_SECRET: Final = re.compile(r"[0-9a-f]{64}")


def open_state(root: Path) -> StatePaths:
    """Make the state folder, or check the one that is there.

    As root its root and ``homes/`` may be passed through by every account, since servers reach
    their homes there; all else is the hub's alone.

    Raises:
        StateError: It cannot be written, is of a newer version, or belongs to somebody else.
    """
    # The folder itself may be a link to a larger disk; what is inside may not be one.
    paths = StatePaths(root.expanduser().absolute().resolve())
    as_root = os.geteuid() == 0
    with _told(paths.root):
        _parents(paths.root.parent)
        _folder(paths.root, 0o711 if as_root else 0o700)
        _check_version(paths)
        _folder(paths.hub, 0o700)
        _folder(paths.logs, 0o700)
        if as_root:
            _folder(paths.homes, 0o711)
        # A full or read-only disk shows itself here and not in the middle of a start.
        with tempfile.TemporaryFile(dir=paths.hub) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
        if not paths.version.exists():
            write_private(paths.version, f"{STATE_VERSION}\n")
            paths.version.chmod(0o644)
    return paths


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """Turn what the system says into a `StateError`."""
    try:
        yield
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename is not None else str(place)
        reason = (error.strerror or str(error)).lower()
        hint = _ELSEWHERE
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            hint = "Free some space there, or name another folder with --state DIR."
        raise StateError(
            f"The state folder {where} cannot be used: {reason}.", hint=hint
        ) from error


def _parents(path: Path) -> None:
    """Make the folders above, open for all whatever the umask: servers' homes lie below."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        each.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _folder(path: Path, mode: int) -> None:
    """Make one folder, or check that the one there is ours, and set its mode."""
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise StateError(f"{path} is no folder.", hint=_ELSEWHERE) from None
        if found.st_uid != os.geteuid():
            raise StateError(
                f"The state folder {path} belongs to {_account(found.st_uid)}, and this runs as"
                f" {_account(os.geteuid())}.",
                hint=f"Run it as that account. {_ELSEWHERE}",
            ) from None
    if stat.S_IMODE(path.lstat().st_mode) != mode:
        path.chmod(mode)


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _check_version(paths: StatePaths) -> None:
    try:
        text = paths.version.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return
    if not text.isdecimal():
        raise StateError(f"{paths.version} does not hold a version.", hint=_ELSEWHERE)
    if int(text) > STATE_VERSION:
        raise StateError(
            f"The state folder {paths.root} was written by a newer version of this program"
            f" (layout {text}, known up to {STATE_VERSION}).",
            hint=f"Install the newer version again. {_ELSEWHERE}",
        )


class StateLock:
    """Held while a hub runs on a state folder; the kernel lets go of it when the process ends.

    Args:
        paths: The state folder; its ``hub/`` exists.

    Raises:
        StateError: On entering: another hub holds it; the text names its process and URL.
    """

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths
        self._descriptor = -1

    def __enter__(self) -> Self:
        with _told(self._paths.lock):
            # Closed on exec, so that no child keeps the lock when the hub is gone.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._paths.lock, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 100).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise self._taken(holder) from None
        with _told(self._paths.lock):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def _taken(self, pid: str) -> StateError:
        up = read_json(self._paths.up)
        process = ProcessId.from_json(up.get("process"))
        running = process is not None and str(process.pid) == pid and process.alive()
        at = f" at {up['url']}" if running and up.get("url") else ""
        return StateError(
            f"Another hub uses the state folder {self._paths.root}: process {pid or '?'}{at}.",
            hint="Stop it with `anywhere down`, or name another folder with --state DIR.",
        )

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def locked(paths: StatePaths) -> bool:
    """Whether a hub holds the lock of a state folder."""
    try:
        with paths.lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def hub_id(paths: StatePaths, configured: str | None) -> str:
    """The hub's id: the configured one, else the one made here at first start.

    Raises:
        StateError: The file with the id is damaged: a new id would disown what runs.
    """
    if configured:
        return configured
    try:
        text = paths.hub_id.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        made = secrets.token_hex(6)
        with _told(paths.hub_id):
            write_private(paths.hub_id, f"{made}\n")
        return made
    if not _HUB_ID.fullmatch(text):
        raise StateError(
            f"{paths.hub_id} does not hold a hub id.",
            hint="Restore it from a backup, or set hub.id to the old one.",
        )
    return text


def cookie_secret(paths: StatePaths) -> bytes:
    """The secret that signs login cookies, 32 bytes; made at first start.

    A damaged file is replaced: people log in once more.
    """
    try:
        text = paths.cookie_secret.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        text = ""
    if not _COOKIE_SECRET.fullmatch(text):
        text = secrets.token_hex(32)
        with _told(paths.cookie_secret):
            write_private(paths.cookie_secret, f"{text}\n")
    return bytes.fromhex(text)
