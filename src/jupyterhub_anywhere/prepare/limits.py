"""Flavors against what an image needs, and quotas against what is wanted. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.prepare.wish import HUB_CPUS, HUB_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The smallest on which JupyterLab and one kernel are of use, in MiB.
USER_MEMORY: Final = 512
_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size of machines: virtual CPUs, memory in MiB, disk in GiB."""

    id: str
    name: str
    cpus: int
    memory: int
    disk: int

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.cpus} vCPU, {self.memory} MiB, disk {self.disk} GiB"


@dataclass(frozen=True, slots=True)
class Needs:
    """What an image needs: disk in GiB, memory in MiB."""

    disk: int = 0
    memory: int = 0


def needs(min_disk: int, min_ram: int, virtual_size: int) -> Needs:
    """What an image needs, by what the image service knows of it.

    Args:
        min_disk: In GiB, as declared.
        min_ram: In MiB, as declared.
        virtual_size: In bytes; 0 where it is not known.
    """
    return Needs(max(min_disk, math.ceil(virtual_size / _GIB)), min_ram)


def lacks(flavor: Flavor, wanted: Needs, *, cpus: int = 1, memory: int = USER_MEMORY) -> str:
    """Why a flavor does not do; empty where it does."""
    floor = max(wanted.memory, memory)
    found = []
    if flavor.cpus < cpus:
        found.append(f"{flavor.cpus} of {cpus} vCPU")
    if flavor.memory < floor:
        found.append(f"{flavor.memory} of {floor} MiB memory")
    if flavor.disk < max(wanted.disk, 1):
        found.append(f"{flavor.disk} of {max(wanted.disk, 1)} GiB disk")
    return ", ".join(found)


def choose(
    names: Sequence[str], there: Sequence[Flavor], wanted: Needs
) -> tuple[list[Flavor], list[str]]:
    """The flavors that users may choose, smallest first, and what is wrong with the named ones."""
    ordered = sorted(there, key=lambda each: (each.memory, each.cpus, each.disk, each.name))
    if not names:
        fitting = [each for each in ordered if not lacks(each, wanted)]
        lines = [] if fitting else [_none_fits(ordered, wanted)]
        return fitting, lines
    found, wrong = [], []
    for name in names:
        flavor = next((each for each in ordered if name in {each.name, each.id}), None)
        if flavor is None:
            hint = did_you_mean(name, (each.name for each in ordered))
            wrong.append(f"There is no flavor {name}. {hint}")
        elif reason := lacks(flavor, wanted):
            wrong.append(f"Flavor {name} is too small for the image: {reason}. Name a larger one.")
        else:
            found.append(flavor)
    return found, wrong


def choose_hub(
    name: str, there: Sequence[Flavor], wanted: Needs
) -> tuple[Flavor | None, list[str]]:
    """The flavor of the hub's machine, and what is wrong."""
    candidates, wrong = choose((name,) if name else (), there, wanted)
    fits = [
        each for each in candidates if not lacks(each, wanted, cpus=HUB_CPUS, memory=HUB_MEMORY)
    ]
    if fits:
        return fits[0], []
    if wrong:
        return None, wrong
    reason = lacks(candidates[0], wanted, cpus=HUB_CPUS, memory=HUB_MEMORY) if name else "none has"
    line = (
        f"The hub needs {HUB_CPUS} vCPU and {HUB_MEMORY} MiB of memory: {reason}. Name another"
        " flavor with --hub-flavor, or ask the cloud's operators for one."
    )
    return None, [line]


def _none_fits(there: Sequence[Flavor], wanted: Needs) -> str:
    most = max((each.disk for each in there), default=0)
    return (
        f"No flavor fits the image, which needs {max(wanted.disk, 1)} GiB of disk and"
        f" {max(wanted.memory, USER_MEMORY)} MiB of memory (the largest disk here: {most} GiB). Use"
        " a smaller image, or ask the cloud's operators for a flavor."
    )


@dataclass(frozen=True, slots=True)
class Room:
    """How much of one thing is left in the project; None for no limit."""

    name: str
    limit: int | None
    used: int = 0

    @property
    def left(self) -> float:
        """What may still be made."""
        return math.inf if self.limit is None else max(self.limit - self.used, 0)


def room(name: str, limit: int, used: int) -> Room:
    """A quota as the services tell it: a negative limit is none."""
    return Room(name, None if limit < 0 else limit, max(used, 0))


def shortages(rooms: Iterable[Room], wanted: dict[str, int]) -> list[str]:
    """What does not fit: one line each, with the cure."""
    return [
        f"The quota of {each.name} is exhausted: {wanted[each.name]} more are needed, and"
        f" {each.used} of {each.limit} are used. Remove what nobody needs, or ask the cloud's"
        f" operators for at least {each.used + wanted[each.name]}."
        for each in rooms
        if wanted.get(each.name, 0) > each.left
    ]


def demand(flavors: Sequence[Flavor], servers: int, extra: Sequence[Flavor] = ()) -> dict[str, int]:
    """What machines need of the quotas, with the largest flavor that users may choose."""
    largest = Flavor("", "", 0, 0, 0)
    for each in flavors:
        largest = replace(
            largest, cpus=max(largest.cpus, each.cpus), memory=max(largest.memory, each.memory)
        )
    return {
        "instances": servers + len(extra),
        "cores": servers * largest.cpus + sum(each.cpus for each in extra),
        "memory (MiB)": servers * largest.memory + sum(each.memory for each in extra),
        "ports": servers + len(extra),
    }


def fitting_servers(
    rooms: Iterable[Room], flavors: Sequence[Flavor], servers: int, extra: Sequence[Flavor]
) -> int:
    """How many servers fit, at most as many as are wanted."""
    known = list(rooms)
    count = servers
    while count and shortages(known, demand(flavors, count, extra)):
        count -= 1
    return count
