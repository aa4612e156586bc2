"""A clock that is set by hand, and leases to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jupyterhub_anywhere.ledger.lease import Lease, new_id

BEGIN = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
HUB = "hub-one"


class HandClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self._now = BEGIN

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        return (self._now - BEGIN).total_seconds()

    def tick(self, seconds: float = 1.0) -> datetime:
        self._now += timedelta(seconds=seconds)
        return self._now


def lease(user: str = "ann", server: str = "", target: str = "here", **fields: Any) -> Lease:
    """A lease that is wanted."""
    fields = {"id": new_id(), "hub": HUB, "name": f"jupyter-{user}-{server}", **fields}
    return Lease(user=user, server=server, target=target, **fields)
