"""Holds a scenario with both sides and judges what they have heard."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_anywhere.testing import exceptions
from jupyterhub_anywhere.testing.compare import Difference, differences
from jupyterhub_anywhere.testing.hub import Hub
from jupyterhub_anywhere.testing.scenarios import OTHER
from jupyterhub_anywhere.testing.sides import Side, Which
from jupyterhub_anywhere.testing.talk import Talk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.testing.exceptions import Allowance
    from jupyterhub_anywhere.testing.scenarios import Scenario
    from jupyterhub_anywhere.testing.world import Subject, World


@dataclass(frozen=True)
class Result:
    """What came of a scenario.

    Attributes:
        scenario: Its name.
        faults: What must not be: differences that nothing allows, and failed checks.
        used: The exceptions that were needed.
    """

    scenario: str
    faults: tuple[str, ...]
    used: frozenset[Allowance]


async def hold(
    subject: Subject, scenario: Scenario, folder: Path, allowed: Sequence[Allowance] | None = None
) -> Result:
    """Hold a scenario with the bare class and with the class behind us.

    Args:
        subject: The class.
        scenario: The conversation.
        folder: Empty and private.
        allowed: What may differ; default: this project's own list.
    """
    sides: tuple[Which, ...] = ("ours",) if scenario.ours_only else ("bare", "ours")
    talks = [await _talk(which, subject, scenario, folder) for which in sides]
    wrong = [f"{talk.side.which}: {what}" for talk in talks for what in talk.wrong]
    found = [] if scenario.ours_only else list(differences(talks[0].heard, talks[1].heard))
    faults, used = judge(scenario.name, found, exceptions.of(subject.name, allowed))
    return Result(scenario.name, (*wrong, *faults), used)


def judge(
    scenario: str, found: Sequence[Difference], allowed: Sequence[Allowance]
) -> tuple[list[str], frozenset[Allowance]]:
    """What of the differences must not be, and which exceptions the others needed."""
    faults, used = [], set()
    for difference in found:
        reasons = [each for each in allowed if each.allows(scenario, difference)]
        used.update(reasons)
        if not reasons:
            faults.append(str(difference))
    return faults, frozenset(used)


async def _talk(which: Which, subject: Subject, scenario: Scenario, folder: Path) -> Talk:
    own = folder / which
    async with _opened(subject, own / "world") as world:
        others = {}
        if scenario.ours_only and scenario.name == "two-targets":
            async with _opened(subject, own / "other-world") as other:
                others = {OTHER: other}
                return await _with_hub(
                    Side(which, subject, world, own, scenario.extra, others), scenario
                )
        return await _with_hub(Side(which, subject, world, own, scenario.extra), scenario)


async def _with_hub(side: Side, scenario: Scenario) -> Talk:
    hub = Hub(side.folder, side.configure, ssl=scenario.ssl)
    talk = Talk(side, hub)
    with _environment(side.world.environment()):
        try:
            await hub.start()
            await scenario.hold(talk)
        finally:
            await hub.stop()
            side.world.hub_gone()
    return talk


@asynccontextmanager
async def _opened(subject: Subject, folder: Path) -> AsyncIterator[World]:
    world = subject.world(_made(folder))
    await world.open()
    try:
        yield world
    finally:
        await world.close()


def _made(folder: Path) -> Path:
    # The hub's folder may be entered by the account that a local program runs under.
    folder.parent.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
