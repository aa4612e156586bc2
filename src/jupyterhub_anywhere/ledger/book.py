"""The book: the life of one server's lease, as the spawner writes it.

Each call has committed when it returns. The reconciler writes the same leases: who finds that the
lease has changed meanwhile looks whether what is meant still makes sense, and never insists.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.ledger.errors import StaleError
from jupyterhub_anywhere.ledger.lease import Lease, new_id
from jupyterhub_anywhere.ledger.lookout import kin
from jupyterhub_anywhere.ledger.states import TABLE, Cause, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Watching
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.ledger.ports import Leases

# How often somebody else may be faster in a row.
_TRIES: Final = 8
_UNMADE: Final = frozenset({State.WANTED, State.QUEUED})
_MADE: Final = frozenset({State.STARTING, State.RUNNING, State.UNKNOWN})


class LeaseEndedError(AnywhereError):
    """The lease has ended meanwhile: nothing may be made under it."""


class NameTakenError(AnywhereError):
    """Something may still exist under the name that a server is to be started with."""


class Book:
    """Writes leases for the spawners of one process.

    Args:
        ledger: Where they are kept.
        hub: The hub's id.
        clock: The time.
        busy: The ids of leases that a start or a stop of this process works on. `begin` and `stop`
            add to it, before they write; `release` and whatever ends the work take out of it.
        watches: Target name to what looks at it: targets that share a watch share names as well.
    """

    def __init__(
        self,
        ledger: Leases,
        *,
        hub: str,
        clock: Clock,
        busy: set[str] | None = None,
        watches: Mapping[str, Watching] | None = None,
    ) -> None:
        self._ledger, self._hub, self._clock = ledger, hub, clock
        self._watches: Mapping[str, Watching] = {} if watches is None else watches
        self.busy: set[str] = set() if busy is None else busy

    # --- the start -------------------------------------------------------------------------------

    async def begin(  # noqa: PLR0913 - named, and each of them is a fact of the lease
        self,
        *,
        user: str,
        server: str,
        target: str,
        name: str,
        choice: Mapping[str, Any],
        definition: str = "",
        keeps: bool = False,
    ) -> Lease:
        """Write down that a server is wanted; a kept one of this name is taken up again.

        Returns:
            A lease that is wanted, or the kept one, which stays kept until `launch`.

        Raises:
            LedgerError: It cannot be written down.
        """
        attempt = await self._ledger.last_attempt(user, server) + 1
        kept = await self._kept(user, server, target, name)
        if kept is not None:
            return await self._take_up(kept, choice=choice, definition=definition, attempt=attempt)
        lease = Lease(
            id=new_id(),
            hub=self._hub,
            user=user,
            server=server,
            target=target,
            name=name,
            attempt=attempt,
            keeps=keeps,
            definition=definition,
            choice=dict(choice),
            steps={State.WANTED: self._clock.now()},
        )
        self.busy.add(lease.id)
        try:
            return await self._ledger.add(lease)
        except BaseException:
            # Also who is cancelled meanwhile does not get the lease, and cannot release it.
            self.busy.discard(lease.id)
            raise

    async def _kept(self, user: str, server: str, target: str, name: str) -> Lease | None:
        for each in await self._ledger.of_server(user, server):
            if each.state is State.KEPT and (each.target, each.name) == (target, name):
                return each
        return None

    async def _take_up(self, kept: Lease, **changes: Any) -> Lease:
        self.busy.add(kept.id)
        try:
            return await self._note(kept, **changes)
        except BaseException:
            self.busy.discard(kept.id)
            raise

    async def named(self, lease: Lease, name: str) -> Lease:
        """The lease of a server whose resource gets another name, as hooks may say.

        Returns:
            The lease with that name; a kept one of it in its place, where there is one.

        Raises:
            LedgerError: It cannot be written down.
            LeaseEndedError: It has ended meanwhile.
        """
        if name == lease.name or lease.state is State.KEPT:
            return lease
        kept = await self._kept(lease.user, lease.server, lease.target, name)
        if kept is None:
            return await self._note(lease, name=name)
        await self.withdraw(lease)
        return await self._take_up(
            kept, choice=lease.choice, definition=lease.definition, attempt=lease.attempt
        )

    async def queued(self, lease: Lease) -> Lease:
        """It waits for its turn.

        Raises:
            LeaseEndedError: It has ended meanwhile.
        """
        if lease.state is State.KEPT:
            return lease
        return self._alive(await self._move(lease, Cause.QUEUE))

    async def launch(self, lease: Lease, *, token: int | None = None) -> Lease:
        """Commit that the call which makes something is about to be sent.

        Args:
            lease: The lease.
            token: The id of the server's API token.

        Raises:
            LeaseEndedError: It has ended meanwhile; nothing may be made.
            NameTakenError: Something may still exist under its name; nothing may be made. Call
                `failed` or `withdraw`, as after any failure.
            LedgerError: It cannot be written down; nothing may be made.
        """
        cause = Cause.RESUME if lease.state is State.KEPT else Cause.LAUNCH
        moved = await self._move(lease, cause, token=token, error="", tries=0, due=None, seen=None)
        if moved.state is not State.STARTING:
            raise LeaseEndedError(
                f"The start of {lease.log_name} has ended before anything was made.",
                hint="Start it again.",
            )
        await self._name_is_free(moved)
        return moved

    async def _name_is_free(self, mine: Lease) -> None:
        # Written first and looked then: whoever removes something of this name does it likewise, so
        # that one of the two sees the other.
        near = kin(self._watches, mine.target)
        for each in await self._ledger.active(name=mine.name):
            if each.target in near and each.id != mine.id and each.held:
                raise NameTakenError(
                    f"{each.name} of {each.log_name} is still {each.state} at {each.target}.",
                    hint="Wait until it is gone; `anywhere status` shows it.",
                )

    async def progress(self, lease: Lease, *, child: Mapping[str, Any]) -> Lease:
        """Keep what the child knows so far."""
        return await self._note(lease, child=dict(child))

    async def started(self, lease: Lease, *, child: Mapping[str, Any] | None = None) -> Lease:
        """It runs.

        Returns:
            The lease; one that is to go, where somebody wants that meanwhile.
        """
        changes: dict[str, Any] = {} if child is None else {"child": dict(child)}
        moved = await self._move(lease, Cause.STARTED, **changes)
        if changes and moved.state is State.RUNNING and dict(moved.child) != changes["child"]:
            # The reconciler was faster, and did not know this.
            moved = await self._note(moved, **changes)
        self.release(lease)
        return moved

    async def failed(self, lease: Lease, error: str) -> Lease:
        """It did not start, for whatever reason: what was made is to go."""
        fresh = await self._again(lease)
        cause = Cause.WITHDRAW if fresh.state in _UNMADE else Cause.FAIL
        moved = await self._move(fresh, cause, error=error, tries=0, due=None)
        if moved.state is State.STARTING:
            moved = await self._move(moved, Cause.FAIL, error=error, tries=0, due=None)
        self.release(lease)
        return moved

    async def withdraw(self, lease: Lease) -> Lease:
        """Nothing was made, and nothing will be."""
        moved = await self._move(lease, Cause.WITHDRAW)
        self.release(lease)
        return moved

    # --- the end ---------------------------------------------------------------------------------

    async def stop(self, lease: Lease) -> Lease:
        """Write down that it is to stop; the work of stopping is this process' until `release`."""
        self.busy.add(lease.id)
        try:
            return await self._ended(lease)
        except BaseException:
            # Who does not get the lease back cannot release it.
            self.release(lease)
            raise

    async def _ended(self, lease: Lease, **changes: Any) -> Lease:
        lease = await self._again(lease)
        for _ in range(2):
            cause = Cause.WITHDRAW if lease.state in _UNMADE else Cause.STOP
            lease = await self._move(lease, cause, tries=0, due=None, **changes)
            if lease.state not in _UNMADE | _MADE:
                break
        return lease

    async def proven(self, lease: Lease, observation: Observation | None = None) -> Lease:
        """The target says that nothing is there."""
        changes: dict[str, Any] = {"error": "", "due": None}
        if observation is not None and observation.detail:
            changes["error"] = observation.detail
        moved = await self._move(lease, Cause.PROVE_GONE, **changes)
        self.release(lease)
        return moved

    async def rest(self, lease: Lease) -> Lease:
        """It has ended, and what holds its user's files stays."""
        moved = await self._move(lease, Cause.REST, error="", tries=0, due=None)
        self.release(lease)
        return moved

    async def forget(self, lease: Lease) -> Lease:
        """It is to go with everything that it keeps."""
        fresh = await self._ended(lease, forever=True)
        fresh = await self._move(fresh, Cause.FORGET, forever=True, tries=0, due=None)
        if fresh.state is State.STOPPING and not fresh.forever:
            fresh = await self._note(fresh, forever=True, due=None)
        self.release(lease)
        return fresh

    def release(self, lease: Lease) -> None:
        """The work on it ends, in whatever way: the reconciler may go on. Call it in a finally."""
        self.busy.discard(lease.id)

    # --- writing ---------------------------------------------------------------------------------

    async def _move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """Change the state where the table has it; else the lease as it is by now."""
        for _ in range(_TRIES):
            if (lease.state, cause) not in TABLE:
                return lease
            try:
                return await self._ledger.move(lease, cause, **changes)
            except StaleError:
                lease = await self._again(lease)
        raise StaleError(f"The lease of {lease.log_name} changes all the time.")

    async def _note(self, lease: Lease, **changes: Any) -> Lease:
        for _ in range(_TRIES):
            if lease.state is State.GONE:
                return lease
            try:
                return await self._ledger.note(lease, **changes)
            except StaleError:
                lease = await self._again(lease)
        raise StaleError(f"The lease of {lease.log_name} changes all the time.")

    async def _again(self, lease: Lease) -> Lease:
        # What the ledger has no more is gone for long enough to be pruned.
        return await self._ledger.get(lease.id) or replace(lease, state=State.GONE)

    @staticmethod
    def _alive(lease: Lease) -> Lease:
        if lease.state is State.GONE:
            raise LeaseEndedError(
                f"The start of {lease.log_name} has ended before anything was made.",
                hint="Start it again.",
            )
        return lease
