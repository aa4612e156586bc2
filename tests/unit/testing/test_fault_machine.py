"""Faults of a machine, with a world of a few lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.unit.testing.test_fault_run import World

from jupyterhub_anywhere.testing.faults import machine, run
from jupyterhub_anywhere.testing.faults.machine import (
    HOURS,
    HOURS_AWAY,
    Machine,
    boots_anew,
    clock_is_set,
    disk_is_full,
    disk_is_read_only,
)
from jupyterhub_anywhere.testing.faults.rules import Action, Rule
from jupyterhub_anywhere.testing.faults.run import BYSTANDER, CycleError, Doing, Told

if TYPE_CHECKING:
    from pathlib import Path


class Mute(World):
    """A world whose hub says nothing once it is mute, until it is started anew."""

    mute = False

    def told(self, user: str) -> Told:
        if self.mute:
            raise RuntimeError("500")
        return super().told(user)

    def boot(self) -> None:
        self.mute = False
        super().boot()


@dataclass
class Disk:
    """A disk of a world; `ends` says whether the hub ends where it cannot write."""

    world: World
    ends: bool = False
    done: list[str] = field(default_factory=list)

    def fill(self) -> None:
        self.done.append("fill")

    def empty(self) -> None:
        self.done.append("empty")
        if self.ends:
            self.world.alive = False

    def let_write(self, *, on: bool) -> None:
        self.done.append("write" if on else "read")
        self.world.rules_now = () if on else (Rule(Action.CUT),)
        if self.ends:
            self.world.sins.add("dies")


@dataclass
class Stranger:
    """A process that has ended, or runs."""

    status: int | None = None

    def poll(self) -> int | None:
        return self.status


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real time passes where something is waited for in vain."""
    for name in ("_PATIENCE", "_FULL", "_COME_UP"):
        monkeypatch.setattr(machine, name, 0.1)
    monkeypatch.setattr(run, "_PAUSE", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def nothing() -> None:
    """Look at nothing."""


def test_a_full_disk_is_emptied_and_a_later_start_has_to_work(world: World) -> None:
    disk = Disk(world)
    outcome = disk_is_full(world, disk, seconds=0.1, meanwhile=lambda: disk.done.append("look"))
    assert (outcome.failures, outcome.fault, outcome.doing) == ((), Machine.FULL, Doing.RUN)
    assert disk.done == ["fill", "look", "empty"]
    assert set(world.here) == {BYSTANDER, "ann", "later"}


def test_a_disk_is_emptied_whatever_comes_of_it(world: World) -> None:
    disk = Disk(world)
    with pytest.raises(ZeroDivisionError):
        disk_is_full(world, disk, meanwhile=lambda: [][1 // 0])
    assert disk.done == ["fill", "empty"]


def test_a_hub_that_ends_of_a_full_disk_is_started_and_told(world: World) -> None:
    outcome = disk_is_full(world, Disk(world, ends=True), seconds=0.1)
    assert outcome.failures == ("hub_up",)
    assert world.alive


def test_a_hub_that_says_nothing_afterwards_is_none(tmp_path: Path) -> None:
    world = Mute(tmp_path)

    def mute() -> None:
        world.mute = True

    assert disk_is_full(world, Disk(world), seconds=0.1, meanwhile=mute).failures == ("hub_up",)
    assert not world.mute


def test_a_hub_that_starts_nothing_afterwards_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled(subject: World, user: str) -> frozenset[str]:
        if user == "later":
            raise CycleError("it is not ready")
        return run.settled(subject, user)

    monkeypatch.setattr(machine, "settled", settled)
    assert disk_is_full(world, Disk(world), seconds=0.1).failures == ("stuck",)


def test_who_is_cut_off_while_the_disk_is_full_is_told(world: World) -> None:
    def lose() -> None:
        world.here.pop(BYSTANDER)
        world.known[BYSTANDER] = Told()

    assert disk_is_full(world, Disk(world), seconds=0.1, meanwhile=lose).failures == ("lost",)


@pytest.mark.parametrize("ends", [False, True])
def test_a_hub_may_end_of_a_disk_that_can_only_be_read(world: World, *, ends: bool) -> None:
    disk = Disk(world, ends=ends)
    alive: list[bool] = []
    outcome = disk_is_read_only(
        world, disk, seconds=0.1, meanwhile=lambda: alive.append(world.alive)
    )
    assert (outcome.failures, outcome.fault, outcome.doing) == ((), Machine.READ_ONLY, "restart")
    assert disk.done == ["read", "write"]
    assert alive == [not ends]
    assert world.alive


def test_a_clock_is_set_forth_and_back_and_while_the_hub_is_away(world: World) -> None:
    hours: list[float] = []
    told: list[tuple[str, float]] = []
    outcome = clock_is_set(
        world,
        hours.append,
        seconds=0.1,
        looked=nothing,
        started=lambda user, at: told.append((user, at)),
    )
    assert (outcome.failures, outcome.fault, outcome.doing) == ((), Machine.CLOCK, Doing.RUN)
    assert hours == [*HOURS, HOURS_AWAY]
    assert told == [(f"ann{number}", at) for number, at in enumerate(HOURS)]
    assert set(world.here) == {BYSTANDER, "ann0", "ann1", "ann2"}


def test_who_is_lost_by_a_clock_is_told(world: World) -> None:
    def lose(hours: float) -> None:
        if hours == HOURS_AWAY:
            world.here.pop("ann1")
            world.known["ann1"] = Told()

    assert clock_is_set(world, lose, seconds=0.1, looked=nothing).failures == ("lost",)


def rebooted(world: World, *, known: bool = False) -> None:
    world.here.clear()
    if not known:
        world.known = {user: Told() for user in world.known}


def test_after_a_reboot_servers_are_gone_and_are_started_again(world: World) -> None:
    outcome = boots_anew(world, lambda: rebooted(world), Stranger(), seconds=0.1, looked=nothing)
    assert (outcome.failures, outcome.fault, outcome.doing) == ((), Machine.REBOOT, "restart")
    assert set(world.here) == {"ann"}


def test_a_stranger_that_is_ended_is_told(world: World) -> None:
    outcome = boots_anew(world, lambda: rebooted(world), Stranger(-9), seconds=0.1, looked=nothing)
    assert outcome.failures == ("strangers",)


def test_servers_of_the_boot_before_are_ghosts(world: World) -> None:
    def end() -> None:
        rebooted(world, known=True)

    outcome = boots_anew(world, end, Stranger(), seconds=0.1, looked=nothing)
    assert outcome.failures == ("ghosts", "tokens")
    assert set(world.here) == set()
