"""Who waits for which machine, in this process; and what becomes of a ticket that comes.

A start is expected under its key from before its machine is asked for until its server has ended.
A hub that was restarted knows its running servers again (their spawners expect them from
`load_state` on) and no start that was under way: such a ticket is refused, and the machine is ended
by the reconciler as any other leftover.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.targets.machines import tickets
from jupyterhub_anywhere.targets.machines.tickets import Reason, Record, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_anywhere.core.clock import Clock

    Told = Callable[[Refusal, str, str], None]

log = logging.getLogger(__name__)
# Of how many that wait no more something is kept.
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """A machine that asks.

    Attributes:
        address: Where it asks from.
        machine: What it says of itself, checked for its shape: see `docs/adr/0016`.
        again: Whether it has redeemed before, and asks by its credential: it was booted again, or
            the answer was lost.
    """

    address: str
    machine: Mapping[str, Any]
    again: bool = False


class Awaited(Protocol):
    """A server that is started, or runs, on a machine.

    Attributes:
        record: Of its ticket; None where no ticket is out. It is set to the used one before
            `redeemed` is called, and that has to keep it.
        credential: Of its machine; None before the redemption. Set likewise.
    """

    record: Record | None
    credential: Record | None

    @property
    def whose(self) -> str:
        """User and server, for an administrator."""

    async def redeemed(self, caller: Caller) -> Mapping[str, Any]:
        """The machine is there: keep both records and where it is, and tell its job.

        Returns:
            The job, plain JSON, see `docs/adr/0016`. It holds the server's environment.

        Raises:
            JobRefusedError: This machine gets none, in words for its user.
        """

    async def reported(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """The machine tells how far it is.

        Returns:
            ``{"lease": "held" or "revoked"}``, and ``job`` where another server is to be started.
        """

    def refused(self, refusal: Refusal, address: str) -> None:
        """Somebody came with a ticket or credential of this start, and was turned away.

        Called for everything but a try that was not looked at. Never raises.
        """


class JobRefusedError(Exception):
    """A machine that has redeemed its ticket gets no job: its text is for people."""


@dataclass(frozen=True, slots=True)
class _Past:
    """Of a server that waits for its machine no more."""

    whose: str
    record: Record | None
    credential: Record | None

    @classmethod
    def of(cls, awaited: Awaited) -> Self:
        """What is kept of it: records that open nothing."""
        both = awaited.record, awaited.credential
        record, credential = (None if each is None else each.ended() for each in both)
        return cls(awaited.whose, record, credential)


class Waiting:
    """All that wait, by key.

    Of those that wait no more, the records are kept for a while, of which no more than 'stopped'
    comes: a machine that is being switched off goes on to report, and nobody need look into that.

    Args:
        clock: The time.
        limits: How many refusals there may be.
    """

    def __init__(self, clock: Clock | None = None, limits: tickets.Limits | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._limits = limits or tickets.Limits()
        self._awaited: dict[str, Awaited] = {}
        self._past: OrderedDict[str, _Past] = OrderedDict()
        self._told: list[Told] = []

    def expect(self, key: str, awaited: Awaited) -> None:
        """Wait for a machine; who waited under that key before waits no more."""
        self._awaited[key] = awaited
        self._past.pop(key, None)

    def forget(self, key: str, awaited: Awaited | None = None) -> None:
        """Wait no more; its ticket and credential open nothing from now on.

        Args:
            key: The start's key; one that nobody waits for is no error.
            awaited: Only where it is this one that waits.
        """
        if awaited is None or self._awaited.get(key) is awaited:
            found = self._awaited.pop(key, None)
            if found is not None:
                self._past[key] = _Past.of(found)
                while len(self._past) > _REMEMBERED:
                    self._past.popitem(last=False)

    def found(self, key: str) -> Awaited | None:
        """Who waits under a key."""
        return self._awaited.get(key)

    def _known(self, key: str) -> Awaited | _Past | None:
        """Who waits under a key, or what is kept of who did."""
        return self._awaited.get(key) or self._past.get(key)

    def on_refusal(self, told: Told) -> None:
        """Have a function told of every refusal, its address and whose server it named.

        Once, however often it is given. The last is empty where none of that name waits.
        """
        if told not in self._told:
            self._told.append(told)

    # --- what machines ask -----------------------------------------------------------------------

    async def redeem(
        self, ticket: object, credential: object, caller: Caller
    ) -> Mapping[str, Any] | Refusal:
        """Exchange a ticket for a job, once.

        Args:
            ticket: As it came.
            credential: The secret that the machine has made; well-formed.
            caller: The machine.

        Raises:
            JobRefusedError: The ticket was right, and there is no job for this machine.
        """
        key = tickets.key_of(ticket)
        awaited = self._awaited.get(key)
        known = self._known(key)
        record = known.record if known is not None else None
        if awaited is not None and self._lost_answer(awaited, key, ticket, credential, caller):
            return await awaited.redeemed(replace(caller, again=True))
        found = tickets.redeem(record, ticket, caller.address, self._clock.now().timestamp())
        if isinstance(found, Refusal) or awaited is None:
            refusal = found if isinstance(found, Refusal) else Refusal(Reason.UNKNOWN, key)
            return self._refuse(refusal, caller.address)
        # Nothing is awaited between the look and this: no second one sees it unused.
        awaited.record = found.record
        awaited.credential = tickets.credential_record(key, credential)
        return await awaited.redeemed(caller)

    def _lost_answer(
        self, awaited: Awaited, key: str, ticket: object, credential: object, caller: Caller
    ) -> bool:
        """Whether this is the machine that has redeemed it, and has not heard so.

        It is its credential that opens then, as it would without the ticket.
        """
        record = awaited.record
        return (
            record is not None
            and record.used is not None
            and isinstance(ticket, str)
            and tickets.refused(awaited.credential, f"{key}.{credential}", caller.address) is None
        )

    def admit(self, credential: object, address: str) -> tuple[str, Awaited] | Refusal:
        """Who a machine works for, by its credential (``KEY.SECRET``)."""
        key, _ = tickets.credential_of(credential)
        awaited = self._awaited.get(key)
        known = self._known(key)
        record = known.credential if known is not None else None
        refusal = tickets.refused(record, credential, address)
        if refusal is not None or awaited is None:
            return self._refuse(refusal or Refusal(Reason.UNKNOWN, key), address)
        return key, awaited

    def _refuse(self, refusal: Refusal, address: str) -> Refusal:
        # What is right is never limited: many machines may be behind one address, and one of them
        # would shut the others out.
        if self._limits.reached(address, refusal.key, self._clock.elapsed()):
            refusal = Refusal(Reason.TOO_MANY, refusal.key)
        awaited = self._awaited.get(refusal.key)
        if refusal.reason is not Reason.TOO_MANY:
            self._limits.refused(address, refusal.key, self._clock.elapsed())
            if awaited is not None:
                awaited.refused(refusal, address)
        known = self._known(refusal.key)
        whose = "" if known is None else known.whose
        named = whose or refusal.key or "-"
        level = logging.INFO if refusal.reason is Reason.STOPPED else logging.WARNING
        log.log(level, "Refused a machine at %s: %s (%s)", address, refusal.reason, named)
        for told in self._told:
            told(refusal, address, whose)
        return refusal


hub: Final = Waiting()
"""The one of this process."""

expect = hub.expect
forget = hub.forget
