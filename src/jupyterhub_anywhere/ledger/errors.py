"""What can go wrong with the ledger.

::

    LedgerError            it cannot be read or written: its message names the cause and the cure
    ├── DuplicateError     a lease with this id exists
    └── StaleError         somebody else changed the lease meanwhile: read it again

Whoever means to treat the last two apart catches them first.
"""

from __future__ import annotations

from typing import Final

from jupyterhub_anywhere.core.errors import StateError

# What a person does about a ledger that is damaged.
RESTORE: Final = "Put a copy back: `anywhere ledger copies`, `anywhere ledger restore COPY`."


class LedgerError(StateError):
    """The ledger cannot be read or written. It never means that there are no leases.

    A failed write may have been done nevertheless, where the connection broke with its last word.
    """


class DuplicateError(LedgerError):
    """A lease with this id exists."""


class StaleError(LedgerError):
    """Somebody else changed the lease, or removed it, since it was read."""
