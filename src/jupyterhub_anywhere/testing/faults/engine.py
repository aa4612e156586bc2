"""Cycles with an engine that misbehaves while its hub does something."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from jupyterhub_anywhere.testing.faults.rules import Action, Rule, read_only
from jupyterhub_anywhere.testing.faults.run import (
    Doing,
    Outcome,
    judge,
    ready_bystander,
    settled,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyterhub_anywhere.testing.faults.control import Called
    from jupyterhub_anywhere.testing.faults.run import Before, Subject

# Calls that matter for what a hub does: method and path, for `Rule`.
CALLS: Final = {
    Doing.START: ("POST", "^/containers/(create|[^/]+/start)"),
    Doing.STOP: ("POST|DELETE", r"^/containers/[^/]+(/stop|/kill|\?|$)"),
    Doing.RESTART: ("GET", "^/containers/"),
}
# Seconds that a call waits: more than clients do here.
SLOW: Final = 8.0
# How long the engine misbehaves at most, and how long a hub may take for what it was asked.
_PATIENCE: Final = 15.0
# Seconds in which a fault that waits for a call is met, once the hub has done what it was asked.
_MEET: Final = 5.0


class Broken(Protocol):
    """What can break an engine; a `control.Control` is one."""

    def rules(self, *rules: Rule) -> None:
        """Replace all rules; none heals the engine."""

    def calls(self) -> Sequence[Called]:
        """All calls since the last `clear`."""

    def clear(self) -> None:
        """Forget the calls so far."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an engine misbehaves.

    Attributes:
        name: For people and for the table.
        action: What is done to the calls that matter.
        count: To how many of them; None for all while it lasts.
        status: Of `Action.STATUS`.
    """

    name: str
    action: Action
    count: int | None = None
    status: int = 500

    def rules(self, doing: Doing) -> list[Rule]:
        """The rules for a proxy."""
        if self.name == READ_ONLY:
            return [read_only()]
        method, path = CALLS[doing]
        if self.action is Action.EMPTY:
            # Whatever is done: an empty list is an answer to listings only.
            method, path = "GET", "^/containers/json"
        return [
            Rule(
                self.action,
                method,
                path,
                count=self.count,
                seconds=SLOW,
                status=self.status,
            )
        ]


READ_ONLY: Final = "the engine refuses every change"
FAULTS: Final = (
    Fault("the engine answers 500", Action.STATUS),
    Fault("the engine answers 500 once", Action.STATUS, count=1),
    Fault("the engine answers 404 once", Action.STATUS, count=1, status=404),
    Fault("the engine answers 409 once", Action.STATUS, count=1, status=409),
    Fault("the engine answers 429", Action.STATUS, status=429),
    Fault("the connection is cut before each call", Action.CUT),
    Fault("the connection is cut after one call", Action.CUT_AFTER, count=1),
    Fault("the connection is cut within one answer", Action.CUT_WITHIN, count=1),
    Fault("one answer is lost", Action.LOSE, count=1),
    Fault("each call is slower than anybody waits", Action.DELAY),
    Fault("each answer is half of its JSON", Action.TRUNCATE),
    Fault("one answer comes twice", Action.TWICE, count=1),
    Fault("one call arrives twice", Action.REPEAT, count=1),
    Fault(READ_ONLY, Action.STATUS, status=403),
    Fault("one list is empty", Action.EMPTY, count=1),
)


def named(name: str) -> Fault:
    """The fault of a name.

    Raises:
        KeyError: There is none.
    """
    return {fault.name: fault for fault in FAULTS}[name]


class Breaks:
    """Breaks the engine of one hub again and again; each cycle has a user of its own.

    Args:
        subject: The hub, which runs.
        engine: What breaks its engine.
        seconds: How long the hub may take to put things right once the engine is well.
        name: What users' names begin with.
    """

    def __init__(
        self, subject: Subject, engine: Broken, *, seconds: float = 12.0, name: str = "broken"
    ) -> None:
        self._subject, self._engine = subject, engine
        self._seconds, self._name = seconds, name
        self._cycles = 0

    def cycle(self, doing: Doing, fault: Fault) -> Outcome:
        """Break the engine while the hub does something, heal it, and judge.

        A fault that waits for a call which the hub never makes is not reached.
        """
        subject = self._subject
        self._cycles += 1
        user = f"{self._name}{self._cycles}"
        before = ready_bystander(subject)
        subject.add(user)
        if doing is not Doing.START:
            running = settled(subject, user)
            if doing is Doing.RESTART:
                before.healthy[user] = running
            before.files[user] = subject.files(user)
        try:
            came_up = self._broken(doing, fault, user)
            met = self._met(fault)
        finally:
            self._engine.rules()
        outcome = self._judged(user, before, came_up=came_up)
        forgotten = doing is Doing.STOP and outcome.hub_up and subject.told(user).ready
        self._tidy(user)
        told = replace(outcome, fault=fault.name, doing=str(doing), forgotten=forgotten)
        return replace(told, reached=met)

    def _met(self, fault: Fault) -> bool:
        """Whether the fault was there for the hub; one that lasts is, whatever the hub asks."""
        engine = self._engine
        return fault.count is None or wait(
            lambda: any(each.action for each in engine.calls()), _MEET
        )

    def _broken(self, doing: Doing, fault: Fault, user: str) -> bool:
        """Do it with a broken engine; whether the hub is still there."""
        subject = self._subject
        if doing is Doing.RESTART:
            subject.kill()
        self._engine.clear()
        self._engine.rules(*fault.rules(doing))
        match doing:
            case Doing.START:
                subject.ask_start(user)
            case Doing.STOP:
                subject.ask_stop(user)
            case Doing.RESTART:
                subject.launch()
                wait(lambda: subject.up() or subject.ended(), 2 * _PATIENCE)
                if subject.ended():
                    return False
        if subject.up():
            wait(lambda: not subject.told(user).pending, _PATIENCE)
        return not subject.ended()

    def _judged(self, user: str, before: Before, *, came_up: bool) -> Outcome:
        if came_up:
            wait(self._subject.up, 2 * _PATIENCE)
            return judge(self._subject, [user, *before.healthy], before, self._seconds)
        # With an engine that is well, an administrator would start it again.
        self._subject.boot()
        outcome = judge(self._subject, [user, *before.healthy], before, self._seconds)
        return replace(outcome, hub_up=False)

    def _tidy(self, user: str) -> None:
        if self._subject.told(user).ready:
            self._subject.ask_stop(user)
        self._subject.clear(user)


def engine_dies(
    subject: Subject,
    end: Callable[[], None],
    begin: Callable[[], None],
    *,
    live: bool,
    seconds: float = 30.0,
) -> Outcome:
    """End an engine under a hub that runs, let it come back, and judge.

    Args:
        subject: The hub, which runs.
        end: Ends the engine.
        begin: Starts it again, and returns when it answers.
        live: Whether its servers go on without it; else all of them are to be known as ended.
        seconds: How long the hub may take to put things right once the engine is back.
    """
    user = "outlived"
    before = ready_bystander(subject)
    running = settled(subject, user)
    before.files[user] = subject.files(user)
    users = [user, *before.healthy]
    if live:
        before.healthy[user] = running
    end()
    try:
        # Long enough for the hub to ask in vain.
        wait(lambda: not subject.told(user).ready, _PATIENCE / 3)
    finally:
        begin()
    if not live:
        wait(lambda: not any(subject.told(each).ready for each in users), seconds)
    outcome = judge(subject, users, before, seconds, healthy=live)
    for each in users:
        subject.clear(each)
    return replace(outcome, fault=_ENDS[live], doing=str(Doing.RUN))


_ENDS: Final = {
    True: "the engine is killed, and servers outlive it",
    False: "the engine is killed, and servers end with it",
}
