"""The desk: where the spawners of one process find the ledger and what watches their targets.

There is none where a hub names the spawner's class alone, without `setup`: delegation then works as
it does without a ledger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Watching
    from jupyterhub_anywhere.ledger.aio import AsyncLedger
    from jupyterhub_anywhere.ledger.book import Book
    from jupyterhub_anywhere.ledger.lease import Lease


class Told(Protocol):
    """Who is told of starts and stops, as they come to their end."""

    def started(self, lease: Lease) -> None:
        """A server runs."""

    def ended(self, lease: Lease, text: str) -> None:
        """A server has ended by itself; the text is for its user."""

    def failed(self, target: str, cause: str) -> None:
        """A start failed; the cause is one of few."""

    def stopped(self, lease: Lease) -> None:
        """A server is proven gone, or kept."""


@dataclass(eq=False)
class Desk:
    """What a spawner needs to hold leases.

    Attributes:
        ledger: Every lease of this hub.
        book: Writes the life of a lease.
        watches: Target name to what looks at it; a target that cannot be listed has none.
        clock: The time.
        told: Counts starts and stops.
        kicks: Called when something waits to be proven gone.
    """

    ledger: AsyncLedger
    book: Book
    watches: Mapping[str, Watching]
    clock: Clock
    told: Told
    kicks: list[Callable[[], None]] = field(default_factory=list)

    def kick(self) -> None:
        """Say that a target should be looked at soon."""
        for each in self.kicks:
            each()

    def in_charge(self, lease: str) -> bool:
        """Whether a start or a stop of this process works on a lease."""
        return lease in self.book.busy


class _Published:
    desk: Desk | None = None
    opening: asyncio.Task[Desk] | None = None


def publish(desk: Desk | None) -> None:
    """Make a desk the one of this process; None takes it away."""
    _Published.desk = desk
    _Published.opening = None


def open_soon(opening: asyncio.Task[Desk]) -> None:
    """Say that a desk is being opened: who needs it waits."""
    _Published.opening = opening


def present() -> Desk | None:
    """The desk of this process; None where there is none yet."""
    return _Published.desk


async def settled() -> Desk | None:
    """The desk of this process, once it is open; None where there is none.

    Raises:
        LedgerError: It could not be opened.
    """
    opening = _Published.opening
    if opening is not None and _Published.desk is None:
        return await asyncio.shield(opening)
    return _Published.desk
