"""The end of a home volume: it goes with its user, once no machine has it any more."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import again
from jupyterhub_anywhere.targets.machines.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.machines.place import Place

log: Final = logging.getLogger(__name__)
# Those that nobody waits for.
_GO_ON: Final[set[asyncio.Task[None]]] = set()


async def removed(
    place: Place, name: str, marks: Mapping[str, str], title: str, seconds: float
) -> None:
    """Remove a volume whose name is among `Known.going`; a new start takes it out.

    The user may be there again before the machines of before are gone: what they have then is new.

    Args:
        place: Where it is.
        name: Its name.
        marks: By which it is found.
        title: The place, for people.
        seconds: How long something may have it.

    Raises:
        ProviderError: The cloud cannot be asked, or refuses, or something still has it.
    """
    going, provider = place.known.going, place.provider

    async def over() -> bool:
        return name not in going or await provider.delete_volume(name, marks)

    try:
        async with asyncio.timeout(seconds):
            await again.until(over)
    except TimeoutError:
        raise ProviderError(
            f"{title}: the volume {name} is still in use.",
            cause=FailureCause.TIMEOUT,
            hint="Look in the cloud what has it, and remove it there.",
        ) from None
    finally:
        going.discard(name)


async def watched(task: asyncio.Task[None], seconds: float | None) -> None:
    """Wait for a removal; after some time it goes on by itself, and its end is logged.

    Args:
        task: The removal.
        seconds: How long somebody waits; None for as long as it takes.

    Raises:
        ProviderError: It failed while somebody waited.
    """
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            _GO_ON.add(task)
            task.add_done_callback(_ended)
    if task.done():
        task.result()


def _ended(task: asyncio.Task[Any]) -> None:
    _GO_ON.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("A home volume was not removed: %s", error)
