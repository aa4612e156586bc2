"""The database under the ledger: SQLite in a file, or PostgreSQL.

Every transaction of SQLite looks first whether its file is still the one that was opened: a file
that vanished or was replaced would else be written to, or read as an empty one, without a word.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from jupyterhub_anywhere.ledger.damage import explained
from jupyterhub_anywhere.ledger.errors import RESTORE, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

# How long a writer waits for another one, in seconds.
_BUSY_SECONDS: Final = 5.0
# How long PostgreSQL may think, and how long a dead network is waited for, in milliseconds.
_SERVER_MS: Final = 10_000
_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    # A commit is on the disk when it returns.
    "PRAGMA synchronous = FULL",
    "PRAGMA cell_size_check = ON",
)
_MISSING: Final = "Install it: pip install 'jupyterhub-anywhere[postgresql]'."


class Database:
    """Connections to the ledger's database, and transactions in which failures are explained.

    Args:
        url: SQLAlchemy's URL; ``sqlite://`` is a database in memory.
        make: Whether an SQLite file that is not there is made.

    Attributes:
        place: Where it is, for people, without a password.
        file: The file of SQLite; None for a database in memory and for PostgreSQL.
        made: Whether the file was made just now.

    Raises:
        LedgerError: The URL makes no sense, a driver is missing, or the file cannot be made.
    """

    def __init__(self, url: str, *, make: bool = True) -> None:
        parsed = _parse(url)
        self.file: Path | None = None
        self.made = False
        self._identity: tuple[int, int] | None = None
        self._started = False
        # The transaction that a thread is in.
        self._whole = threading.local()
        if parsed.get_backend_name() == "sqlite":
            if parsed.database and parsed.database != ":memory:":
                self.file = Path(parsed.database).absolute()
            self.place = str(self.file or "in memory")
            with self._told():
                self._settle(make=make)
            self._engine = _sqlite(self.file, dict(parsed.query))
        else:
            self.place = parsed.set(query={}).render_as_string(hide_password=True)
            self._engine = _postgresql(parsed)

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite; else it is PostgreSQL."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            LedgerError: It cannot be read.
        """
        with self._told():
            self._check_file()
            with self._engine.connect() as connection, connection.begin():
                try:
                    yield connection
                except ValueError as error:
                    # A column that its type cannot read: a time, or a mapping.
                    raise LedgerError(
                        f"The ledger {self.place} is damaged: {error}.", hint=RESTORE
                    ) from error

    @contextmanager
    def write(self, *, rebuild: bool = False) -> Iterator[Connection]:
        """A transaction that writes; committed, to the disk, when its block ends without an error.

        Within `together` it is a part of that one, committed with it.

        Args:
            rebuild: Whether tables may be dropped and made anew: foreign keys are off meanwhile.

        Raises:
            LedgerError: It cannot be written.
        """
        whole: Connection | None = getattr(self._whole, "connection", None)
        if whole is not None:
            # PostgreSQL does nothing more in a transaction in which a statement was refused.
            with self._told(), nullcontext() if self.sqlite else whole.begin_nested():
                yield whole
            return
        with self._told():
            self._check_file()
            with self._engine.connect() as plain:
                connection = plain.execution_options(anywhere_write=True, anywhere_rebuild=rebuild)
                try:
                    with connection.begin():
                        yield connection
                finally:
                    if rebuild and self.sqlite:
                        _driver(plain).execute("PRAGMA foreign_keys = ON")
            # What was written to a file that nobody finds again was written nowhere.
            self._check_file()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of all that this thread writes meanwhile.

        What refuses a part by itself, as `Ledger` does where a lease has changed, leaves the others
        as they are. After a `LedgerError` of the database the block has to end by it: nothing of
        the whole is written then.

        Raises:
            LedgerError: It cannot be written.
        """
        with self.write() as connection:
            self._whole.connection = connection
            try:
                yield
            finally:
                self._whole.connection = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Held while tables are made or changed: one process at a time, where the disk can tell."""
        if self.file is None:
            yield
            return
        with self._told():
            folder = os.open(self.file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # Network shares may have no locks on folders; the transactions are safe without.
                with suppress(OSError):
                    fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)

    def use_wal(self) -> None:
        """Let readers and a writer of SQLite not wait for each other; the file remembers it.

        Raises:
            LedgerError: It cannot be written.
        """
        if self.file is None:
            return
        with self._told(), self._engine.connect() as connection:
            _driver(connection).execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error
        except Exception as error:
            # The driver's own, where it fails before SQLAlchemy has a hand in it.
            if type(error).__module__.partition(".")[0] == "psycopg":
                raise explained(error, self.place) from error
            raise

    def _settle(self, *, make: bool) -> None:
        """See to it that the file is there and that only its owner can read it."""
        if self.file is None:
            return
        if make:
            with suppress(FileExistsError):
                os.close(
                    os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                )
                self.made = True
        try:
            found = self.file.stat()
        except FileNotFoundError:
            raise LedgerError(
                f"There is no ledger at {self.file} yet.",
                hint="The hub makes it when it starts: `anywhere up`.",
            ) from None
        self._identity = (found.st_dev, found.st_ino)
        if found.st_mode & 0o077 and os.geteuid() in {0, found.st_uid}:
            # SQLite gives the files beside it the same mode.
            with suppress(OSError):
                self.file.chmod(0o600)

    def _check_file(self) -> None:
        if self.file is None:
            return
        try:
            found = self.file.stat()
        except FileNotFoundError:
            raise LedgerError(
                f"The ledger {self.file} has vanished while it was in use.",
                hint="Put the file back, or a copy, and start the hub anew.",
            ) from None
        if (found.st_dev, found.st_ino) != self._identity:
            raise LedgerError(
                f"The ledger {self.file} was replaced while it was in use.",
                hint="Start the hub anew; to put a copy back, use `anywhere ledger restore COPY`.",
            )
        if not found.st_size and self._started:
            raise LedgerError(f"The ledger {self.file} is empty, and it was not.", hint=RESTORE)

    def started(self) -> None:
        """From now on an empty file is a damaged one."""
        self._started = True


def _driver(connection: Connection) -> Any:
    """The driver's own connection: outside of every transaction of SQLAlchemy's."""
    return connection.connection.driver_connection


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text itself may hold a password.
        raise LedgerError(
            "hub.ledger.url is no URL of a database.",
            hint="As postgresql+psycopg://NAME:PASSWORD@HOST/DATABASE, or sqlite:////PATH.",
        ) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise LedgerError(
            f"hub.ledger.url names {parsed.drivername}, which cannot hold a ledger.",
            hint="Use sqlite or postgresql+psycopg.",
        )
    return parsed


def _sqlite(file: Path | None, query: dict[str, Any]) -> Engine:
    if file is None:
        place = ":memory:"
    else:
        # rw: a file that is not there is never made by the way.
        words = {"mode": "rw", **{key: value for key, value in query.items() if key != "uri"}}
        place = f"file:{quote(str(file))}?{urlencode(words)}"
    connect = partial(
        sqlite3.connect,
        place,
        uri=file is not None,
        timeout=_BUSY_SECONDS,
        check_same_thread=False,
        isolation_level=None,
    )
    # A database in memory lives as long as its only connection.
    limits = {"pool_size": 5, "max_overflow": 10} if file else {"pool_size": 1, "max_overflow": 0}
    engine = create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True, **limits
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("anywhere_rebuild"):
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    # A writer takes its turn at once: one that began as a reader may find that it cannot.
    write = options.get("anywhere_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql(url: URL) -> Engine:
    words = {"connect_timeout": 5, "tcp_user_timeout": _SERVER_MS}
    try:
        engine = create_engine(
            url,
            connect_args={key: value for key, value in words.items() if key not in url.query},
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ImportError as error:
        # Also where it is there without the library under it.
        raise LedgerError(
            f"hub.ledger.url names PostgreSQL, and the package {error.name or 'psycopg'} is"
            " missing, or incomplete.",
            hint=_MISSING,
        ) from None
    except SQLAlchemyError as error:
        raise explained(error, url.render_as_string(hide_password=True)) from error
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {_SERVER_MS}")
    connection.commit()
