"""Reserved uids: one for a user name, written down once, never given to another.

The hub's own user ids are of no use for this. They are given again after a deletion, and would hand
one user's home to the next.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SUBORDINATE_FILES: Final = (Path("/etc/subuid"), Path("/etc/subgid"))
# Seconds to wait for another process that is writing.
_BUSY_SECONDS: Final = 10.0
# `given` remembers uids even when somebody deletes a row of `accounts` by hand. `system` has the
# names whose servers ran as an account of this machine.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, uid INTEGER NOT NULL UNIQUE, made REAL NOT NULL);
CREATE TABLE IF NOT EXISTS given (uid INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS system (name TEXT PRIMARY KEY, uid INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class UidRange:
    """A range of uids, both ends included."""

    first: int
    last: int

    @property
    def probe(self) -> int:
        """The last one, never given to a user: tries run as it, as `probe_server`'s."""
        return self.last

    def __contains__(self, uid: int) -> bool:
        return self.first <= uid <= self.last


def parse_subordinate(text: str) -> list[UidRange]:
    """Read ``/etc/subuid`` or ``/etc/subgid``; lines that are none are passed over."""
    found = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():  # noqa: PLR2004 - NAME:FIRST:COUNT
            first, count = int(fields[1]), int(fields[2])
            if count:
                found.append(UidRange(first, first + count - 1))
    return found


def subordinate_ranges() -> list[UidRange]:
    """The uids and gids that containers of this machine's accounts may use."""
    found = []
    for path in SUBORDINATE_FILES:
        with contextlib.suppress(OSError):
            found += parse_subordinate(path.read_text(errors="replace"))
    return found


def known_here(uid: int) -> str:
    """Which account or group of this machine has that number; empty when none has."""
    with contextlib.suppress(KeyError):
        return f"account {pwd.getpwuid(uid).pw_name}"
    with contextlib.suppress(KeyError):
        return f"group {grp.getgrgid(uid).gr_name}"
    return ""


def next_free(
    start: int, last: int, subordinate: Sequence[UidRange], taken: Callable[[int], bool]
) -> int | None:
    """The first uid from ``start`` to ``last`` that nobody has, or None."""
    uid = start
    while uid <= last:
        inside = [part.last for part in subordinate if uid in part]
        if inside:
            uid = max(inside) + 1
        elif taken(uid):
            uid += 1
        else:
            return uid
    return None


class Accounts:
    """The table of reserved uids.

    Several processes may use it at once. Every call opens and closes the file.

    Args:
        path: The SQLite file; it and its folder are made when needed, for root alone.
        uids: The range to give from. Names that have a uid keep it when the range changes.
    """

    def __init__(self, path: Path, uids: UidRange) -> None:
        self.path = path
        self.uids = uids

    def reserve(self, name: str) -> int:
        """The uid of a name, given now when it has none yet.

        Raises:
            TargetError: The range is used up, the uid belongs to somebody else now, or the table
                cannot be read or written.
        """
        with self._transaction() as table:
            row = table.execute("SELECT uid FROM accounts WHERE name = ?", [name]).fetchone()
            return self._checked(name, row[0]) if row else self._give(table, name)

    def find(self, name: str) -> int | None:
        """The uid of a name, None when it never got one.

        Raises:
            TargetError: The table cannot be read.
        """
        if not self.path.exists():
            return None
        with self._transaction() as table:
            row = table.execute("SELECT uid FROM accounts WHERE name = ?", [name]).fetchone()
            return None if row is None else int(row[0])

    def note_account(self, name: str, uid: int) -> None:
        """Remember that a name is an account of this machine.

        Args:
            name: The user's name.
            uid: The account's uid.

        Raises:
            TargetError: The table cannot be written.
        """
        with self._transaction() as table:
            row = table.execute("SELECT uid FROM system WHERE name = ?", [name]).fetchone()
            if row is None or row[0] != uid:
                table.execute("INSERT OR REPLACE INTO system VALUES (?, ?)", [name, uid])

    def check_never_an_account(self, name: str) -> None:
        """Refuse a name that was an account before and is not found now.

        While a directory (LDAP, SSSD) does not answer, its accounts look like unknown names, and
        would get a second uid and an empty home.

        Raises:
            TargetError: It was one; or the table cannot be read.
        """
        with self._transaction() as table:
            row = table.execute("SELECT uid FROM system WHERE name = ?", [name]).fetchone()
        if row is not None:
            raise TargetError(
                f"{name!r} was an account of this machine (uid {row[0]}), and is not found now.",
                hint=f"Look at `getent passwd {name}`: a directory such as LDAP may not answer. If"
                f" the account was removed on purpose, delete {name!r} from the table `system` of"
                f" {self.path} with SQLite.",
            )

    def names(self) -> dict[int, str]:
        """Who has which uid; empty where there is no table yet."""
        if not self.path.exists():
            return {}
        with self._transaction() as table:
            return {uid: name for name, uid in table.execute("SELECT name, uid FROM accounts")}

    def _checked(self, name: str, uid: int) -> int:
        owner = known_here(uid)
        if owner:
            raise TargetError(
                f"uid {uid} is reserved for {name!r}, and is that of {owner} by now.",
                hint="Give that account or group another number.",
            )
        return uid

    def _give(self, table: sqlite3.Connection, name: str) -> int:
        first, last = self.uids.first, self.uids.last - 1
        highest = table.execute(
            "SELECT max(uid) FROM given WHERE uid BETWEEN ? AND ?", [first, last]
        ).fetchone()[0]
        start = first if highest is None else highest + 1
        uid = next_free(start, last, subordinate_ranges(), lambda each: bool(known_here(each)))
        if uid is None:
            raise TargetError(
                f"All uids from {first} to {last} are used up; {name!r} gets none.",
                hint="Widen `users.uids` in anywhere.yaml. A uid is never given twice.",
            )
        table.execute("INSERT INTO given VALUES (?)", [uid])
        table.execute("INSERT INTO accounts VALUES (?, ?, ?)", [name, uid, time.time()])
        return uid

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside."""
        try:
            with opened(self.path) as table:
                yield table
        except (sqlite3.Error, OSError) as error:
            raise TargetError(
                f"The table of reserved uids, {self.path}, cannot be used: {error}.",
                hint="Look at the folder's owner and free space.",
            ) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on a table, which is made where it is missing.

    Raises:
        sqlite3.Error: It is damaged, or somebody else holds it too long.
        OSError: It cannot be opened.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite would make the file readable for all; its journal takes the same mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    table = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        table.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            table.execute(statement)
        yield table
        table.execute("COMMIT")
    finally:
        # Closing rolls back what was not committed.
        table.close()
