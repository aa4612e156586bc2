"""Reserved uids of now, carried over into a table that a backup brings back.

An older table does not know the uids that were given since. It would give them again, and with them
the files of whoever had them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.names import slug
from jupyterhub_anywhere.targets.process.accounts import opened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


# Name to uid and the moment it was given, seconds since 1970.
Rows = dict[str, tuple[int, float]]


@dataclass
class _Known:
    """What a table says."""

    accounts: Rows = field(default_factory=dict)
    given: set[int] = field(default_factory=set)
    system: dict[str, int] = field(default_factory=dict)


def carry_over(present: Path, restored: Path, homes: Mapping[str, int]) -> None:
    """Let a restored table know what the present one gave; before it takes its place.

    Where both differ, the homes that will be there decide: who owns a home keeps the uid, and
    nobody else has it. For the rest the restored table counts.

    Args:
        present: The present table; may be missing or damaged.
        restored: The table that comes back; made where it is missing.
        homes: The folders of homes that will be there, each with its owner's uid.

    Raises:
        TargetError: The restored table cannot be used.
    """
    known = _read(present)
    try:
        with opened(restored) as table:
            _merge(table, known, homes)
    except (sqlite3.Error, OSError) as error:
        raise TargetError(
            f"The table of reserved uids in the backup cannot be used: {error}.",
            hint="Nothing was changed. Use another backup.",
        ) from error


def _read(path: Path) -> _Known:
    """What a table knows; nothing where it cannot be read: the homes still speak for it."""
    known = _Known()
    if path.exists():
        with contextlib.suppress(sqlite3.Error, OSError), opened(path) as table:
            known = _known(table)
    return known


def _known(table: sqlite3.Connection) -> _Known:
    rows = table.execute("SELECT name, uid, made FROM accounts")
    return _Known(
        accounts={name: (uid, made) for name, uid, made in rows},
        given={uid for (uid,) in table.execute("SELECT uid FROM given")},
        system=dict(table.execute("SELECT name, uid FROM system").fetchall()),
    )


def _merge(table: sqlite3.Connection, present: _Known, homes: Mapping[str, int]) -> None:
    restored = _known(table)
    given = {*present.given, *homes.values()}
    given.update(uid for each in (present, restored) for uid, _ in each.accounts.values())
    table.executemany("INSERT OR IGNORE INTO given VALUES (?)", [(uid,) for uid in given])
    table.executemany("INSERT OR IGNORE INTO system VALUES (?, ?)", present.system.items())
    table.execute("DELETE FROM accounts")
    rows = merged(present.accounts, restored.accounts, homes)
    table.executemany(
        "INSERT INTO accounts VALUES (?, ?, ?)", [(name, *row) for name, row in rows.items()]
    )


def merged(present: Rows, restored: Rows, homes: Mapping[str, int]) -> Rows:
    """Who has which uid afterwards, each uid once.

    Args:
        present: The rows of now.
        restored: The rows of the backup.
        homes: As `carry_over` takes them.
    """
    owners = set(homes.values())
    # Under such a uid lies somebody else's home: the name gets a new one at its next start.
    rows = {
        name: row
        for name, row in restored.items()
        if row[0] not in owners or homes.get(slug(name)) == row[0]
    }
    for name, row in present.items():
        others = {uid for other, (uid, _) in rows.items() if other != name}
        owns = homes.get(slug(name)) == row[0]
        # Two homes of one owner, by hand or by another file system: one of the names keeps it.
        if row[0] not in others and (owns or (name not in rows and row[0] not in owners)):
            rows[name] = row
    return rows
