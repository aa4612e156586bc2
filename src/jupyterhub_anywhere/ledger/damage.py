"""What a database's failure means to a person: the cause and the cure.

Nothing of a statement or of its values is told, and no password of a URL.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from jupyterhub_anywhere.ledger.errors import RESTORE, LedgerError

_SPACE: Final = "Free some space there. What runs goes on; nothing is stopped meanwhile."
_CAUSES: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", _SPACE),
    sqlite3.SQLITE_READONLY: (
        "it can only be read",
        "Let the hub's account write the file and its folder; look whether the disk is read-only.",
    ),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", RESTORE),
    sqlite3.SQLITE_NOTADB: ("it is damaged, or no SQLite database", RESTORE),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "Look whether file and folder are there and belong to the hub's account.",
    ),
    sqlite3.SQLITE_PERM: ("access is denied", "Let the hub's account read and write the file."),
    sqlite3.SQLITE_IOERR: (
        "the disk fails, or a limit on the size of files is reached",
        "Look at free space, quotas and limits, and at the kernel's log with dmesg.",
    ),
    sqlite3.SQLITE_BUSY: (
        "another program holds it",
        "Try again; end what reads or writes it with tools of its own.",
    ),
}
_SERVER: Final = "Look whether the database server runs and lets this account in (hub.ledger.url)."
# PostgreSQL's classes of failures, by the first two letters of their SQLSTATE.
_STATES: Final = {
    "53": ("the database server has no room", "Free disk space or connections at the server."),
    "25": ("it can only be read", "Let the URL lead to the server that takes writes."),
    "42": (
        "its tables are missing, or this account may not use them",
        "Give the account the right to use and make tables in its schema (hub.ledger.url).",
    ),
    "57": ("the database server ended the query, or ends itself", _SERVER),
    "XX": ("it is damaged, by the database server's own word", "Restore it with its own tools."),
}
_CODE: Final = 0xFF


def explained(error: Exception, place: str) -> LedgerError:
    """The error for people.

    Args:
        error: SQLAlchemy's, or the database driver's own.
        place: Where the ledger is, without a password.
    """
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        # It never reached the database.
        return LedgerError(f"The ledger cannot hold this: {_first_line(error.orig or error)}.")
    original = error.orig if isinstance(error, DBAPIError) and error.orig else error
    cause, hint = _known(original)
    return LedgerError(f"The ledger {place} cannot be used: {cause}.", hint=hint)


def _known(error: BaseException) -> tuple[str, str]:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int) and code & _CODE in _CAUSES:
        return _CAUSES[code & _CODE]
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str) and state[:2] in _STATES:
        return _STATES[state[:2]]
    text = _first_line(error)
    if isinstance(error, sqlite3.Error):
        # Its tables are not there: somebody emptied or replaced the file.
        return f"it is damaged ({text})", RESTORE
    if isinstance(error, OSError):
        return (error.strerror or text).lower(), "Look at the file, its folder and the disk."
    if isinstance(error, SQLAlchemyError):
        return text, "Look at hub.ledger.url."
    return f"the database server does not answer as it should ({text})", _SERVER


def _first_line(error: BaseException) -> str:
    if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
        # Others hold statements and their values.
        lines = str(error.args[0] if error.args else "").splitlines()
    else:
        lines = str(error).splitlines()
    return (lines[0].strip().rstrip(".") if lines else "") or type(error).__name__
