"""What a person says of what has no lease: it goes, or it is a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.ledger.actions import Move
from jupyterhub_anywhere.ledger.engines import made_at, replaced
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.strays import adoption

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from jupyterhub_anywhere.core.inventory import Resource, Watching
    from jupyterhub_anywhere.ledger.execute import Executor
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.lookout import Look, Lookout
    from jupyterhub_anywhere.ledger.ports import Leases

Key = tuple[str, str]

# How often the targets are looked at for the proof, and seconds between: two lists that are one
# second apart prove it.
_LOOKS: Final = 8
_PAUSE: Final = 1.1
_NOT_THERE: Final = "it is not there any more, or not yet in a list"
_NO_ENGINE: Final = "Your server is gone: the machine that it was on is no more."
_NO_SERVER: Final = (
    "the hub has no such server, so nobody could use it; `anywhere leaks --clean` removes it"
)


class Person:
    """Does what a person says.

    Args:
        ledger: Every lease.
        watches: Target name to what looks at it.
        lookout: Looks.
        executor: Acts.
        sweep: Looks at everything and does what is to be done.
    """

    def __init__(
        self,
        ledger: Leases,
        watches: Mapping[str, Watching],
        lookout: Lookout,
        executor: Executor,
        sweep: Callable[[], Awaitable[object]],
    ) -> None:
        self._ledger, self._watches = ledger, watches
        self._lookout, self._executor, self._sweep = lookout, executor, sweep

    async def clean(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Remove what has no lease, or whose lease the hub has no server for; files and all.

        A lease whose engine another one has taken the place of ends: the person knows that nothing
        of it is left.

        Args:
            keys: Target and name of each.

        Returns:
            Why each is not removed yet; empty where it is proven gone. What is not goes on.

        Raises:
            LedgerError: The ledger cannot be used.
        """
        look = await self._lookout.look()
        leases: dict[Key, str] = {}
        problems: dict[Key, str] = {}
        for key in keys:
            try:
                leases[key] = (await self._end(key, look)).id
            except AnywhereError as error:
                problems[key] = str(error)
        for number in range(_LOOKS if leases else 0):
            if number:
                await asyncio.sleep(_PAUSE)
            await self._sweep()
            problems |= {key: await self._left(lease) for key, lease in leases.items()}
            if not any(problems[key] for key in leases):
                break
        return problems

    async def _end(self, key: Key, look: Look) -> Lease:
        target, name = key
        stray = self._stray(key, look)
        if stray is not None:
            return await self._executor.reap(target, stray, files=True)
        for lease in look.leases:
            if (lease.target, lease.name) != key or lease.id in look.hub.busy:
                continue
            watch = self._watches.get(target)
            if watch is not None and replaced(lease, watch.latest, watch.source):
                return await self._written_off(lease, watch.source)
            if lease.state is State.STOPPING:
                return lease
            wanted = look.hub.servers.get((lease.user, lease.server))
            if lease.live and (wanted is None or not wanted.active):
                return await self._ledger.move(lease, Cause.STOP, tries=0, due=None)
            raise AnywhereError(f"{name} at {target} is {lease.state} and has its lease.")
        raise AnywhereError(f"{name} at {target}: {_NOT_THERE}.")

    async def _written_off(self, lease: Lease, source: str) -> Lease:
        """Close a lease whose engine is no more."""
        error = f"a person said that engine {made_at(lease)} is no more, where {source} answers now"
        changes = {"error": error, "due": None}
        done = await self._executor.do(
            Move(lease, Cause.PROVE_GONE, changes, tell=_NO_ENGINE, drop=_NO_ENGINE)
        )
        if done.error:
            raise AnywhereError(f"{lease.name} at {lease.target}: {done.error}.")
        return lease

    async def _left(self, lease_id: str) -> str:
        lease = await self._ledger.get(lease_id)
        if lease is None or lease.state is State.GONE:
            return ""
        return lease.error or "not proven gone yet; it is tried again"

    async def adopt(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Make leases for what has none.

        Args:
            keys: Target and name of each.

        Returns:
            Why each was not adopted; empty where it was.

        Raises:
            LedgerError: The ledger cannot be used.
        """
        look = await self._lookout.look()
        return {key: await self._adopt(key, look) for key in keys}

    async def _adopt(self, key: Key, look: Look) -> str:
        target, _ = key
        stray = self._stray(key, look)
        if stray is None:
            return _NOT_THERE
        view = await self._lookout.view(target, look, self._watches[target].latest)
        found = adoption(view, stray)
        if found is not None:
            target, state = found.target, found.state
        elif stray.keep and stray.alive is False:
            # Its user may come back for the files; and where nobody does, a person knows of it.
            state = State.KEPT
        else:
            return _NO_SERVER
        await self._executor.adopt(target, stray, state)
        return ""

    def _stray(self, key: Key, look: Look) -> Resource | None:
        target, name = key
        if target not in self._watches:
            return None
        found = self._lookout.strays(target, look)
        return next((each for each in found if each.name == name), None)
