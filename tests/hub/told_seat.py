"""Stands for the world of a reconciler: what it would have found, read from a file each time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.inventory import Health, Resource, Sweep
from jupyterhub_anywhere.hub import notices, overview
from jupyterhub_anywhere.hub.metrics import Metrics
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.known import Known
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.hub.notices import Notice

SINCE = datetime(2026, 5, 4, 14, 2, tzinfo=UTC)
NOW = SINCE + timedelta(minutes=28)


class ToldSeat:
    """Says what a file says, and writes down what it is asked for."""

    def __init__(self, told: Path, wishes: Path) -> None:
        self._told, self._wishes = told, wishes

    def _read(self) -> dict[str, Any]:
        return json.loads(self._told.read_text("utf-8")) if self._told.exists() else {}

    async def facts(self) -> Known:
        told = self._read()
        if told.get("broken"):
            raise LedgerError("The ledger is damaged.", hint="Put a copy back.")
        resources = {each["name"]: Resource(**each) for each in told.get("resources", [])}
        leases = self._leases()
        for lease in leases:
            resources[lease.name] = Resource(lease.name, lease.user, lease.server, lease=lease.id)
        return Known(
            now=NOW,
            leases=leases,
            sweeps={"here": Sweep("here", NOW, NOW, resources, trusted=True)},
            health={"here": Health(observed=NOW)},
            first_seen={("here", each["name"]): NOW for each in told.get("resources", [])},
            hub={},
            hold=told.get("hold", ""),
            grace=300.0,
        )

    def _leases(self) -> list[Lease]:
        return [
            Lease(
                id=f"id-{number}",
                hub="h",
                target="here",
                name=f"r-{each['user']}-{each.get('server', '')}",
                user=each["user"],
                server=each.get("server", ""),
                state=State(each["state"]),
                steps={State.STARTING: SINCE, State(each["state"]): SINCE},
                error="an error for administrators",
            )
            for number, each in enumerate(self._read().get("leases", []))
        ]

    async def clean(self, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return self._wish("clean", keys)

    async def adopt(self, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return self._wish("adopt", keys)

    async def lift(self) -> None:
        self._wish("lift", [])

    def _wish(self, what: str, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        before = json.loads(self._wishes.read_text()) if self._wishes.exists() else []
        self._wishes.write_text(json.dumps([*before, [what, *keys]]))
        return {key: "it is busy" if "stuck" in key[1] else "" for key in keys}

    def notices(self, user: str) -> Sequence[Notice]:
        board = notices.Board()
        board.update(self._leases(), NOW)
        return board.of(user)


def provide(told: Path, wishes: Path) -> None:
    """Let the hub of this process ask the files."""
    seat = ToldSeat(told, wishes)
    overview.provide(seat)
    notices.provide(seat.notices)
    Metrics().counts({("here", State.RUNNING): 3})
