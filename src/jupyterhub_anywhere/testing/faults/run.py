"""Cycles: a hub dies at a place, comes back, and is judged by what exists then.

A cycle needs a `Subject`: a hub with its servers, and a way to see what really runs. It does not
matter whose spawner the hub uses; the judgement asks the hub's API and the world only.
"""

from __future__ import annotations

import enum
import re
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from jupyterhub_anywhere.testing.faults import kills, places
from jupyterhub_anywhere.testing.faults.kills import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

# Seconds: a place that is not reached by then is not reached in this run.
_REACH: Final = 30.0
# Looks in a row at which all is well, and seconds between them.
_LOOKS: Final = 2
_PAUSE: Final = 0.5
# Seconds that a hub may wait for anything before that counts as broken.
_PENDING: Final = 60.0
BYSTANDER: Final = "bystander"


class CycleError(Exception):
    """What has to work without any fault does not."""


class Doing(enum.StrEnum):
    """What a hub does when it dies."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RUN = "run"
    RECONCILE = "reconcile"


class Trouble(enum.StrEnum):
    """What a sweep has to set right."""

    NONE = ""
    # Something runs under the hub's label, and nobody is there for it.
    STRAY = "stray"
    # A server's end was written down and not begun.
    WISH = "wish"
    # A server has ended by itself.
    ENDED = "ended"
    # A healthy server's lease is lost.
    UNHELD = "unheld"


# What a hub does something in, so that it can die of it.
FLOWS: Final = (Doing.START, Doing.STOP, Doing.RESTART)


@dataclass(frozen=True, slots=True)
class Told:
    """What a hub's API says of one user.

    Attributes:
        ready: Whether the default server is ready.
        pending: What it is waiting for; empty for nothing.
        tokens: How many tokens of servers are valid.
    """

    ready: bool = False
    pending: str = ""
    tokens: int = 0


class Subject(Protocol):
    """A hub, and the world that it makes servers in. Default servers only."""

    @property
    def folder(self) -> Path:
        """Where `kills.install` in the hub looks for its plan."""

    def boot(self) -> None:
        """Start the hub, and wait until it answers.

        Raises:
            AssertionError: It does not come up.
        """

    def launch(self) -> None:
        """Start the hub, and do not wait."""

    def kill(self) -> None:
        """End the hub, and nothing else."""

    def ended(self) -> bool:
        """Whether the hub's process has ended."""

    def up(self) -> bool:
        """Whether the hub answers."""

    def add(self, user: str) -> None:
        """Make a user."""

    def ask_start(self, user: str) -> None:
        """Ask for a start; no matter what comes of it, and nobody waits for the server."""

    def ask_stop(self, user: str) -> None:
        """Ask for a stop; no matter what comes of it."""

    def told(self, user: str) -> Told:
        """What the hub says."""

    def running(self) -> Mapping[str, frozenset[str]]:
        """User to what really runs for the user: identities that never mean another one."""

    def serves(self, user: str) -> bool:
        """Whether the user's server is reached through the proxy."""

    def files(self, user: str) -> str:
        """What the user's home or volume has, as it has to stay; empty for none."""

    def clear(self, user: str) -> None:
        """End what really runs for the user, whatever the hub thinks."""

    def trouble(self, user: str, sort: Trouble, plan: Plan) -> None:
        """Make trouble at a moment, and write a plan in the same moment of the hub's."""


@runtime_checkable
class Keeping(Protocol):
    """A subject whose servers leave something behind that they are started again with."""

    def kept(self) -> Collection[str]:
        """Users of whom something is kept, running or not. The token in it stays valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one cycle.

    Attributes:
        fault: What was done to the hub or its engine, for people.
        doing: What the hub was doing.
        reached: Whether it came to that; nothing else counts where it did not.
        leaked: Users of whom something runs that the hub does not know.
        lost: Users whose healthy server was stopped, cut off or forgotten.
        ghosts: Users of whose server the hub says that it is ready, and nothing runs.
        tokens: Users with valid tokens of servers that are none.
        files: Users whose files are not what they were.
        amiss: Users of whom ledger, hub and targets disagree in the end, where there is a ledger.
        forgotten: Whether a stop that was asked for was not gone on with. For information: the
            hub, at least, knows of the server.
        hub_up: Whether the hub came back.
        strangers: Whether a process of somebody else was ended.
        stuck: Whether no server can be started afterwards.
    """

    fault: str
    doing: str
    reached: bool = True
    leaked: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    ghosts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    amiss: tuple[str, ...] = ()
    forgotten: bool = False
    hub_up: bool = True
    strangers: bool = False
    stuck: bool = False

    @property
    def failures(self) -> tuple[str, ...]:
        """The promises that were broken, by their names here."""
        names = ("leaked", "lost", "ghosts", "tokens", "files", "amiss", "strangers", "stuck")
        broken = [name for name in names if getattr(self, name)]
        return tuple(broken if self.hub_up else [*broken, "hub_up"])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(slots=True)
class Before:
    """What was there before the fault.

    Attributes:
        healthy: User to what ran and served: it has to go on.
        files: User to files.
        ends: Users of whom nothing may be left, whatever the hub says of them.
        stale: User to how many tokens an earlier fault has left, of which this one is not guilty.
    """

    healthy: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    ends: set[str] = field(default_factory=set)
    stale: dict[str, int] = field(default_factory=dict)


def wait(condition: Callable[[], bool], seconds: float = _REACH) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def look(subject: Subject, users: Iterable[str], before: Before, *, healthy: bool) -> Outcome:
    """Judge once what is there now.

    Args:
        subject: The hub.
        users: Those who are judged.
        before: What was there before.
        healthy: Whether those who had a server have to have it still.
    """
    if not subject.up():
        return Outcome(fault="", doing="", hub_up=False)
    told = {user: subject.told(user) for user in users}
    running = subject.running()
    here = {user: running.get(user, frozenset()) for user in told}
    known = {user for user, each in told.items() if each.ready or each.pending} - before.ends
    healthy_then = before.healthy if healthy else {}
    holders = known.union(subject.kept() if isinstance(subject, Keeping) else ())

    def lost(user: str, then: frozenset[str]) -> bool:
        return not (told[user].ready and then <= here[user] and subject.serves(user))

    return Outcome(
        fault="",
        doing="",
        leaked=tuple(user for user in told if here[user] and user not in known),
        lost=tuple(user for user, then in healthy_then.items() if lost(user, then)),
        ghosts=tuple(user for user in told if told[user].ready and not here[user]),
        tokens=tuple(
            user
            for user, each in told.items()
            if each.tokens > (user in holders) + before.stale.get(user, 0)
        ),
        files=tuple(
            user for user, then in before.files.items() if then and subject.files(user) != then
        ),
    )


def judge(
    subject: Subject, users: Sequence[str], before: Before, seconds: float, *, healthy: bool = True
) -> Outcome:
    """Look until all is well twice in a row, at most so long; the last look counts.

    What the hub still waits for is neither well nor broken: its own deadlines end that.
    """
    end = time.monotonic() + seconds
    longest = end + _PENDING
    well = 0
    while True:
        outcome = look(subject, users, before, healthy=healthy)
        pending = outcome.hub_up and any(subject.told(user).pending for user in users)
        well = 0 if outcome.failures or pending else well + 1
        if well >= _LOOKS or time.monotonic() > (longest if pending else end):
            return outcome
        if pending:
            end = max(end, time.monotonic() + seconds)
        time.sleep(_PAUSE)


def settled(subject: Subject, user: str) -> frozenset[str]:
    """Start a server, wait until it is ready, and say what runs.

    Raises:
        CycleError: It does not become ready.
    """
    subject.add(user)
    subject.ask_start(user)

    def ready() -> bool:
        told = subject.told(user)
        if not told.ready and not told.pending:
            # The deadlines of tests are short: a machine that is busy misses one.
            subject.ask_start(user)
        return told.ready

    if not wait(ready, 60.0):
        raise CycleError(f"{user}'s server is not ready after a minute; nothing was done to it.")
    return subject.running().get(user, frozenset())


def ready_bystander(subject: Subject, user: str = BYSTANDER) -> Before:
    """Somebody whose server has to outlive everything that is done to others."""
    subject.add(user)
    here = subject.running().get(user, frozenset()) if subject.told(user).ready else None
    running = here or settled(subject, user)
    stale = max(0, subject.told(user).tokens - 1)
    return Before({user: running}, {user: subject.files(user)}, stale={user: stale})


class Kills:
    """Kills one hub again and again; each cycle has a user of its own.

    Args:
        subject: The hub, which runs.
        seconds: How long a hub that came back may take to put things right.
        name: What users' names begin with.
        settle: Seconds after its return before a hub may be found well: two sweeps of it.
        amiss: Users of whom ledger, hub and targets disagree now; None where there is no ledger.
        again: Whether a start is the second one of its server, after a stop.
    """

    def __init__(  # noqa: PLR0913 - each has a default and a name
        self,
        subject: Subject,
        *,
        seconds: float = 12.0,
        name: str = "user",
        settle: float = 0.0,
        amiss: Callable[[], Collection[str]] | None = None,
        again: bool = False,
    ) -> None:
        self._subject, self._seconds, self._name = subject, seconds, name
        self._again = again
        self._settle, self._amiss = settle, amiss or tuple
        self._cycles = 0
        self._bystander = Before()

    def places(self, doing: Doing, trouble: Trouble = Trouble.NONE) -> list[str]:
        """All places that a hub comes by while it does something, in their order.

        Those of sweeps are of `Doing.RECONCILE`: sweeps go on beside everything.
        """
        subject, user = self._subject, self._next()
        (subject.folder / kills.PLACES).unlink(missing_ok=True)
        self._prepare(doing, user, trouble)
        plan = Plan("list")
        if doing is not Doing.RECONCILE:
            plan.write(subject.folder)
        self._do(doing, user, trouble, plan)
        if doing is Doing.RESTART and not wait(subject.up, 60.0):
            raise CycleError("The hub does not come up; nothing was done to it.")
        if doing is Doing.RECONCILE:
            self._set_right(user, trouble)
        else:
            wish = doing is not Doing.STOP
            wait(lambda: self._is(user, ready=wish), 60.0)
        Plan().write(subject.folder)
        self._finish(user)
        sweeps = doing is Doing.RECONCILE
        found = kills.listed(subject.folder)
        return [each for each in found if sweeps or not places.is_sweep(each)]

    def cycle(self, doing: Doing, place: str, trouble: Trouble = Trouble.NONE) -> Outcome:
        """Die at a place, come back, and be judged."""
        subject, user = self._subject, self._next()
        died = subject.folder / kills.DIED
        died.unlink(missing_ok=True)
        before = self._with_bystander()
        self._prepare(doing, user, trouble)
        if doing is Doing.RESTART or trouble is Trouble.UNHELD:
            before.healthy[user] = subject.running().get(user, frozenset())
        elif doing is Doing.RECONCILE:
            before.ends.add(user)
        before.files[user] = subject.files(user)
        plan = Plan("die", place)
        if doing is not Doing.RECONCILE:
            plan.write(subject.folder)
        self._do(doing, user, trouble, plan)
        reached = wait(lambda: died.exists() and subject.ended(), self._reach(doing))
        Plan().write(subject.folder)
        fault = f"{place} ({trouble})" if trouble else place
        if not reached:
            if subject.ended():
                subject.boot()
            self._finish(user)
            return Outcome(fault=fault, doing=doing, reached=False)
        outcome = self._come_back(user, before)
        if BYSTANDER in outcome.lost:
            self._bystander = Before()
        forgotten = doing is Doing.STOP and outcome.hub_up and subject.told(user).ready
        if outcome.hub_up:
            self._finish(user)
        return replace(outcome, fault=fault, doing=str(doing), forgotten=forgotten)

    def _with_bystander(self) -> Before:
        """The same one in every cycle: whose server goes late, is missed in the next."""
        if not self._bystander.healthy:
            self._bystander = ready_bystander(self._subject)
        then = self._bystander
        return Before({**then.healthy}, {**then.files}, stale={**then.stale})

    def _reach(self, doing: Doing) -> float:
        """Seconds: a hub that was started has to come up before it comes anywhere."""
        return _REACH if doing is Doing.RESTART else min(self._seconds, _REACH)

    def _come_back(self, user: str, before: Before) -> Outcome:
        try:
            self._subject.boot()
        except AssertionError:
            return Outcome(fault="", doing="", hub_up=False)
        time.sleep(self._settle)
        users = {user, *before.healthy}
        outcome = judge(self._subject, sorted(users), before, self._seconds)
        if not outcome.failures and not wait(
            lambda: users.isdisjoint(self._amiss()), self._seconds
        ):
            return replace(outcome, amiss=tuple(sorted(users.intersection(self._amiss()))))
        return outcome

    def _next(self) -> str:
        self._cycles += 1
        user = f"{self._name}{self._cycles}"
        self._subject.add(user)
        return user

    def _prepare(self, doing: Doing, user: str, trouble: Trouble) -> None:
        first = doing is Doing.START and not self._again
        if not first and trouble is not Trouble.STRAY:
            settled(self._subject, user)
        if doing is Doing.START and self._again:
            self._subject.ask_stop(user)
            if not wait(lambda: self._is(user, ready=False), 60.0):
                raise CycleError(f"{user}'s server does not stop; nothing was done to it.")
        if doing is Doing.RESTART:
            self._subject.kill()

    def _do(self, doing: Doing, user: str, trouble: Trouble, plan: Plan) -> None:
        match doing:
            case Doing.START:
                self._subject.ask_start(user)
            case Doing.STOP:
                self._subject.ask_stop(user)
            case Doing.RESTART:
                self._subject.launch()
            case Doing.RECONCILE:
                self._subject.trouble(user, trouble, plan)

    def _is(self, user: str, *, ready: bool) -> bool:
        told = self._subject.told(user)
        return told.ready == ready and not told.pending

    def _set_right(self, user: str, trouble: Trouble) -> None:
        """Wait until a hub that nobody kills has set things right."""
        before = Before(ends=set() if trouble is Trouble.UNHELD else {user})
        # Where nothing is to end there is nothing to see: some sweeps have to be enough.
        time.sleep(self._settle)
        judge(self._subject, [user], before, self._seconds)

    def _finish(self, user: str) -> None:
        """Leave nothing of the cycle's own user."""
        if self._subject.told(user).ready:
            self._subject.ask_stop(user)
        self._subject.clear(user)


def pick(found: Sequence[str], *patterns: str) -> list[str]:
    """The first place that each pattern is found in.

    Raises:
        LookupError: There is none; says for which.
    """
    picked = []
    for pattern in patterns:
        place = next((each for each in found if re.search(pattern, each)), None)
        if place is None:
            raise LookupError(f"None of {len(found)} places has {pattern!r}.")
        picked.append(place)
    return list(dict.fromkeys(picked))
