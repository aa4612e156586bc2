"""Where a hub's ledger is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.config.secrets import Secret, SecretUnavailableError
from jupyterhub_anywhere.ledger.errors import LedgerError

if TYPE_CHECKING:
    from jupyterhub_anywhere.config.models import Config
    from jupyterhub_anywhere.core.state import StatePaths

_FILE = "sqlite:///"


def ledger_url(config: Config, paths: StatePaths, base: Path) -> str:
    """The URL of a hub's ledger.

    Args:
        config: The configuration; without ``hub.ledger.url`` it is SQLite in the state folder.
        paths: The state folder.
        base: The configuration's folder: a relative path of SQLite or of a secret starts there.

    Raises:
        LedgerError: The secret with the URL is not where the configuration says.
    """
    declared = config.hub.ledger.url
    if declared is None:
        return file_url(paths.ledger)
    if isinstance(declared, Secret):
        try:
            declared = declared.read(base)
        except SecretUnavailableError as error:
            raise LedgerError(f"hub.ledger.url: {error}.") from error
    path = declared.removeprefix(_FILE)
    if path != declared and path and not path.startswith(("/", ":memory:")):
        # What somebody wrote is a URL already; only the folder of the configuration is none.
        return f"{file_url(base.absolute())}/{path}"
    return declared


def file_url(path: Path) -> str:
    """The URL of a database in a file: SQLAlchemy reads ``%`` and ``?`` in it as parts of a URL."""
    return _FILE + str(path).replace("%", "%25").replace("?", "%3F")


def ledger_file(url: str) -> Path | None:
    """The file of a ledger in SQLite; None for any other."""
    # Here: who only wants the URL does not wait for SQLAlchemy.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    database = parsed.database
    if parsed.get_backend_name() != "sqlite" or not database or database == ":memory:":
        return None
    return Path(database).absolute()
