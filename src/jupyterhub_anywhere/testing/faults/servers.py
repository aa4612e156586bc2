"""Cycles with a server that ends, stands still or is slow, with its hub there or away."""

from __future__ import annotations

import enum
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from jupyterhub_anywhere.testing.faults.run import (
    Doing,
    Outcome,
    Subject,
    judge,
    ready_bystander,
    settled,
    wait,
)

if TYPE_CHECKING:
    from jupyterhub_anywhere.testing.faults.run import Before

# Seconds in which a hub has to notice that a server has ended, and in which one that runs may do
# something about a server that is slow.
_NOTICE: Final = 15.0
_IDLE: Final = 5.0


class Harm(enum.StrEnum):
    """What is done to a server, in the words of the table."""

    KILLED = "its server is killed"
    STARVED = "its server needs more memory than it may have"
    FROZEN = "its server stands still for some time"
    PAUSED = "its container is paused for some time"
    DEAF = "its server does not answer for some time"


# After these there is no server any more; the others are slow, which is not gone.
_ENDS: Final = frozenset({Harm.KILLED, Harm.STARVED})
# What begins and ends each. Servers of tests take the last pair for closing their ears.
_SIGNALS: Final = {
    Harm.KILLED: (signal.SIGKILL, None),
    Harm.FROZEN: (signal.SIGSTOP, signal.SIGCONT),
    Harm.DEAF: (signal.SIGUSR1, signal.SIGUSR2),
}


class Harmful(Subject, Protocol):
    """A subject whose servers can be signalled."""

    def signal(self, user: str, number: signal.Signals) -> None:
        """Signal the user's server itself, behind the back of its hub."""


@runtime_checkable
class Contained(Protocol):
    """A subject whose servers are containers, for the harms that there are to containers only."""

    def pause(self, user: str, *, on: bool) -> None:
        """Have the engine pause the user's container, or go on with it."""

    def starve(self, user: str) -> None:
        """Have the user's server take memory until the kernel ends it, and wait for that."""


class Harms:
    """Harms servers of one hub again and again; each cycle has a user of its own.

    Args:
        subject: The hub, which runs.
        seconds: How long the hub may take to put things right.
        name: What users' names begin with.
        slow: For how many seconds a server is slow while its hub comes back: longer than a hub of
            tests waits for one that ends each connection without an answer. A single question
            may wait for five minutes in JupyterHub, so that one which stands still outlives this.
    """

    def __init__(
        self,
        subject: Harmful,
        *,
        seconds: float = 12.0,
        name: str = "harmed",
        slow: float = _NOTICE,
    ) -> None:
        self._subject, self._seconds, self._name = subject, seconds, name
        self._slow = slow
        self._cycles = 0

    def cycle(self, doing: Doing, harm: Harm) -> Outcome:
        """Harm a server, and judge.

        Args:
            doing: `Doing.RUN`, or `Doing.RESTART`: the hub is killed before, and comes back.
            harm: What is done.
        """
        subject = self._subject
        self._cycles += 1
        user = f"{self._name}{self._cycles}"
        before = ready_bystander(subject)
        running = settled(subject, user)
        before.files[user] = subject.files(user)
        if harm not in _ENDS:
            before.healthy[user] = running
        if doing is Doing.RESTART:
            subject.kill()
        try:
            came_up = self._harmed(doing, harm, user)
        finally:
            if user in subject.running():
                self._do(harm, user, on=False)
        outcome = self._judged(user, before, came_up=came_up)
        if outcome.hub_up:
            if subject.told(user).ready:
                subject.ask_stop(user)
            subject.clear(user)
        return replace(outcome, fault=str(harm), doing=str(doing))

    def _harmed(self, doing: Doing, harm: Harm, user: str) -> bool:
        """Harm the server, and give the hub time to notice; whether the hub is there."""
        subject = self._subject
        self._do(harm, user, on=True)
        if doing is Doing.RESTART:
            try:
                subject.boot()
            except AssertionError:
                return False
        if harm in _ENDS:
            wait(lambda: not subject.told(user).ready, _NOTICE)
        else:
            # A hub that stops it does so by then.
            seconds = self._slow if doing is Doing.RESTART else _IDLE
            wait(lambda: not (told := subject.told(user)).ready and not told.pending, seconds)
        return not subject.ended()

    def _do(self, harm: Harm, user: str, *, on: bool) -> None:
        """Begin a harm, or end it where it does not end by itself."""
        subject = self._subject
        if harm in _SIGNALS:
            number = _SIGNALS[harm][0 if on else 1]
            if number is not None:
                subject.signal(user, number)
            return
        if not isinstance(subject, Contained):
            raise TypeError(f"{harm}: the servers of this hub are no containers")
        if harm is Harm.PAUSED:
            subject.pause(user, on=on)
        elif on:
            subject.starve(user)

    def _judged(self, user: str, before: Before, *, came_up: bool) -> Outcome:
        if not came_up:
            return Outcome(fault="", doing="", hub_up=False)
        return judge(self._subject, list({user, *before.healthy}), before, self._seconds)
