"""What runs on behalf of a hub, asked from its targets; and ending it without the hub."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.spawner.places import Places, load_places

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.uprecord import UpRecord
    from jupyterhub_anywhere.targets.base import Inventory, Resource

_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Owned:
    """One resource and the target it is at."""

    target: str
    resource: Resource

    def __str__(self) -> str:
        server = f"/{self.resource.server}" if self.resource.server else ""
        detail = f" ({self.resource.detail})" if self.resource.detail else ""
        return f"server {self.resource.user}{server} at {self.target}{detail}"


def places_of(paths: StatePaths, record: UpRecord | None, hub_id: str) -> Places:
    """Where resources may be around; the built-in default's places where the file is broken.

    Raises:
        ConfigError: Not even the default can be used.
    """
    file = record.file if record is not None else None
    share = record is not None and record.share_account
    try:
        return load_places(file, state_root=paths.root, share_account=share, hub_id=hub_id)
    except AnywhereError:
        # Processes of this machine are found by the hub's label, whatever the file says.
        return load_places(None, state_root=paths.root, share_account=share, hub_id=hub_id)


def _inventories(places: Places) -> dict[str, Inventory]:
    """One inventory a kind: all targets of this machine share its processes."""
    found: dict[str, Inventory] = {}
    seen = set()
    for name, target in places.targets.items():
        inventory = target.inventory()
        key = (type(inventory), name if target.kind != "process" else "")
        if inventory is not None and key not in seen:
            seen.add(key)
            found[name] = inventory
    return found


async def owned(places: Places) -> list[Owned]:
    """Everything with this hub's label, at all targets that can be asked."""
    everything: list[Owned] = []
    for name, inventory in _inventories(places).items():
        try:
            resources = await asyncio.wait_for(inventory.owned(), _SECONDS)
        except Exception:  # noqa: BLE001, S112 - a foreign inventory may raise anything
            continue
        everything += [Owned(name, resource) for resource in resources]
    return everything


async def end_leftovers(places: Places) -> list[str]:
    """End every server with this hub's label; what was stopped before, to be resumed, stays.

    Returns:
        What was ended, and what could not be, one line each.
    """
    inventories = _inventories(places)
    lines = []
    for each in await owned(places):
        inventory = inventories[each.target]
        if await _has_ended(inventory, each.resource):
            continue
        done = await _end(inventory, each.resource)
        lines.append(str(each) if done else f"{each}: it could not be ended")
    return lines


async def _has_ended(inventory: Inventory, resource: Resource) -> bool:
    try:
        async with asyncio.timeout(_SECONDS):
            seen = (await inventory.observe([resource.name])).get(resource.name)
    except Exception:  # noqa: BLE001 - a foreign inventory may raise anything
        return False
    return seen is not None and seen.phase is Phase.GONE


async def _end(inventory: Inventory, resource: Resource) -> bool:
    """End one resource, asking again until it is proven; its user's files are not removed."""
    end = getattr(inventory, "end", inventory.destroy)
    try:
        async with asyncio.timeout(_SECONDS):
            while not await end(resource):  # noqa: ASYNC110 - the world has no event
                await asyncio.sleep(0.1)
    except Exception:  # noqa: BLE001 - a foreign inventory may raise anything
        return False
    return True
