"""The same as `recipe`, with the old hub's database in PostgreSQL.

::

    python -m tests.old_hubs.postgresql 4.1.6 tests/old_hubs/jupyterhub-4.1.6-postgresql.sql
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.old_hubs import recipe

from engines.postgresql.server import PostgresServer, programs


def dump(server: PostgresServer, database: str) -> str:
    """A database as SQL, without what is about the program that wrote the SQL."""
    found = programs()
    assert found is not None
    words = [
        str(found / "pg_dump"),
        "-h",
        str(server.folder),
        "-U",
        "anywhere",
        "--inserts",
        "--no-owner",
    ]
    done = subprocess.run([*words, database], check=True, capture_output=True, text=True)
    skipped = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(skipped)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    with PostgresServer() as server, tempfile.TemporaryDirectory() as name:
        python = recipe.install(given.version, Path(name) / "env")
        driver = [str(python), "-m", "pip", "install", "-q", "psycopg2-binary"]
        subprocess.run(driver, check=True)
        (Path(name) / "hub").mkdir()
        url = server.database("hub").replace("+psycopg:", "+psycopg2:")
        hub = recipe.OldHub(python, Path(name) / "hub", url)
        try:
            hub.wait()
            recipe.people(hub)
        finally:
            hub.stop()
        given.output.write_text(dump(server, "hub"), encoding="utf-8")
    sys.stdout.write(f"{given.output}: written by JupyterHub {given.version}\n")


if __name__ == "__main__":
    main()
