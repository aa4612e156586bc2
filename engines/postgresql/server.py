"""A real PostgreSQL server of one's own: as an ordinary account, in a folder, on a socket in it.

::

    with PostgresServer() as server:
        ledger = Ledger.open(server.database("one"), hub, clock)

It needs no room: it listens on no network, and ends with the process that started it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psycopg

if TYPE_CHECKING:
    from types import TracebackType

PACKAGE: Final = "postgresql"
_INSTALLED: Final = Path("/usr/lib/postgresql")
_OWNER: Final = "anywhere"
# As root another account is needed: the server refuses to run as root.
_ACCOUNTS: Final = ("postgres", "nobody")
_PATIENCE: Final = 60.0
_LOG_LINES: Final = 20
_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "16MB",
    # What is tested is the ledger, not the disk.
    "fsync": "off",
}


class PostgresError(Exception):
    """What the server did not do, with the end of its log."""


def programs() -> Path | None:
    """The folder of the newest server's programs; None where there is none."""
    found = [path.parent for path in _INSTALLED.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    other = shutil.which("initdb")
    return Path(other).resolve().parent if other else None


def lacking() -> str:
    """What the machine lacks, with the cure; empty when nothing."""
    if programs() is None:
        return f"PostgreSQL is missing. Cure: sudo apt-get install {PACKAGE}"
    return ""


class PostgresServer:
    """One server with its data; both are gone at the end.

    Attributes:
        folder: Its files and its socket.

    Raises:
        PostgresError: There is none on this machine.
    """

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise PostgresError(lacking())
        self._programs = found
        # Short, for a socket lies in it; open for the server's account.
        self.folder = Path(tempfile.mkdtemp(prefix="anywhere-pg-", dir="/tmp"))
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = _account()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            self._as = ["setpriv", *ids, "--pdeathsig=KILL", "--"]

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "-D", "data", "-U", _OWNER, "-A", "trust", "--no-sync", "-EUTF8")
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            PostgresError: It does not.
        """
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [*self._as, str(self._programs / "postgres"), "-D", "data", *words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not start.\n{self._end_of_log()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as an administrator does: clients are cut off, nothing is lost."""
        if self._process is not None:
            # SIGINT is the server's own "fast shutdown".
            self._process.send_signal(2)
            self._process.wait(_PATIENCE)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE)
            self._process = None

    def remove(self) -> None:
        """End it and remove its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://{_OWNER}@/{database}?host={self.folder}"

    def database(self, name: str) -> str:
        """Make an empty database; its URL."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the owner of everything."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=_OWNER, dbname=database, autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PostgresError(f"{program} failed: {done.stderr.strip()}")

    def _end_of_log(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])


def _account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError(f"None of the accounts {', '.join(_ACCOUNTS)} exists.")
