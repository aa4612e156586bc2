"""A lease for a server that another spawner class has started: it is found, and nothing is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner.leasing import Leasing

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner


class Inherited(Leasing):
    """Mixed into AnywhereSpawner; does nothing for children that cannot mark what they found."""

    def __init__(self, **kwargs: Any) -> None:
        # Whether what was found may have no lease yet.
        self._owed = True
        super().__init__(**kwargs)

    async def _existing_child(self) -> Spawner | None:
        child = await super()._existing_child()
        if self._owed and child is not None:
            await self.hold_taken_over()
        return child

    async def hold_taken_over(self) -> None:
        """Write down that it is held, as a start would have; never raises.

        Its marks come between the two steps of the lease: whoever looks in between finds either
        what nobody has marked, which is left alone, or what is marked as this lease's.
        """
        try:
            await self._hold()
            self._owed = False
        except AnywhereError as error:
            # It runs on without a lease, as it did; the next look tries again.
            self.log.warning("%s is taken over without a lease: %s", self._log_name, error)

    async def _hold(self) -> None:
        child: Any = self.child
        if not hasattr(child, "anywhere_inherit"):
            return
        desk = await desks.settled()
        if desk is None or await self.lease() is not None:
            return
        name = await child.anywhere_inherited()
        if not name:
            return
        lease = await desk.book.begin(
            user=self.user.name,
            server=self.name,
            target=self._envelope.target,
            name=name,
            choice=dict(self._envelope.last),
            definition=self._envelope.definition,
        )
        try:
            await child.anywhere_inherit(lease.id, None)
        except BaseException:
            await desk.book.withdraw(lease)
            raise
        lease = await desk.book.launch(lease)
        self._lease = await desk.book.started(lease, child=self._child_state())
        self._looked_up = True
        self.save_state()
        self.log.info("%s has a lease now: %s", self._log_name, name)
