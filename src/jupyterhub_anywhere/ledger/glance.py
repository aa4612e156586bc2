"""A look at a ledger in SQLite, for commands that tell what is in it.

SQLAlchemy takes longer to load than ten thousand leases to read. It is only done without where all
is as it should be: else `Ledger` looks, and explains.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jupyterhub_anywhere.ledger import rows
from jupyterhub_anywhere.ledger.errors import LedgerError

if TYPE_CHECKING:
    from jupyterhub_anywhere.ledger.lease import Lease

# Of the tables that are read here; `migrations` counts the same.
VERSION: Final = 1
_PREFIX: Final = "sqlite:///"
_BUSY_SECONDS: Final = 5.0
_VERSION: Final = "SELECT value FROM anywhere_meta WHERE key = 'version'"
_HUB: Final = "SELECT 1 FROM anywhere_hubs WHERE hub = ?"
_ACTIVE: Final = (
    f"SELECT {', '.join(rows.COLUMNS)} FROM anywhere_leases"  # noqa: S608 - names of our own
    " WHERE hub = ? AND ended IS NULL ORDER BY number"
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen.

    Attributes:
        place: Where the ledger is, for people.
        leases: All that are not gone, oldest first.
    """

    place: str
    leases: list[Lease]


def glance(url: str, hub: str) -> Glance | None:
    """Look at a ledger; nothing is changed.

    Args:
        url: SQLAlchemy's.
        hub: The hub's id.

    Returns:
        None where anything is not as it should be, or this is no plain file of SQLite's: that says
        nothing of what is in the ledger. `Ledger.open` with ``make=False`` tells.
    """
    file = _file(url)
    if file is None:
        return None
    try:
        before = file.stat()
        if not stat.S_ISREG(before.st_mode) or before.st_mode & 0o077:
            return None
        leases = _leases(file, hub)
        after = file.stat()
    except (sqlite3.Error, OSError, ValueError, LedgerError):
        return None
    if leases is None or not os.path.samestat(before, after):
        return None
    return Glance(str(file), leases)


def _file(url: str) -> Path | None:
    """The file of a URL that has nothing else in it, and nothing that SQLAlchemy would decode."""
    path = url.removeprefix(_PREFIX)
    plain = path != url and path.startswith("/") and not {"?", "%"} & set(path)
    return Path(path) if plain else None


def _leases(file: Path, hub: str) -> list[Lease] | None:
    # As `database` opens it: what a hub that died has left beside the file is taken in.
    name = f"file:{quote(str(file))}?mode=rw"
    opened = sqlite3.connect(name, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    with closing(opened) as connection:
        connection.execute("PRAGMA cell_size_check = ON")
        # All of it as of one moment.
        connection.execute("BEGIN")
        if connection.execute(_VERSION).fetchone() != (str(VERSION),):
            return None
        if connection.execute(_HUB, (hub,)).fetchone() is None:
            return None
        return rows.to_leases(connection.execute(_ACTIVE, (hub,)))
