"""The end of a machine. One with a home volume is switched off before it is removed.

A cloud that removes a machine takes its power. What its system had not yet written would be missing
from the volume, which is all that is left of the user's files.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.provider import Power, ProviderError, Rest

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.provider import Machine, Provider

log: Final = logging.getLogger(__name__)


async def removed(provider: Provider, machine: Machine) -> bool:
    """Begin or go on to remove a machine; not its volumes.

    Returns:
        True once it is proven gone. May be called again.

    Raises:
        ProviderError: The cloud cannot be asked, or refuses.
    """
    if machine.marks.get(marks.HOME) == "1":
        now = await provider.machine(machine.id)
        if now is not None and now.power is Power.RUNNING and not await _off(provider, now):
            return False
    return await provider.destroy(machine.id)


async def _off(provider: Provider, machine: Machine) -> bool:
    """Whether it rests, or cannot be put to rest: it is removed all the same."""
    try:
        return await provider.rest(machine.id, Rest.STOP)
    except ProviderError as error:
        if error.cause is FailureCause.UNREACHABLE or not error.sure:
            raise
        log.warning("%s goes without being switched off: %s", machine.name, error)
        return True
