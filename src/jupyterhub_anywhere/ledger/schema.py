"""The tables of the ledger.

Their names begin with ``anywhere_``, for a PostgreSQL database may be the hub's own as well. Every
row belongs to a hub: several hubs may share a database, and see nothing of each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class Moment(TypeDecorator[datetime]):
    """A time with its zone; kept as UTC, whatever the database makes of zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """For the database.

        Raises:
            ValueError: The time has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base's signature
        """From the database."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# SQLite counts rows by itself only in a column that is declared INTEGER.
_Number: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData()

meta: Final = Table(
    "anywhere_meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

hubs: Final = Table(
    "anywhere_hubs",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("born", Moment, nullable=False),
    # When a hub opened it last.
    Column("opened", Moment, nullable=False),
    # Whether a lease was ever added.
    Column("written", Boolean, nullable=False),
)

remarks: Final = Table(
    "anywhere_remarks",
    metadata,
    Column("hub", Text, ForeignKey("anywhere_hubs.hub", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

leases: Final = Table(
    "anywhere_leases",
    metadata,
    # The order in which they were added.
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("hub", Text, ForeignKey("anywhere_hubs.hub", ondelete="CASCADE"), nullable=False),
    Column("id", Text, nullable=False),
    # "user" is a word of PostgreSQL's own.
    Column("user_name", Text, nullable=False),
    Column("server", Text, nullable=False),
    # The server's name when the lease was added: names of resources are made from it.
    Column("made_for", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("keeps", Boolean, nullable=False),
    Column("forever", Boolean, nullable=False),
    Column("definition", Text, nullable=False),
    Column("choice", JSON, nullable=False),
    Column("profile", Text, nullable=False),
    Column("child", JSON, nullable=False),
    Column("token", BigInteger),
    Column("seen_phase", Text),
    Column("seen_at", Moment),
    Column("seen_since", Moment),
    Column("seen_reason", Text),
    Column("steps", JSON, nullable=False),
    Column("cause", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Moment),
    Column("version", Integer, nullable=False),
    # Of the last start that succeeded: when it began to run, and how many seconds that took.
    Column("ran_at", Moment),
    Column("start_seconds", Float),
    # When it was gone; nothing as long as it is not.
    Column("ended", Moment),
    UniqueConstraint("hub", "id", name="anywhere_leases_id"),
    sqlite_autoincrement=True,
)

events: Final = Table(
    "anywhere_events",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column(
        "lease",
        _Number,
        ForeignKey("anywhere_leases.number", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("at", Moment, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_autoincrement=True,
)

_ACTIVE: Final = text("ended IS NULL")

Index(
    "anywhere_leases_active",
    leases.c.hub,
    leases.c.number,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)
Index("anywhere_leases_server", leases.c.hub, leases.c.user_name, leases.c.server)
Index("anywhere_leases_state", leases.c.hub, leases.c.target, leases.c.state)
Index("anywhere_leases_ended", leases.c.hub, leases.c.ended)
Index("anywhere_leases_starts", leases.c.hub, leases.c.profile, leases.c.target, leases.c.ran_at)
