"""A file of SQLite: backup, copy, and the swap at the end.

All of it happens in the file's own folder, so that the last step is one rename. The old file is
locked against writers meanwhile, and has no companion (``-wal``, ``-journal``) when the new one
takes its name: what stands in such a one would be applied to whichever file has the name.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade import snapshot
from jupyterhub_anywhere.hub.upgrade.inuse import users_of
from jupyterhub_anywhere.hub.upgrade.migrate import migrate
from jupyterhub_anywhere.ledger.url import file_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_DRAFT: Final = ".upgrading-"


def url_of(file: Path) -> URL:
    """The URL of a file."""
    from sqlalchemy.engine import make_url

    return make_url(file_url(file))


def read_only(file: Path) -> URL:
    """The URL by which a file is read and never changed."""
    from sqlalchemy.engine import URL

    path = file.as_uri()
    return URL.create("sqlite", database=path, query={"mode": "ro", "uri": "true"})


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Turn what SQLite says into a message.

    Raises:
        StateError: What it says.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        raise explained(file, getattr(error, "orig", None) or error) from error


def explained(file: Path, error: BaseException) -> StateError:
    """What SQLite says of a file, in a message."""
    text = str(error)
    if "locked" in text:
        return in_use(str(file))
    if "readonly" in text or "unable to open" in text:
        return StateError(
            f"{file} cannot be written, or its folder cannot.",
            hint="Run this as the account that the hub runs as, or as root.",
        )
    if "full" in text:
        return StateError(f"{file}: the disk is full.", hint="Free some space there.")
    return StateError(
        f"{file} is damaged, or is no database: {text}.",
        hint="Bring back a backup, or repair a copy with sqlite3's .recover and name that.",
    )


def in_use(place: str, users: str = "") -> StateError:
    """That somebody else uses a database."""
    by = f" by {users}" if users else ""
    return StateError(
        f"{place} is in use{by}.",
        hint="Stop the hub that runs on it. Its servers may stay: set"
        " c.JupyterHub.cleanup_servers = False in the old configuration before.",
    )


def mark_of(file: Path) -> str:
    """The mark of Alembic; empty where there is none."""
    with suppress(sqlite3.Error), closing(_reading(file)) as database:
        marks = database.execute("SELECT version_num FROM alembic_version").fetchall()
        return str(marks[0][0]) if len(marks) == 1 else ""
    return ""


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Keep writers away from a file, and leave it without companions.

    Raises:
        StateError: Somebody uses it, it cannot be written, or it is damaged.
    """
    if users := users_of(file):
        raise in_use(str(file), ", ".join(users))
    uri = f"{file.as_uri()}?mode=rw"
    with (
        told(file),
        closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as mine,
    ):
        # Takes up what a hub that was killed has left in companions; refused while others use it.
        (mode,) = mine.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise in_use(str(file))
        mine.execute("BEGIN IMMEDIATE")
        (verdict,) = mine.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        yield
        mine.execute("ROLLBACK")


@contextmanager
def draft(file: Path, folder: Path) -> Iterator[Path]:
    """A private folder for copies, in a folder; what killed ones have left there goes first."""
    for left in folder.glob(f".{file.name}{_DRAFT}*"):
        shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".{file.name}{_DRAFT}", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def copied(file: Path, target: Path) -> Path:
    """A copy that is one file, mode 0600, on the disk."""
    target.touch(mode=0o600)
    with (
        told(file),
        closing(_reading(file)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE").fetchone()
    sync(target)
    return target


def upgraded(file: Path, folder: Path, losses: frozenset[str]) -> Path:
    """An upgraded and checked copy in a folder; the file itself is only read.

    Args:
        file: The old database.
        folder: Where the copy goes.
        losses: Tables that may differ afterwards.

    Raises:
        StateError: The migrations fail, or what they made is not what was there.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    made = copied(file, folder / "new.sqlite")
    old = create_engine(read_only(file), poolclass=NullPool)
    with told(file), old.connect() as connection:
        before = snapshot.take(connection)
    migrate(url_of(made), f"a copy of {file}")
    new = create_engine(url_of(made), poolclass=NullPool)
    with told(made), new.connect() as connection:
        wrong = snapshot.differences(before, connection, losses)
        verdict = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        wrong += [] if verdict == "ok" else [f"SQLite says: {verdict}"]
    if wrong:
        raise changed(str(file), wrong)
    with told(made), closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    sync(made)
    return made


def changed(place: str, wrong: list[str]) -> StateError:
    """That the upgraded copy is not what it should be."""
    return StateError(
        f"{place} was not upgraded: in the upgraded copy {'; '.join(wrong)}.",
        hint="Please report this; with JupyterHub's own `jupyterhub upgrade-db` the same would be"
        " lost.",
    )


def upgrade_file(file: Path, losses: frozenset[str]) -> Path:
    """Upgrade a database where it is.

    Args:
        file: The database.
        losses: Tables that may differ afterwards.

    Returns:
        Where its backup is, in the same folder, mode 0600.

    Raises:
        StateError: It cannot be; nothing was changed.
    """
    with held(file), draft(file, file.parent) as folder:
        made = upgraded(file, folder, losses)
        backup = copied(file, folder / "backup.sqlite").rename(_free(file))
        sync(file.parent)
        put(made, file)
    return backup


def put(made: Path, file: Path) -> None:
    """Give a finished database its name, in one step, with the old one's owner and rights.

    Raises:
        StateError: Something may be applied to it that belongs to the old one, or it cannot be
            renamed; the old one stays.
    """
    left = [f"{file}{each}" for each in _COMPANIONS if Path(f"{file}{each}").exists()]
    if left:
        raise in_use(str(file), f"whoever has made {left[0]}")
    if file.exists():
        there = file.stat()
        made.chmod(there.st_mode & 0o777)
        with suppress(PermissionError):
            # Only root may give files away, and who may write here is the owner else.
            os.chown(made, there.st_uid, there.st_gid)
    try:
        made.replace(file)
    except OSError as error:
        raise StateError(
            f"{file} cannot be replaced: {(error.strerror or str(error)).lower()}.",
            hint="If it is a mount point, copy it elsewhere, name the copy, and mount that.",
        ) from error
    sync(file.parent)


def _free(file: Path) -> Path:
    """A name for the backup that nobody has."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    stem = f"{file.name}.before-upgrade-{stamp}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(path for name in names if not (path := file.with_name(name)).exists())


def sync(path: Path) -> None:
    """Bring a file or a folder's names to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
