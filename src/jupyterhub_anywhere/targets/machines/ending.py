"""The end of a machine. One with a home volume is switched off before it is removed.

A cloud that removes a machine takes its power. What its system had not yet written would be missing
from the volume, which is all that is left of the user's files.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.provider import Power, ProviderError, Rest

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.provider import Machine, Provider

log: Final = logging.getLogger(__name__)


# Seconds after which one that will not switch off goes all the same: a host that is dead never
# does it, and the volume would stay with it.
PATIENCE: Final = 120.0
# Machine's id → when its cloud first took the word that it is to switch off, and since when it has
# been failing to; ids are never given twice.
_asked: Final[dict[str, float]] = {}
_failing: Final[dict[str, float]] = {}
# The same for one that sleeps and is woken for it.
_woken: Final[dict[str, float]] = {}
# As Nova, libcloud and the provider for simulations call it, in whatever case; a longer word of
# Nova's says that something is under way.
_ASLEEP: Final = ("suspended", "paused")


async def removed(provider: Provider, machine: Machine) -> bool:
    """Begin or go on to remove a machine; not its volumes.

    Returns:
        True once it is proven gone. May be called again.

    Raises:
        ProviderError: The cloud cannot be asked, or refuses.
    """
    if machine.marks.get(marks.HOME) == "1":
        now = await provider.machine(machine.id)
        # Some clouds say that it is off from the moment on at which it begins to be.
        on = now is not None and now.power in {Power.RUNNING, Power.STOPPED}
        if now is not None and on and not await _off(provider, now):
            return False
    gone = await provider.destroy(machine.id)
    if gone:
        for each in (_asked, _failing, _woken):
            each.pop(machine.id, None)
    return gone


async def _off(provider: Provider, machine: Machine) -> bool:
    """Whether it rests, or cannot be put to rest: it is removed all the same."""
    state = machine.state.lower()
    asleep = state.startswith(_ASLEEP)
    try:
        if asleep:
            # What it had not written yet is in its memory, which would go with it.
            off = False
            if state in _ASLEEP:
                await provider.wake(machine.id)
        else:
            off = await provider.rest(machine.id, Rest.STOP)
    except ProviderError as error:
        # Whoever is away removes nothing either.
        if error.cause is FailureCause.UNREACHABLE:
            raise
        if not error.sure and not _over(_failing, machine.id):
            raise
        log.warning("%s goes without being switched off: %s", machine.name, error)
        return True
    _failing.pop(machine.id, None)
    if not off and _over(_woken if asleep else _asked, machine.id):
        log.warning("%s goes though it did not switch off in %.0f s", machine.name, PATIENCE)
        return True
    return off


def _over(since: dict[str, float], machine_id: str) -> bool:
    """Whether the time of a machine is over, which begins with the first look."""
    now = monotonic()
    return now - since.setdefault(machine_id, now) > PATIENCE
