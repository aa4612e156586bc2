"""What is in an old database; JupyterHub's own classes know the newest layout only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_CURE: Final = "Name the database of c.JupyterHub.db_url."


@dataclass(frozen=True, slots=True)
class Server:
    """One server.

    Attributes:
        user: Whose.
        name: Its name; empty for the default one.
        running: Whether the hub took it for running when it ended.
        state: What its spawner has kept.
        broken: Whether that is no JSON object, so that no hub can start on it.
        client: Whether it has an OAuth client, which a server has while it runs.
    """

    user: str
    name: str
    running: bool
    state: dict[str, Any] = field(default_factory=dict)
    broken: bool = False
    client: bool = False

    @property
    def title(self) -> str:
        """As people write it."""
        return f"{self.user}/{self.name}" if self.name else self.user

    @property
    def spawner(self) -> str:
        """Whose state it is, in words; empty for none."""
        if "userserver_id" in self.state:
            return "LibcloudSpawner 2.x"
        if "machineid" in self.state:
            return "LibcloudSpawner 1.x"
        return "another spawner" if self.state else ""


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a database.

    Attributes:
        revision: The mark of Alembic.
        users: Their names.
        admins: Names of those who are admins.
        groups: Group name to how many are in it.
        servers: Those that run, have a name or have a state.
        tokens: How many API tokens users and services have.
        secrets: How many users have an encrypted auth_state.
        services: Their names.
    """

    revision: str
    users: tuple[str, ...]
    admins: tuple[str, ...] = ()
    groups: dict[str, int] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    tokens: int = 0
    secrets: int = 0
    services: tuple[str, ...] = ()

    @property
    def running(self) -> tuple[Server, ...]:
        """The servers that ran."""
        return tuple(server for server in self.servers if server.running)


def look(connection: Connection, place: str) -> Found:
    """Read what is there.

    Args:
        connection: The database; nothing is changed.
        place: What it is called.

    Raises:
        StateError: It is no database of a JupyterHub.
    """
    tables = _Tables(connection)
    if not tables.has("users", "name") or not tables.has("servers", "base_url"):
        raise StateError(f"{place} is no database of a JupyterHub.", hint=_CURE)
    marks = [row[0] for row in tables.rows("alembic_version", "version_num")]
    if len(marks) != 1:
        raise StateError(
            f"{place} does not say which JupyterHub wrote it: JupyterHub before 0.8 did not.",
            hint="Start over with a new database, and name the admins in the new configuration:"
            " so old a hub keeps little else in it.",
        )
    people = {row[0]: (row[1], row[2]) for row in tables.rows("users", "id", "name", "admin")}
    return Found(
        revision=marks[0],
        users=tuple(sorted(name for name, _ in people.values())),
        admins=tuple(sorted(name for name, admin in people.values() if admin)),
        groups=_groups(tables),
        servers=tuple(_servers(tables, {each: name for each, (name, _) in people.items()})),
        tokens=sum(1 for _ in tables.rows("api_tokens", "id")),
        secrets=sum(1 for row in tables.rows("users", "encrypted_auth_state") if row[0]),
        services=tuple(sorted(row[0] for row in tables.rows("services", "name"))),
    )


class _Tables:
    """Rows of tables and columns that may not be there."""

    def __init__(self, connection: Connection) -> None:
        from sqlalchemy import inspect

        self._connection = connection
        inspector = inspect(connection)
        self._columns = {
            name: {each["name"] for each in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }

    def has(self, name: str, *columns: str) -> bool:
        return set(columns) <= self._columns.get(name, set())

    def rows(self, name: str, *columns: str) -> Iterator[Any]:
        """Rows, a missing table is empty, and in a missing column stands None."""
        from sqlalchemy import column, literal, select, table

        if name not in self._columns or not self.has(name, columns[0]):
            return
        wanted = [
            column(each) if self.has(name, each) else literal(None).label(each) for each in columns
        ]
        yield from self._connection.execute(select(*wanted).select_from(table(name)))


def _groups(tables: _Tables) -> dict[str, int]:
    names = {row[0]: row[1] for row in tables.rows("groups", "id", "name")}
    sizes = dict.fromkeys(names.values(), 0)
    for row in tables.rows("user_group_map", "group_id"):
        if row[0] in names:
            sizes[names[row[0]]] += 1
    return dict(sorted(sizes.items()))


def _servers(tables: _Tables, people: dict[int, str]) -> Iterator[Server]:
    columns = ("user_id", "name", "server_id", "state", "oauth_client_id")
    for user_id, name, server_id, text, client in tables.rows("spawners", *columns):
        user = people.get(user_id)
        if user is None:
            continue
        state, broken = _state(text)
        if server_id is not None or state or broken or name or client:
            yield Server(
                user,
                name or "",
                running=server_id is not None,
                state=state,
                broken=broken,
                client=client is not None,
            )


def _state(text: object) -> tuple[dict[str, Any], bool]:
    if text is None:
        return {}, False
    try:
        state = json.loads(str(text))
    except ValueError:
        return {}, True
    if state is None:
        return {}, False
    return (state, False) if isinstance(state, dict) else ({}, True)
