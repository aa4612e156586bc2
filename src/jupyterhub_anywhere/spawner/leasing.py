"""The half of AnywhereSpawner that writes down what it is about to make, and proves what has gone.

A lease is committed before the call that makes anything. What a start or a stop leaves undone, for
whatever reason, stands in the ledger, and the reconciler goes on with it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError, TargetError
from jupyterhub_anywhere.core.names import resource_name
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.ending import LOST_IN_LINE
from jupyterhub_anywhere.ledger.states import RUNS, Cause, State
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner import guard
from jupyterhub_anywhere.spawner.ending import Ending
from jupyterhub_anywhere.spawner.state import json_safe
from jupyterhub_anywhere.spawner.tokens import secrets_of_child, token_id
from jupyterhub_anywhere.targets.causes import failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.reasons import reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.desk import Desk

# Seconds that a start waits for an earlier server of its name to be gone, and between two looks.
_WAIT_SECONDS: Final = 15.0
_LOOK_EVERY: Final = 1.1
# Seconds that a child gets to clean up after a start that was cancelled.
_CLEAN_SECONDS: Final = 120.0
# States before anything is made.
_UNMADE: Final = frozenset({State.WANTED, State.QUEUED})
# Of a user's past leases, how many are looked at for the latest of one server.
_LATEST: Final = 100
_CONFLICT: Final = 409


def _attempt(lease: Lease) -> int:
    return lease.attempt


class Leasing(Ending):
    """Mixed into AnywhereSpawner; does nothing where there is no desk."""

    # The child's `start`, where it goes on although it was cancelled.
    unfinished: asyncio.Task[Any] | None

    def __init__(self, **kwargs: Any) -> None:
        self._lease: Lease | None = None
        self._queueing: asyncio.Future[None] | None = None
        self._looked_up = False
        # The lease that this process has started last, and when it ran, by the clock that nobody
        # sets.
        self._ran = ("", 0.0)
        super().__init__(**kwargs)

    @property
    def desk(self) -> Desk | None:
        """The desk of this process."""
        return desks.present()

    async def lease(self) -> Lease | None:
        """This server's newest lease that is not gone; asked once, then known."""
        desk = await desks.settled()
        if desk is None:
            return None
        if self._lease is None and not self._looked_up:
            found = await desk.ledger.of_server(self.user.name, self.name)
            self._looked_up = True
            # What was kept and is started again is older than what was made in between.
            self._lease = max(found, key=_attempt) if found else None
        return self._lease

    async def _fresh(self, desk: Desk) -> Lease | None:
        """The lease as the ledger has it now: the reconciler changes it too."""
        lease = await self.lease()
        if lease is not None:
            self._lease = await desk.ledger.get(lease.id)
        return self._lease

    # --- the start -------------------------------------------------------------------------------

    async def want(self) -> None:
        """Write down that a server is wanted, before anything is done for it.

        Raises:
            LedgerError: It cannot be written down; nothing was made.
        """
        desk = await desks.settled()
        if desk is None or self.child is None:
            return
        self._queueing = None
        self._lease = await desk.book.begin(
            user=self.user.name,
            server=self.name,
            target=self._envelope.target,
            name=self._resource_name(),
            choice=dict(self._envelope.last),
            definition=self._envelope.definition,
            keeps=self._keeps(),
        )
        self._looked_up = True

    def waits_in_line(self) -> None:
        """Write down that it is queued, once: whoever waits when a hub dies is told so."""
        if self._queueing is None and self._lease and self._lease.state is State.WANTED:
            self._queueing = asyncio.ensure_future(self._queue(self._lease))

    async def _queue(self, lease: Lease) -> None:
        if self.desk is None:
            return
        try:
            queued = await self.desk.book.queued(lease)
            if self._lease is lease:
                self._lease = queued
        except AnywhereError as error:
            # It ended meanwhile, or goes on: only the word for it is missing.
            self.log.debug("%s: %s", self._log_name, error)

    async def clear_the_way(self) -> None:
        """After the hooks, which may change the name: wait until an earlier server has left it.

        Raises:
            StartError: An earlier server of this name is not gone in time.
        """
        desk = self.desk
        if self._queueing is not None:
            # Who writes beside it has to read the lease again.
            await self._queueing
            self._queueing = None
        if desk is None or self._lease is None:
            return
        self._lease = await desk.book.named(self._lease, self._resource_name())
        await self._wait_for_the_earlier(desk, self._lease)

    async def launch(self) -> None:
        """Commit the lease of what is about to be made; right before the child's `start`.

        Raises:
            LedgerError: It cannot be written down; nothing was made.
        """
        desk = self.desk
        if desk is None or self._lease is None:
            return
        self._lease = await desk.book.launch(self._lease, token=self._token_id())
        child = self._started()
        child.anywhere_lease = self._lease.id
        child.anywhere_token = self._lease.token
        child.anywhere_progress = self.progressed

    async def progressed(self, **known: str) -> None:
        """The child knows more of what it is about to make.

        Args:
            known: What its state has later, as ``engine``: where that will be.

        Raises:
            LedgerError: It cannot be written down; nothing may be made.
        """
        desk = self.desk
        if desk is not None and self._lease is not None:
            state = {**self._child_state(), **known}
            self._lease = await desk.book.progress(self._lease, child=state)

    async def launched(self) -> None:
        """The child says that it runs."""
        desk = self.desk
        if desk is None or self._lease is None:
            return
        self._ran = self._lease.id, desk.clock.elapsed()
        try:
            self._lease = await desk.book.started(self._lease, child=self._child_state())
            desk.told.started(self._lease)
        except AnywhereError:
            # It runs; the reconciler finds it so.
            self.log.exception("The start of %s could not be written down", self._log_name)
            desk.book.release(self._lease)

    async def failed(self, error: BaseException) -> None:
        """The start did not come to its end: what was made is to go."""
        desk = self.desk
        if desk is None or self._lease is None:
            return
        lease, self._lease, self._looked_up = self._lease, None, False
        desk.told.failed(lease.target, str(failure_cause(error)))
        try:
            await desk.book.failed(lease, reason_of(error, secrets_of_child(self.child)))
        except AnywhereError:
            self.log.exception("The failure of %s could not be written down", self._log_name)
            desk.book.release(lease)
        if self.unfinished is not None:
            self._leave_to(desk, lease, self.unfinished)
        desk.kick()

    def _leave_to(self, desk: Desk, lease: Lease, task: asyncio.Task[Any]) -> None:
        """The child still cleans up: nobody else ends the same thing meanwhile, for a while."""
        desk.book.busy.add(lease.id)

        def done(_: object = None) -> None:
            # Whichever comes first, and once: later, the lease may be another start's.
            timer.cancel()
            task.remove_done_callback(done)
            desk.book.release(lease)
            desk.kick()

        timer = asyncio.get_running_loop().call_later(_CLEAN_SECONDS, done)
        task.add_done_callback(done)

    async def withdraw(self) -> None:
        """The start ended before anything was made."""
        desk = self.desk
        if desk is None or self._lease is None:
            return
        if (lease := self._lease).state in _UNMADE:
            mine = desk.in_charge(lease.id)
            await desk.book.withdraw(lease)
            self._lease, self._looked_up = None, False
            if not mine:  # It was a hub's that died.
                desk.told.ended(lease, LOST_IN_LINE)

    def _started(self) -> Any:
        raise NotImplementedError

    def _resource_name(self) -> str:
        """What the resource will be called: the child's own name for it, where it has one."""
        child: Any = self.child
        for attribute in ("resource", "object_name", "pod_name"):
            found = guard.guarded(
                lambda attribute=attribute: getattr(child, attribute, ""),  # type: ignore[misc]  # a default that mypy cannot infer
                self._what(attribute),
            )
            if isinstance(found, str) and found:
                return found
        return resource_name(self.site.info.hub_id, self.user.name, self.name)

    def _keeps(self) -> bool:
        found = guard.guarded(lambda: getattr(self.child, "anywhere_keeps", False), "keeps")
        return found is True

    def _child_state(self) -> dict[str, Any]:
        state = guard.guarded(self._started().get_state, self._what("get_state"))
        return dict(state) if isinstance(state, dict) and json_safe(state) else {}

    def _token_id(self) -> int | None:
        return token_id(self.orm_spawner, self._started().api_token)

    async def _wait_for_the_earlier(self, desk: Desk, mine: Lease) -> None:
        end = desk.clock.elapsed() + _WAIT_SECONDS
        while True:
            earlier = await self._earlier(desk, mine)
            if not earlier:
                return
            if desk.clock.elapsed() > end:
                raise StartError(
                    f"Your earlier server is still being stopped at {mine.target}. Please try again"
                    " in a few minutes; if that does not help, tell the administrator of this hub.",
                    reason="stopping",
                    log_message=f"{self._what('start')}: lease {earlier[0].id} is"
                    f" {earlier[0].state}: {earlier[0].error}",
                    status_code=_CONFLICT,
                )
            desk.kick()
            await asyncio.sleep(_LOOK_EVERY)

    async def _earlier(self, desk: Desk, mine: Lease) -> list[Lease]:
        """Other leases under which something of our name may exist; all of them are to end."""
        found = [
            each
            for each in await desk.ledger.of_server(self.user.name, self.name)
            if each.id != mine.id and each.held and self._has_its_name(desk, each, mine)
        ]
        for each in found:
            if each.live:
                # The hub starts this server anew, so it has no other.
                desk.book.release(await desk.book.stop(each))
            elif each.target not in desk.watches:
                await self._prove_unlisted(desk, each)
        return found

    @staticmethod
    def _has_its_name(desk: Desk, other: Lease, mine: Lease) -> bool:
        watch = desk.watches.get(mine.target)
        # Targets that share a list share its names.
        same = watch is not None and desk.watches.get(other.target) is watch
        return other.name == mine.name and (other.target == mine.target or same)

    async def _prove_unlisted(self, desk: Desk, lease: Lease) -> None:
        """Where nobody lists the target, its own spawner's word is all there is."""
        seen = await self.ask(lease)
        if seen.phase is Phase.GONE:
            desk.told.stopped(await desk.book.proven(lease))

    # --- while it runs ---------------------------------------------------------------------------

    async def watched(self) -> Observation | None:
        """What the target's last lists say of this server; None where the child is to be asked."""
        desk = await desks.settled()
        if desk is None or not self._envelope.target:
            return None
        watch = desk.watches.get(self._envelope.target)
        first = not self._looked_up
        lease = await self.lease()
        if first and self.child is None and await self._never_made(desk, lease):
            return Observation(Phase.GONE, "The hub ended before anything was made.")
        if watch is None or lease is None or lease.state not in RUNS:
            return None
        engine = lease.child.get("engine")
        watch.made_at(lease.name, engine if isinstance(engine, str) else "")
        if watch.latest is None:
            await watch.sweep()
        return watch.observe(lease.name, self._since(desk, lease))

    def _since(self, desk: Desk, lease: Lease) -> datetime:
        """From when on a list says something of it.

        The ledger has the time of day, which may have been set twice since the start without being
        noticed. What an earlier process has started is older than every list of this one.
        """
        begun, elapsed = self._ran
        if begun != lease.id:
            return lease.made or desk.clock.now()
        return desk.clock.now() - timedelta(seconds=desk.clock.elapsed() - elapsed)

    async def _never_made(self, desk: Desk, lease: Lease | None) -> bool:
        """Whether an earlier hub ended while this start had yet to wait for its turn.

        Its target stands in the hub's database by then; there may be nobody to ask there.
        """
        if lease is not None:
            return lease.state in _UNMADE and not desk.in_charge(lease.id)
        past = await desk.ledger.history(user=self.user.name, limit=_LATEST)
        mine = [each for each in past if each.server == self.name]
        return bool(mine) and max(mine, key=_attempt).cause == Cause.WITHDRAW

    # --- the end ---------------------------------------------------------------------------------

    async def stop(self, *args: Any, **kwargs: Any) -> None:
        """Write the wish down, stop the child, and look for the proof; never raises.

        What is not proven goes on in the background: the wish stands in the ledger.
        """
        lease = await self._wish()
        try:
            await super().stop(*args, **kwargs)
            if lease is not None:
                await self._prove(lease)
        except Exception:
            self.log.exception("Whether %s is gone could not be written down", self._log_name)
        finally:
            self._let_go(lease)

    async def _wish(self) -> Lease | None:
        try:
            desk = await desks.settled()
            if desk is None:
                return None
            lease = await self._fresh(desk)
            if lease is None or not lease.live:
                return lease
            return await desk.book.stop(lease)
        except Exception:
            # It is stopped all the same; the reconciler finds it gone.
            self.log.exception("The end of %s could not be written down", self._log_name)
            return None

    def _let_go(self, lease: Lease | None) -> None:
        self._lease, self._looked_up = None, False
        if self.desk is not None and lease is not None:
            self.desk.book.release(lease)
            self.desk.kick()

    async def _prove(self, lease: Lease) -> None:
        """Two answers that agree are a proof: the child's, and the target's list.

        Where they do not, the reconciler goes on.
        """
        desk, child = self.desk, self.child
        if desk is None or child is None or not lease.held:
            return
        watch = desk.watches.get(lease.target)
        answer = await guard.bounded(child.poll, self.poll_deadline, self._what("poll"))
        if answer is None or isinstance(answer, guard.Failed):
            return
        if watch is None:
            # Nobody lists this target: its own word is all there is.
            desk.told.stopped(await desk.book.proven(lease))
            return
        sweep = await watch.sweep()
        if not sweep.succeeded:
            return
        found = sweep.resources.get(lease.name)
        if found is None and sweep.trusted:
            desk.told.stopped(await desk.book.proven(lease))
        elif found is not None and found.alive is False and lease.keeps and found.keep:
            desk.told.stopped(await desk.book.rest(lease))

    def _leave(self, state: Any, reason: str) -> None:
        """What a stop that failed has left stands in the ledger where its target is looked at."""
        desk = self.desk
        if desk is None or self._envelope.target not in desk.watches:
            super()._leave(state, reason)
        else:
            self.log.error(
                "%s could not be stopped at %s, which is tried again: %s",
                self._log_name,
                self._envelope.target,
                reason,
            )

    async def end_left(self) -> None:
        """As `Ending`; what a place that cannot be listed says of its own is the proof there."""
        before = set(self._envelope.left)
        await super().end_left()
        desk, ended = self.desk, before - set(self._envelope.left)
        if desk is None or not ended:
            return
        for each in await desk.ledger.of_server(self.user.name, self.name):
            if each.state is State.STOPPING and each.target in ended - desk.watches.keys():
                desk.told.stopped(await desk.book.proven(each))

    async def run_post_stop_hook(self) -> None:
        """The hooks; a start that never came to making anything is withdrawn."""
        try:
            await self.withdraw()
        except Exception:
            self.log.exception("%s could not be withdrawn", self._log_name)
        await super().run_post_stop_hook()
        self._let_go(self._lease)

    async def delete_forever(self) -> None:
        """The children's; what is kept of this server is to go as well."""
        desk = self.desk
        if desk is not None:
            try:
                for each in await desk.ledger.of_server(self.user.name, self.name):
                    if each.state is not State.GONE:
                        await desk.book.forget(each)
            except Exception:
                self.log.exception("The end of %s could not be written down", self._log_name)
        await super().delete_forever()
        if desk is not None:
            desk.kick()

    async def rename(self, old_name: str, new_name: str) -> None:
        """The children's, and then the leases'.

        Raises:
            HTTPError: See `Ending.rename`.
        """
        await super().rename(old_name, new_name)
        if self.desk is not None:
            await self.desk.ledger.rename(self.user.name, old_name, new_name)

    # --- for the reconciler ----------------------------------------------------------------------

    async def halt(self, lease: Lease) -> None:
        """Stop what a lease holds by its own spawner, which keeps what is to be kept.

        Raises:
            TargetError: It could not be stopped.
        """
        child = self._child_of(lease)
        what = f"{self._log_name} at {lease.target}: stop"
        done = await guard.bounded(child.stop, self.stop_deadline, what)
        if isinstance(done, guard.Failed):
            raise TargetError(f"{what}: {done.reason}")

    async def ask(self, lease: Lease) -> Observation:
        """What a lease's own spawner says of it; never raises."""
        what = f"{self._log_name} at {lease.target}: poll"
        try:
            child = self._child_of(lease)
        except Exception as error:  # noqa: BLE001 - a foreign constructor
            return Observation(Phase.UNKNOWN, f"{type(error).__name__}: {error}")
        answer = await guard.bounded(child.poll, self.poll_deadline, what)
        if isinstance(answer, guard.Failed):
            return Observation(Phase.UNKNOWN, answer.reason)
        if answer is None:
            return Observation(Phase.RUNNING)
        return Observation(Phase.GONE, exit_code=answer if isinstance(answer, int) else None)

    def _child_of(self, lease: Lease) -> Any:
        """The spawner of a lease: the present child where it is this lease's, else one made for it.

        Raises:
            Exception: It cannot be made.
        """
        if self.child is not None and self._lease is not None and self._lease.id == lease.id:
            return self.child
        factory = self.site.factory(lease.target, lease.definition)
        if factory is None:
            raise TargetError(f"target {lease.target} is not declared any more")
        return self._build(factory, self._foreign_options, dict(lease.child))
