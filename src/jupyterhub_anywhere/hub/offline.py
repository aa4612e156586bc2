"""What can be told without a hub: the ledger as it was left, and what the targets list now.

Nothing is changed: a ledger is neither made nor brought up to date.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.inventory import Health, Sweep
from jupyterhub_anywhere.hub.leftovers import places_of
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.glance import glance
from jupyterhub_anywhere.ledger.known import Known
from jupyterhub_anywhere.ledger.url import ledger_url
from jupyterhub_anywhere.spawner.places import load_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.core.inventory import Inventory
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.uprecord import UpRecord
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.places import Places

# Seconds that one target may take to list what it has.
_LIST_SECONDS: Final = 30.0
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Offline:
    """What was found.

    Attributes:
        known: Everything but the hub's word; without leases where the ledger cannot be read.
        place: Where the ledger is, for people; empty where there is none yet.
        problem: Why the ledger cannot be read: then no leases does not mean that there are none.
    """

    known: Known
    place: str = ""
    problem: AnywhereError | None = None
    leases: list[Lease] = field(default_factory=list)


def look(paths: StatePaths, record: UpRecord | None, clock: Clock | None = None) -> Offline:
    """Read the ledger and ask every target, without a hub.

    Args:
        paths: The state folder; one in which no hub ever ran has nothing.
        record: The last hub's; None where there was none, or where it ended in order.
        clock: The time.
    """
    clock = clock or SystemClock()
    if not paths.hub_id.exists() and (record is None or not record.hub_id):
        return Offline(Known(now=clock.now()))
    places = places_of(paths, record, record.hub_id if record is not None else "")
    found = _ledger(paths, places, partial(_broken, paths, record), clock)
    known = asyncio.run(_targets(places, clock))
    return replace(found, known=replace(known, now=clock.now(), leases=tuple(found.leases)))


def _broken(paths: StatePaths, record: UpRecord | None) -> AnywhereError | None:
    """Why the last hub's file cannot be used now; None where it can."""
    if record is None or record.file is None:
        return None
    try:
        load_places(record.file, state_root=paths.root, hub_id=record.hub_id)
    except AnywhereError as error:
        return error
    return None


def _ledger(
    paths: StatePaths, places: Places, broken: Callable[[], AnywhereError | None], clock: Clock
) -> Offline:
    """The leases of the ledger."""
    nothing = Offline(Known(now=clock.now()))
    try:
        url = ledger_url(places.config, paths, places.info.base)
    except LedgerError as error:
        return replace(nothing, problem=error)
    seen = glance(url, places.info.hub_id)
    if seen is not None:
        return replace(nothing, place=seen.place, leases=seen.leases)
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        if broken() is None:
            return nothing
        # The file may name another place.
        why = LedgerError(
            "Where the ledger is cannot be told: the configuration cannot be used.",
            hint="Mend it; `anywhere check -f FILE` says what is wrong with it.",
        )
        return replace(nothing, problem=why)
    # Here: it brings SQLAlchemy with it.
    from jupyterhub_anywhere.ledger.store import Ledger

    try:
        ledger = Ledger.open(url, places.info.hub_id, clock, make=False)
        try:
            return replace(nothing, place=ledger.place, leases=ledger.active())
        finally:
            ledger.close()
    except LedgerError as error:
        return replace(nothing, problem=error)


async def _targets(places: Places, clock: Clock) -> Known:
    """What every target lists, asked side by side."""
    inventories: dict[str, Inventory] = {}
    groups: dict[str, list[str]] = {}
    for name, target in places.targets.items():
        inventory = target.inventory()
        if inventory is not None:
            # All targets of this machine have one list of processes.
            lead = "process" if target.kind == "process" else f"target {name}"
            groups.setdefault(lead, []).append(name)
            inventories.setdefault(lead, inventory)
    listed = await asyncio.gather(
        *(_list(names[0], inventories[lead], clock) for lead, names in groups.items())
    )
    sweeps = {
        name: sweep for names, sweep in zip(groups.values(), listed, strict=True) for name in names
    }
    health = {name: _health(sweeps.get(name)) for name in places.targets}
    return Known(now=clock.now(), sweeps=sweeps, health=health)


async def _list(target: str, inventory: Inventory, clock: Clock) -> Sweep:
    began = clock.now()
    try:
        found = await asyncio.wait_for(inventory.owned(), _LIST_SECONDS)
    except TimeoutError:
        reason = f"no answer in {_LIST_SECONDS:.0f} seconds"
        return Sweep(target, began, clock.now(), reason=reason)
    except Exception as error:  # noqa: BLE001 - a foreign inventory may raise anything
        from jupyterhub_anywhere.targets.reasons import reason_of

        return Sweep(target, began, clock.now(), reason=reason_of(error))
    return Sweep(target, began, clock.now(), {each.name: each for each in found})


def _health(sweep: Sweep | None) -> Health:
    if sweep is None or sweep.succeeded:
        return Health(observed=sweep.ended if sweep is not None else None)
    return Health(since=sweep.began, reason=sweep.reason, failures=1)
