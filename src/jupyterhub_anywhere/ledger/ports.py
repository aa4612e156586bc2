"""What the book and the reconciler need of the ledger: `AsyncLedger` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.states import Cause

# What is remembered by this key: when the latest of those leases was gone that were pruned.
PRUNED: Final = "pruned"


class Leases(Protocol):
    """Every lease of one hub. Each call is committed when it returns; see `Ledger`."""

    @property
    def hub(self) -> str:
        """The hub's id."""

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever written to it."""

    @property
    def born(self) -> datetime:
        """When it was made."""

    async def add(self, lease: Lease) -> Lease:
        """Add a lease.

        Raises:
            DuplicateError: One with this id exists.
        """

    async def move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """Change its state.

        Raises:
            StaleError: Somebody else changed it.
            IllegalTransitionError: The table has no such change.
        """

    async def note(self, lease: Lease, **changes: Any) -> Lease:
        """Change something else.

        Raises:
            StaleError: Somebody else changed it.
        """

    async def get(self, id: str) -> Lease | None:  # noqa: A002 - the ledger's word
        """One lease."""

    async def active(
        self, *, target: str | None = None, user: str | None = None, name: str | None = None
    ) -> list[Lease]:
        """Those that are not gone, oldest first."""

    async def of_server(self, user: str, server: str) -> list[Lease]:
        """Those of one server that are not gone, newest first."""

    async def last_attempt(self, user: str, server: str) -> int:
        """The number of its last attempt; 0 where there was none."""

    async def history(self, *, limit: int = 100, user: str | None = None) -> list[Lease]:
        """Those that are gone, newest first."""

    async def recall(self, key: str) -> str | None:
        """What was remembered; None where nothing was."""

    async def remember(self, key: str, value: str) -> None:
        """Remember something; an empty text forgets it."""
