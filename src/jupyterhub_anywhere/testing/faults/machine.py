"""Cycles with a machine that is at fault: its disk, its clock, and a reboot of it."""

from __future__ import annotations

import enum
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from jupyterhub_anywhere.testing.faults.run import (
    BYSTANDER,
    Before,
    CycleError,
    Doing,
    Outcome,
    judge,
    ready_bystander,
    settled,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.testing.faults.run import Subject

# Seconds for a stop, for what a hub does while its disk is full, and for one that may not come up.
_PATIENCE: Final = 15.0
_FULL: Final = 5.0
_COME_UP: Final = 120.0
# By how many hours the clock is wrong, one after the other; the last while the hub is away.
HOURS: Final = (6.0, -6.0, 0.0)
HOURS_AWAY: Final = -12.0


class Machine(enum.StrEnum):
    """What is done to the machine, in the words of the table."""

    FULL = "the disk of what it writes down is full for some time"
    READ_ONLY = "the disk of what it writes down can only be read for some time"
    CLOCK = "the clock is set by hours"
    REBOOT = "the machine is booted anew, and pids are others'"


class Disk(Protocol):
    """Where a hub writes down what it has to know."""

    def fill(self) -> None:
        """Leave no room on it."""

    def empty(self) -> None:
        """Make room again."""

    def let_write(self, *, on: bool) -> None:
        """Let it be written to, or only be read."""


class Stranger(Protocol):
    """A process that has nothing to do with the hub, as `subprocess.Popen`."""

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""


def disk_is_full(
    subject: Subject,
    disk: Disk,
    *,
    seconds: float = 20.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> Outcome:
    """Fill the disk of a hub that runs, ask for a start and a stop, make room, and judge.

    Args:
        subject: The hub, which runs.
        disk: Its disk.
        seconds: How long the hub may take to put things right once there is room.
        meanwhile: Looks at the hub while there is no room, once it was asked; of the users
            ``ann`` was to start and ``bob`` to stop.
    """
    before = ready_bystander(subject)
    settled(subject, "bob")
    subject.add("ann")
    disk.fill()
    try:
        subject.ask_start("ann")
        subject.ask_stop("bob")
        meanwhile()
        wait(subject.ended, _FULL)
    finally:
        disk.empty()
    outcome = _judged(subject, before, ["ann", "bob"], seconds)
    return replace(outcome, fault=str(Machine.FULL), doing=str(Doing.RUN))


def disk_is_read_only(
    subject: Subject,
    disk: Disk,
    *,
    seconds: float = 20.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> Outcome:
    """Let a hub come back to a disk that can only be read; then let it be written to, and judge.

    Args:
        subject: The hub, which runs.
        disk: Its disk.
        seconds: How long the hub may take to put things right.
        meanwhile: Looks at what is there once the hub has ended, or has come up all the same.
    """
    before = ready_bystander(subject)
    subject.kill()
    disk.let_write(on=False)
    try:
        subject.launch()
        wait(lambda: subject.ended() or subject.up(), _COME_UP)
        meanwhile()
    finally:
        disk.let_write(on=True)
    outcome = _judged(subject, before, [], seconds, may_end=True)
    return replace(outcome, fault=str(Machine.READ_ONLY), doing=str(Doing.RESTART))


def _judged(
    subject: Subject, before: Before, users: list[str], seconds: float, *, may_end: bool = False
) -> Outcome:
    """Judge a hub with a disk that is well again; one that starts no server is not back.

    Args:
        subject: The hub.
        before: What was there before.
        users: Who is judged, beside those of whom something was there.
        seconds: How long the hub may take.
        may_end: Whether the hub may have ended: then it is started again.
    """
    wait(lambda: subject.ended() or _answers(subject), seconds)
    came = _answers(subject)
    if not came:
        if not subject.ended():
            subject.kill()
        subject.boot()
    outcome = judge(subject, [*users, *before.healthy], before, seconds)
    if not came and not may_end:
        outcome = replace(outcome, hub_up=False)
    try:
        before.healthy["later"] = settled(subject, "later")
    except (AssertionError, CycleError):
        return replace(outcome, stuck=True)
    if not outcome.failures:
        outcome = judge(subject, [*users, *before.healthy], before, seconds)
    return outcome


def _answers(subject: Subject) -> bool:
    """Whether the hub says what it knows; one whose database is at fault may say nothing at all."""
    if not subject.up():
        return False
    try:
        subject.told(BYSTANDER)
    except Exception:  # noqa: BLE001 - whatever a subject raises, it did not answer
        return False
    return True


def clock_is_set(
    subject: Subject,
    set_clock: Callable[[float], None],
    *,
    seconds: float = 20.0,
    looked: Callable[[], None],
    started: Callable[[str, float], None] = lambda *_: None,
) -> Outcome:
    """Set the clock of a hub that runs forth and back, and of one that is away, and judge.

    Servers are started and stopped at each of its times.

    Args:
        subject: The hub, which runs.
        set_clock: Makes its clock wrong by so many hours.
        seconds: How long the hub may take to put things right.
        looked: Waits until the hub has looked at its servers a few times.
        started: Told of each server that was started, and by how many hours its clock is wrong.
    """
    before = ready_bystander(subject)
    ended = []
    for number, hours in enumerate(HOURS):
        set_clock(hours)
        looked()
        before.healthy[f"ann{number}"] = settled(subject, f"ann{number}")
        started(f"ann{number}", hours)
        ended.append(f"bob{number}")
        settled(subject, ended[-1])
        subject.ask_stop(ended[-1])
        wait(partial(_stopped, subject, ended[-1]), _PATIENCE)
    set_clock(HOURS_AWAY)
    subject.kill()
    subject.boot()
    looked()
    before.ends.update(ended)
    outcome = judge(subject, [*ended, *before.healthy], before, seconds)
    return replace(outcome, fault=str(Machine.CLOCK), doing=str(Doing.RUN))


def _stopped(subject: Subject, user: str) -> bool:
    told = subject.told(user)
    return not told.ready and not told.pending


def boots_anew(
    subject: Subject,
    end: Callable[[], None],
    stranger: Stranger,
    *,
    seconds: float = 20.0,
    looked: Callable[[], None],
) -> Outcome:
    """Let a hub come back to a machine on which nothing of it runs, and judge.

    Args:
        subject: The hub, which runs.
        end: Ends all that belongs to the hub, which is killed by then, and lets each pid that was
            written down be the stranger's.
        stranger: Whom those pids mean now.
        seconds: How long the hub may take to put things right.
        looked: Waits until the hub has looked at its servers a few times.
    """
    users = ["ann", "bob"]
    for user in users:
        settled(subject, user)
    subject.kill()
    end()
    subject.boot()
    looked()
    outcome = judge(subject, users, Before(ends=set(users)), seconds)
    if not outcome.failures:
        before = Before({"ann": settled(subject, "ann")}, ends={"bob"})
        outcome = judge(subject, users, before, seconds)
    return replace(
        outcome,
        fault=str(Machine.REBOOT),
        doing=str(Doing.RESTART),
        strangers=stranger.poll() is not None,
    )
