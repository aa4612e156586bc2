"""The database that was named: a file, or a URL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError, SurroundingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_OTHERS: Final = (
    "Only SQLite and PostgreSQL are brought further here. JupyterHub's own `jupyterhub upgrade-db`"
    " knows others; make a backup before."
)


@dataclass(frozen=True, slots=True)
class Source:
    """One database.

    Attributes:
        url: As SQLAlchemy reads it.
        file: The file, absolute and with no link in it; None for PostgreSQL.
    """

    url: URL
    file: Path | None = None

    @property
    def place(self) -> str:
        """In words, without a password."""
        if self.file is not None:
            return str(self.file)
        return self.url.set(query={}).render_as_string(hide_password=True)


def find(named: str) -> Source:
    """What a path or a URL of SQLAlchemy means.

    Raises:
        StateError: There is no such file, or it is a database of another kind.
        SurroundingsError: The driver of PostgreSQL is not installed.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if "://" not in named:
        return _file(Path(named).expanduser())
    try:
        url = make_url(named)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        # Its text would show the password.
        raise StateError(
            "The database's URL cannot be read.",
            hint="Write it as in c.JupyterHub.db_url: postgresql://USER:PASSWORD@HOST/NAME,"
            " or sqlite:////PATH.",
        ) from error
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StateError(f"{named} is no file.", hint="Name the database's file.")
        return _file(Path(url.database))
    if backend not in {"postgresql", "postgres"}:
        raise StateError(f"A database of {backend} cannot be upgraded.", hint=_OTHERS)
    return _server(url)


def _server(url: URL) -> Source:
    if not url.database:
        raise StateError(
            "The database's URL names no database.",
            hint="Write it as postgresql://USER:PASSWORD@HOST/NAME.",
        )
    try:
        import psycopg  # noqa: F401 - whether it is there
    except ImportError as error:
        raise SurroundingsError(
            "The driver of PostgreSQL is missing.",
            hint="pip install 'jupyterhub-anywhere[postgresql]'",
        ) from error
    # The one driver that comes with this program, whichever the old hub used.
    return Source(url.set(drivername="postgresql+psycopg"))


def _file(path: Path) -> Source:
    from sqlalchemy.engine import make_url

    from jupyterhub_anywhere.ledger.url import file_url

    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise StateError(
            f"There is no database {path}.",
            hint="Name the file that c.JupyterHub.db_url means: jupyterhub.sqlite in the folder in"
            " which the hub was started, where nothing else was set.",
        ) from error
    if not real.is_file():
        raise StateError(f"{path} is no file.", hint="Name the database's file.")
    if real.stat().st_nlink > 1:
        raise StateError(
            f"{path} has more than one name on its disk: the others would keep the old database.",
            hint="Copy it to a name of its own, and name that.",
        )
    return Source(make_url(file_url(real)), real)
