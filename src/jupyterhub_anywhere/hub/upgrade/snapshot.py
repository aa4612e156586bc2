"""What stands in a database's tables, as digests: whether an upgrade left all of it as it was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from jupyterhub_anywhere.hub.upgrade.revisions import History

# Whoever logs in by them in the moment of the upgrade has to try again.
_SHORT_LIVED: Final = frozenset({"oauth_codes"})
_TOKENS: Final = frozenset({"api_tokens", "oauth_access_tokens"})
_ROLES: Final = frozenset({"api_token_role_map", "oauth_client_role_map", "oauth_code_role_map"})
_MARK: Final = "alembic_version"


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        columns: Their names.
        rows: How many rows.
        digest: Of all that stands in these columns, in no order.
    """

    columns: tuple[str, ...]
    rows: int
    digest: str


def take(
    connection: Connection, shape: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Table]:
    """Read every table.

    Args:
        connection: The database.
        shape: Tables and their columns, where others are of no interest; those that are not
            there are left out. Default: all.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    there = {
        name: [each["name"] for each in inspector.get_columns(name)]
        for name in inspector.get_table_names()
    }
    wanted = there if shape is None else shape
    return {
        name: _table(connection, name, columns)
        for name, columns in wanted.items()
        if name != _MARK and set(columns) <= set(there.get(name, ()))
    }


def _table(connection: Connection, name: str, columns: Sequence[str]) -> Table:
    from sqlalchemy import column, select, table

    wanted: list[ColumnElement[Any]] = [column(each) for each in columns]
    rows = connection.execute(select(*wanted).select_from(table(name)))
    # Each alone first: a large database is never in memory as a whole.
    lines = sorted(hashlib.sha256(repr(tuple(row)).encode()).digest() for row in rows)
    return Table(tuple(columns), len(lines), hashlib.sha256(b"".join(lines)).hexdigest())


def expected_losses(history: History, revision: str) -> frozenset[str]:
    """The tables that JupyterHub's migrations from a revision on empty or drop."""
    lost = _SHORT_LIVED
    if history.drops_tokens(revision):
        lost |= _TOKENS
    if history.rewrites_clients(revision):
        lost |= _ROLES
    return lost


def differences(
    before: Mapping[str, Table], connection: Connection, losses: frozenset[str]
) -> list[str]:
    """What is not as it was, one sentence each; columns and tables that came along do not count.

    Args:
        before: The old database.
        connection: The new one.
        losses: Tables that may differ.
    """
    kept = {name: table for name, table in before.items() if name not in losses}
    now = take(connection, {name: table.columns for name, table in kept.items()})
    told = []
    for name, table in kept.items():
        if name not in now:
            told.append(f"table {name}, or a column of it, is gone")
        elif now[name].rows != table.rows:
            told.append(f"table {name} has {now[name].rows} rows and had {table.rows}")
        elif now[name] != table:
            told.append(f"a row of table {name} has changed")
    return told
