"""Doing what was decided: each thing bounded, guarded, and without harm to the others."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.ledger.actions import (
    REAP,
    Action,
    Adopt,
    Disown,
    Drop,
    End,
    Move,
    Note,
    Reap,
    Revoke,
    subject,
)
from jupyterhub_anywhere.ledger.ending import explained
from jupyterhub_anywhere.ledger.errors import DuplicateError, StaleError
from jupyterhub_anywhere.ledger.lease import Lease, new_id
from jupyterhub_anywhere.ledger.lookout import kin
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Inventory, Resource, Watching
    from jupyterhub_anywhere.ledger.hubside import HubSide
    from jupyterhub_anywhere.ledger.policy import Policy
    from jupyterhub_anywhere.ledger.ports import Leases

log = logging.getLogger(__name__)

_MAKING = frozenset({State.STARTING, State.RUNNING, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one action.

    Attributes:
        action: What was to be done.
        error: Why it was not done, for an administrator; empty where it was.
    """

    action: Action
    error: str = ""


class Executor:
    """Does what was decided.

    Args:
        ledger: Every lease.
        hub: The hub.
        watches: Target name to what looks at it.
        clock: The time.
        policy: How patient it is.
        chance: Gives a number of 0 to 1, for the jitter.
    """

    def __init__(  # noqa: PLR0913 - each is one of the things that it acts on
        self,
        ledger: Leases,
        hub: HubSide,
        watches: Mapping[str, Watching],
        *,
        clock: Clock,
        policy: Policy,
        chance: Callable[[], float],
    ) -> None:
        self._ledger, self._hub, self._watches = ledger, hub, watches
        self._clock, self._policy, self._chance = clock, policy, chance

    async def do(self, action: Action) -> Done:
        """Do one thing; never raises but where it is cancelled."""
        try:
            async with asyncio.timeout(self._policy.bound):
                await self._do(action)
        except StaleError:
            # Somebody else has changed it: what is right now is found out by the next look.
            return Done(action, "it has changed meanwhile")
        except TimeoutError as error:
            text = str(error) or f"not within {self._policy.bound:g} seconds"
            return await self._failed(action, text)
        except Exception as error:  # noqa: BLE001 - targets, spawners and hubs raise anything
            return await self._failed(action, f"{type(error).__name__}: {error}")
        return Done(action)

    async def _failed(self, action: Action, error: str) -> Done:
        log.warning("%s: %s failed: %s", subject(action), type(action).__name__.lower(), error)
        if isinstance(action, End):
            try:
                await self._put_off(action.lease.id, error)
            except Exception:
                log.exception("%s: that could not be written down", subject(action))
        return Done(action, error)

    async def _do(self, action: Action) -> None:
        match action:
            case Move():
                await self._move(action)
            case Note(lease=lease, changes=changes):
                await self._ledger.note(lease, **changes)
            case End():
                await self._end(action)
            case Adopt(target=target, resource=resource, state=state):
                await self.adopt(target, resource, state)
            case Reap(target=target, resource=resource):
                await self.reap(target, resource)
            case Drop():
                await self._drop(action)
            case Revoke() | Disown():
                await self._revoke(action)

    async def _move(self, action: Move) -> None:
        lease = action.lease
        if self._hub.in_charge(lease.id):
            return
        log.info("%s: %s, %s", subject(action), action.cause, action.changes.get("error") or "")
        await self._ledger.move(lease, action.cause, **action.changes)
        tell, drop = action.tell, action.drop
        if drop:
            # Before anything of it is removed, which may know.
            tell = drop = await explained(drop, lease, self._watches.get(lease.target))
        if tell:
            await self._hub.tell(lease.user, lease.server, tell)
        if drop:
            await self._drop(Drop(lease.user, lease.server, drop))

    async def _drop(self, action: Drop) -> None:
        """Take leave of a server, where it has not been started anew meanwhile."""
        server = action.user, action.server
        leases = await self._ledger.of_server(*server)
        known = self._hub.servers().get(server)
        if known is None or known.pending or any(each.state in _MAKING for each in leases):
            return
        if any(self._hub.in_charge(each.id) for each in leases):
            return
        await self._hub.drop(*server, action.reason)

    async def _revoke(self, action: Revoke | Disown) -> None:
        of = action.token if isinstance(action, Revoke) else action.client
        known = self._hub.servers().get((of.user, of.server))
        if known is not None and known.pending:
            # It may be a new one's by now.
            return
        log.info("%s is of a server that is dead", subject(action))
        if isinstance(action, Revoke):
            await self._hub.revoke(of.id, instead=action.instead)
        else:
            await self._hub.disown(of.id)

    # --- leases for what has none ----------------------------------------------------------------

    async def adopt(self, target: str, resource: Resource, state: State) -> Lease:
        """Make a lease for what has none."""
        log.info("%s at %s has no lease, and is adopted as %s", resource.name, target, state)
        return await self._add(self._lease(target, resource, state, "adopt"))

    async def reap(self, target: str, resource: Resource, *, files: bool = False) -> Lease:
        """Write down that what nobody wants is to go; it goes like all that is stopped.

        Args:
            target: Where it is.
            resource: What.
            files: Whether it goes with what it keeps, as a person may say.
        """
        log.warning("%s at %s is nobody's, and is to end", resource.name, target)
        forever = files or not resource.keep
        return await self._add(self._lease(target, resource, State.STOPPING, REAP, forever=forever))

    async def _add(self, lease: Lease) -> Lease:
        try:
            return await self._ledger.add(lease)
        except DuplicateError:
            # It came into being, or came back, after its own lease had been proven gone.
            return await self._ledger.add(replace(lease, id=new_id()))

    def _lease(
        self, target: str, resource: Resource, state: State, cause: str, **changes: Any
    ) -> Lease:
        engine = resource.handle.get("engine")
        fields: dict[str, Any] = {
            "id": resource.lease or new_id(),
            "hub": self._ledger.hub,
            "user": resource.user,
            "server": resource.server,
            "target": target,
            "name": resource.name,
            "state": state,
            "keeps": resource.keep,
            "child": {"engine": engine} if engine else {},
            "steps": {state: self._clock.now()},
            "cause": cause,
        }
        return Lease(**{**fields, **changes})

    # --- the end of what is to go ----------------------------------------------------------------

    async def _end(self, action: End) -> None:
        lease = await self._ledger.get(action.lease.id)
        # Written first and looked then, as in `Book.launch`: one of the two sees the other.
        if lease is None or lease.state is not action.lease.state:
            return
        if self._hub.in_charge(lease.id) or await self._is_made_anew(lease):
            return
        if action.resource is not None and not action.halt:
            await self._inventory(lease.target).destroy(action.resource)
        elif action.resource is None or not await self._put_to_rest(lease, action.resource):
            await self._hub.halt(lease)
        # Not its own word, but the next list proves that it is gone.
        await self._put_off(lease.id, "")

    async def _put_to_rest(self, lease: Lease, resource: Resource) -> bool:
        """Stop what keeps files and that no spawner has a record of; False where one has.

        Its lease was made from a label, which says whose it is and not what its spawner knew.
        """
        # See `core.inventory.Resting`; not every inventory is one.
        end = getattr(self._inventory(lease.target), "end", None)
        if end is None or lease.child.keys() - {"engine"}:
            return False
        await end(resource)
        return True

    async def _is_made_anew(self, lease: Lease) -> bool:
        near = kin(self._watches, lease.target)
        return any(
            each.id != lease.id
            and each.name == lease.name
            and each.target in near
            and each.state in _MAKING
            for each in await self._ledger.active()
        )

    def _inventory(self, target: str) -> Inventory:
        return self._watches[target].inventory

    async def _put_off(self, lease_id: str, error: str) -> None:
        """Count the try, and say when the next one is."""
        lease = await self._ledger.get(lease_id)
        if lease is None or lease.state not in {State.STOPPING, State.KEPT}:
            return
        tries = lease.tries + 1
        await self._ledger.note(lease, tries=tries, error=error, due=self._due(tries))

    def _due(self, tries: int) -> datetime:
        return self._clock.now() + timedelta(seconds=self._policy.delay(tries, self._chance))
