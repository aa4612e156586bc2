"""The id of a hub that was given none, as one that names a spawner class and no more."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import sqlalchemy


def id_from_database(orm_spawner: Any) -> str:
    """An id for a hub that was given none: its database is what makes it that hub."""
    session = sqlalchemy.inspect(orm_spawner).session if orm_spawner is not None else None
    url = session.get_bind().url if session is not None else None
    if url is None:
        return "alone"
    database = os.path.abspath(url.database) if url.get_backend_name() == "sqlite" else str(url)  # noqa: PTH100 - text
    return f"db-{hashlib.sha256(database.encode()).hexdigest()[:12]}"
