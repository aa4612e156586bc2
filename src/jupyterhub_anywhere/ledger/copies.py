"""Copies of an SQLite ledger: made before its tables are changed, and put back on demand."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jupyterhub_anywhere.ledger.damage import explained
from jupyterhub_anywhere.ledger.errors import LedgerError

_STAMP: Final = "%Y%m%dT%H%M%S%fZ"
_NAME: Final = re.compile(r"\.(?:v(?P<version>\d+)|(?P<aside>before-restore))-(?P<at>\d{8}T\d+Z)")
_DRAFT: Final = ".ledger-copy-"
_COMPANIONS: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the ledger beside it.

    Attributes:
        file: Where it is.
        version: Of which version its tables are; 0 for one that was set aside by a restore.
        at: When it was made.
        size: In bytes.
    """

    file: Path
    version: int
    at: datetime
    size: int


def make_copy(file: Path, version: int, now: datetime) -> Path:
    """Copy a ledger that may be in use; the copy appears whole or not at all.

    Args:
        file: The ledger.
        version: The version of its tables.
        now: The time, for the copy's name.

    Returns:
        The copy, as ``ledger.sqlite.v1-20300102T030405000006Z``.

    Raises:
        LedgerError: It cannot be read, or the copy not be written.
    """
    place = file.with_name(f"{file.name}.v{version}-{now.astimezone(UTC):{_STAMP}}")
    _copy(file, place)
    return place


def copies(file: Path) -> list[Copy]:
    """The copies beside a ledger, newest first."""
    found = []
    with suppress(FileNotFoundError):
        found = [copy for path in file.parent.iterdir() if (copy := _parse(file, path))]
    return sorted(found, key=lambda copy: copy.at, reverse=True)


def put_back(file: Path, copy: Path, now: datetime) -> Path | None:
    """Put a copy in the ledger's place; nobody else may use it meanwhile.

    Args:
        file: The ledger; it may be damaged, or missing.
        copy: The copy, which stays.
        now: The time, for the name of what was there before.

    Returns:
        Where the ledger of before is now; None where there was none.

    Raises:
        LedgerError: The copy is no ledger, or is damaged; nothing was changed.
    """
    _check(copy)
    fresh = file.with_name(f"{file.name}.restoring")
    fresh.unlink(missing_ok=True)
    _copy(copy, fresh)
    aside = file.with_name(f"{file.name}.before-restore-{now.astimezone(UTC):{_STAMP}}")
    there = file.exists()
    # What stands in these belongs to the file of before, and must never be applied to another.
    for suffix in _COMPANIONS:
        with suppress(FileNotFoundError):
            Path(f"{file}{suffix}").rename(f"{aside}{suffix}")
    if there:
        file.rename(aside)
    fresh.rename(file)
    _sync(file.parent)
    return aside if there else None


def _parse(file: Path, path: Path) -> Copy | None:
    found = _NAME.fullmatch(path.name.removeprefix(file.name))
    if not path.name.startswith(file.name) or found is None:
        return None
    at = datetime.strptime(found["at"], _STAMP).replace(tzinfo=UTC)
    return Copy(path, int(found["version"] or 0), at, path.stat().st_size)


def _check(copy: Path) -> None:
    try:
        with closing(_open(copy, "ro")) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise explained(error, str(copy)) from error
    if verdict != "ok" or "anywhere_leases" not in tables:
        raise LedgerError(
            f"{copy} is no copy of a ledger, or is damaged.",
            hint="Nothing was changed. Choose another: `anywhere ledger copies`.",
        )


def _copy(source: Path, place: Path) -> None:
    """Copy a database through a draft, mode 0600, to the disk."""
    # What one that was killed left; nobody else makes copies now.
    for path in place.parent.glob(f"{_DRAFT}*"):
        path.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=_DRAFT, dir=place.parent)
    draft = Path(name)
    owner = place.parent.stat()
    try:
        try:
            # An administrator does it for the hub's account, whose folder it is.
            if os.geteuid() == 0:
                os.fchown(handle, owner.st_uid, owner.st_gid)
        finally:
            os.close(handle)
        with closing(_open(source, "rw")) as old, closing(_open(draft, "rw")) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")
        _sync(draft)
        draft.rename(place)
        _sync(place.parent)
    except (sqlite3.Error, OSError) as error:
        raise explained(error, str(source)) from error
    finally:
        for suffix in ("", *_COMPANIONS, "-journal"):
            Path(f"{draft}{suffix}").unlink(missing_ok=True)


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=5.0)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
