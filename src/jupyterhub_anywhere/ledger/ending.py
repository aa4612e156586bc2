"""What its user reads of a server that has ended though nobody stopped it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.inventory import Watching
    from jupyterhub_anywhere.ledger.lease import Lease

log = logging.getLogger(__name__)

GONE: Final = "Your server is gone: nothing of it is left where it ran."
LOST_IN_LINE: Final = (
    "The hub was restarted while your server waited for its start. Please start it again."
)
# Seconds that a target gets to say why. Nobody waits for it but the word to the user.
_SECONDS: Final = 5.0


def ended(exit_code: int | None) -> str:
    """The text for one whose end its target has seen.

    Args:
        exit_code: The program's exit status; None where nobody knows.
    """
    status = "" if exit_code is None else f", with status {exit_code}"
    return f"Your server has ended by itself{status}."


async def explained(text: str, lease: Lease, watch: Watching | None) -> str:
    """A text, and behind it why it ended, where its target knows. Never raises, bounded in time.

    Args:
        text: What is told in any case.
        lease: The server's, as it was before its end.
        watch: What looks at its target; None where nothing does.
    """
    # See `core.inventory.Explaining`; not every inventory is one.
    why = getattr(watch.inventory, "why", None) if watch is not None else None
    if not callable(why):
        return text
    try:
        async with asyncio.timeout(_SECONDS):
            found = await why(lease.name, lease.child, lease.steps.get(State.RUNNING))
    except (Exception, SystemExit):  # a foreign class raises anything
        log.debug("why %s at %s has ended is not known", lease.name, lease.target, exc_info=True)
        return text
    return f"{text} {found}" if found else text
