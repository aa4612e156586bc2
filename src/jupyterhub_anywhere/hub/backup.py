"""A copy of the state folder in one file, taken while the hub runs.

The archive is a tar.gz with ``VERSION``, ``hub/``, on demand ``homes/``, and at its end
``manifest.json``: an archive without a manifest was cut off. Databases are copied with SQLite's own
backup, so that each is consistent; what belongs to one run of the hub (lock, socket, process
records, logs) is left out.

`homes/` belongs to users, who may change it while it is read. It is walked with open folders and
without following links: nobody can lead the copy out of it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import STATE_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.core.state import StatePaths

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_SQLITE_HEADER: Final = b"SQLite format 3\0"
_SQLITE_COMPANIONS: Final = ("-wal", "-shm", "-journal")
# A hub that writes all the time makes SQLite start a copy again; it waits in between.
_PAGES_AT_A_TIME: Final = 1000


@dataclass
class Report:
    """What a backup holds and what it does not.

    Attributes:
        file: The archive.
        size: Its size, in bytes.
        files: How many files are in it.
        homes: Whether homes are in it.
        homes_left_out: How many homes are not in it.
        database: Whether the hub's own database is in it; else it is somewhere else.
        skipped: What cannot be kept in an archive: sockets, pipes, devices, unreadable files.
        changed: Files that changed while they were read.
    """

    file: Path
    size: int = 0
    files: int = 0
    homes: bool = False
    homes_left_out: int = 0
    database: bool = False
    skipped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def create(paths: StatePaths, file: Path, *, homes: bool = False, force: bool = False) -> Report:
    """Write a backup of a state folder; it appears whole or not at all, mode 0600.

    Args:
        paths: The state folder; a hub may run on it.
        file: The archive to write.
        homes: Whether to take the users' homes along.
        force: Whether an archive of that name may be replaced.

    Raises:
        StateError: There is no state here, the file exists, or it lies inside the state folder.
        OSError: It cannot be written; the disk may be full.
    """
    _refuse(paths, file, force=force)
    report = Report(file, homes=homes)
    with _draft(file) as draft:
        with tarfile.open(fileobj=draft, mode="w:gz", compresslevel=6) as archive:
            writer = _Writer(archive, report)
            _add_hub(writer, paths, file.parent)
            if homes:
                _add_homes(writer, paths.homes)
            else:
                report.homes_left_out = _count_folders(paths.homes)
            writer.text(MANIFEST, json.dumps(_manifest(paths, writer), indent=1))
        report.size = draft.tell()
    report.files = len(writer.files)
    return report


def _refuse(paths: StatePaths, file: Path, *, force: bool) -> None:
    if paths.hub.is_dir() and not os.access(paths.hub, os.R_OK | os.X_OK):
        raise StateError(
            f"The state folder {paths.root} is another account's.", hint="Run this as that account."
        )
    if not paths.hub.is_dir():
        raise StateError(
            f"There is no state of a hub in {paths.root}.",
            hint="Name the folder with --state DIR.",
        )
    if file.resolve().is_relative_to(paths.root.resolve()):
        raise StateError(
            f"{file} lies inside the state folder {paths.root}.",
            hint="Name a file outside of it, best on another disk.",
        )
    if file.exists() and not force:
        raise StateError(f"{file} is there already.", hint="Name another file, or use --force.")


@contextmanager
def _draft(file: Path) -> Iterator[IO[bytes]]:
    """A new file beside ``file`` that takes its name when all went well, and else is removed."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _manifest(paths: StatePaths, writer: _Writer) -> dict[str, Any]:
    try:
        hub_id = paths.hub_id.read_text(encoding="utf-8").strip()
    except OSError:
        hub_id = ""
    return {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "version": installed("jupyterhub-anywhere"),
        "jupyterhub": installed("jupyterhub"),
        "state_version": STATE_VERSION,
        "hub_id": hub_id,
        "root": str(paths.root),
        "uid": os.geteuid(),
        "homes": writer.report.homes,
        "files": writer.files,
        "changed": writer.report.changed,
    }


def installed(distribution: str) -> str:
    """The version of an installed distribution; empty without one."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _add_hub(writer: _Writer, paths: StatePaths, scratch: Path) -> None:
    """Add what only the hub may read; its folder is private, so links to files are followed."""
    if paths.version.is_file():
        writer.path("VERSION", paths.version)
    writer.folder("hub", paths.hub.stat())
    ephemeral = {paths.up, paths.lock, paths.control}
    databases = []
    for found in _below(paths.hub):
        name = f"hub/{found.relative_to(paths.hub)}"
        if found in ephemeral or found.is_relative_to(paths.logs):
            continue
        if found.is_dir() and not found.is_symlink():
            writer.folder(name, found.stat())
        elif not found.is_file():
            writer.report.skipped.append(name)
        elif _is_database(found):
            databases.append((name, found))
        elif not found.name.endswith(_SQLITE_COMPANIONS):
            writer.path(name, found)
    # The hub's own first: what others note down about its users is then never older.
    for name, found in sorted(databases, key=lambda item: item[1] != paths.database):
        _add_database(writer, name, found, scratch)
        writer.report.database |= found == paths.database


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder, each folder before what is in it.

    Raises:
        OSError: A folder cannot be read: half a hub is no backup.
    """
    for found in sorted(folder.iterdir()):
        yield found
        if found.is_dir() and not found.is_symlink():
            yield from _below(found)


def _is_database(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(len(_SQLITE_HEADER))
    # A database without any table yet is an empty file.
    return head == _SQLITE_HEADER or (not head and path.suffix == ".sqlite")


def _add_database(writer: _Writer, name: str, path: Path, scratch: Path) -> None:
    """Add a consistent copy of a database that may be in use."""
    with tempfile.TemporaryDirectory(prefix=".anywhere-backup-", dir=scratch) as folder:
        copy = Path(folder) / path.name
        try:
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target, pages=_PAGES_AT_A_TIME, sleep=0.05)
                (verdict,) = target.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            if "full" in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(scratch)) from error
            verdict = str(error)
        if verdict != "ok":
            raise StateError(
                f"The database {path} is damaged: {verdict}.",
                hint="Bring back an earlier backup, or repair it with sqlite3's .recover.",
            )
        copy.chmod(path.stat().st_mode & 0o777)
        writer.path(name, copy)


def _add_homes(writer: _Writer, homes: Path) -> None:
    if not homes.is_dir():
        return

    def note(error: OSError) -> None:
        writer.report.skipped.append(os.fsdecode(error.filename or ""))

    for folder, folders, files, handle in os.fwalk(homes, onerror=note, follow_symlinks=False):
        relative = Path(folder).relative_to(homes)
        name = str(Path("homes") / relative)
        writer.folder(name, os.fstat(handle))
        # Folders that are links are listed among the folders, but not walked into.
        entries = [*files, *(entry for entry in folders if _is_link(entry, handle))]
        for entry in sorted(entries):
            _add_entry(writer, f"{name}/{entry}", entry, handle)


def _is_link(entry: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _add_entry(writer: _Writer, name: str, entry: str, folder: int) -> None:
    """Add one file or link of a folder that somebody else may be changing."""
    try:
        status = os.stat(entry, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            writer.link(name, os.readlink(entry, dir_fd=folder), status)
            return
        if not stat.S_ISREG(status.st_mode):
            writer.report.skipped.append(name)
            return
        # It may have become a link or a pipe since: neither is followed or waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(entry, flags, dir_fd=folder)
    except OSError:
        writer.report.skipped.append(name)
        return
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode):
            writer.stream(name, stream, status)
        else:
            writer.report.skipped.append(name)


def _count_folders(folder: Path) -> int:
    try:
        return sum(entry.is_dir() for entry in folder.iterdir())
    except OSError:
        return 0


class _Writer:
    """Adds members to an archive and notes what it added."""

    def __init__(self, archive: tarfile.TarFile, report: Report) -> None:
        self._archive = archive
        self.report = report
        self.files: dict[str, dict[str, Any]] = {}

    def path(self, name: str, path: Path) -> None:
        with path.open("rb") as stream:
            self.stream(name, stream, os.fstat(stream.fileno()))

    def stream(self, name: str, stream: IO[bytes], status: os.stat_result) -> None:
        info = _info(name, status)
        info.size = status.st_size
        reader = _ExactReader(stream, status.st_size)
        self._archive.addfile(info, reader)  # type: ignore[arg-type] # reads, which is all it needs
        self.files[name] = {"size": info.size, "sha256": reader.digest.hexdigest()}
        if reader.short or stream.read(1):
            self.report.changed.append(name)

    def text(self, name: str, text: str) -> None:
        data = text.encode()
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = len(data), 0o600, int(time.time())
        self._archive.addfile(info, io.BytesIO(data))

    def folder(self, name: str, status: os.stat_result) -> None:
        info = _info(name, status)
        info.type = tarfile.DIRTYPE
        self._archive.addfile(info)

    def link(self, name: str, target: str, status: os.stat_result) -> None:
        info = _info(name, status)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._archive.addfile(info)


def _info(name: str, status: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(status.st_mode)
    info.mtime = int(status.st_mtime)
    # Numbers only: a name may mean somebody else on the next machine.
    info.uid, info.gid = status.st_uid, status.st_gid
    return info


class _ExactReader:
    """Reads exactly as many bytes as were promised, although the file may grow or shrink."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size
        self.digest = hashlib.sha256()
        self.short = False

    def read(self, size: int) -> bytes:
        wanted = min(size, self._left)
        data = self._stream.read(wanted)
        if len(data) < wanted:
            self.short = True
            data += bytes(wanted - len(data))
        self._left -= len(data)
        self.digest.update(data)
        return data
