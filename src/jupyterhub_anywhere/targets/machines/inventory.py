"""What exists at a cloud under one hub's and one target's marks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.core.names import resource_name
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.machines import ending, marks
from jupyterhub_anywhere.targets.machines.place import Place
from jupyterhub_anywhere.targets.machines.provider import Power, ProviderError, Rest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.place import Ended
    from jupyterhub_anywhere.targets.machines.provider import Machine

# Whether a server is served from a machine in this state; None: that is not known.
_ALIVE: Final[Mapping[Power, bool | None]] = {
    Power.RUNNING: True,
    Power.STOPPED: False,
    # It is on its way out, and nothing brings it back.
    Power.GOING: False,
    # It may come yet.
    Power.BUILDING: None,
    # The cloud calls a machine failed when a resize or a migration failed, and it runs on.
    Power.BROKEN: None,
    Power.UNKNOWN: None,
}
_SHOWN: Final = 8


def resource_of(machine: Machine, engine: str, ended: Ended | None) -> Resource:
    """One machine as a resource.

    Args:
        machine: As its provider tells it; it has marks of a hub.
        engine: `Provider.source`, where it is known.
        ended: What its agent said of the end of its server.
    """
    found, owner = machine.marks, marks.owner_of(machine.marks)
    alive = _ALIVE[machine.power]
    if alive and ended is not None:
        alive = False
    # One that is being built may have been there before: some clouds say so of one that is woken.
    there = machine.power is not Power.GOING
    return Resource(
        name=machine.name,
        user=owner.user if owner else "",
        server=owner.server if owner else "",
        detail=_detail(machine, ended),
        handle={"id": machine.id, "state": machine.state, "engine": engine},
        lease=found.get(marks.LEASE, ""),
        alive=alive,
        exit_code=ended.status if ended is not None and machine.power is Power.RUNNING else None,
        keep=found.get(marks.KEEP) == "1" and there,
        created=machine.created,
        token=marks.token_of(found),
    )


def _detail(machine: Machine, ended: Ended | None) -> str:
    text = f"machine {machine.id}, {machine.state or machine.power}"
    if machine.fault:
        text = f"{text}: {machine.fault}"
    if ended is not None:
        text = f"{text}; its server has ended"
    return text


def resources_of(
    machines: Iterable[Machine],
    own: Mapping[str, str],
    ended: Mapping[str, Ended],
    engine: str = "",
) -> list[Resource]:
    """Every machine as a resource with a name of its own.

    A create call that was sent twice, or whose lost answer came late, leaves two machines of one
    name. One of them is the server's; the other gets a name of its own and belongs to nobody, so
    that it is ended as whatever nobody wants.

    Args:
        machines: The listing.
        own: Resource name to the id of the machine that its spawner has.
        ended: Machine id to what its agent said of the end of its server.
        engine: `Provider.source`, where it is known.
    """
    named: dict[str, list[tuple[Machine, Resource]]] = {}
    for machine in machines:
        for resource in _of_machine(machine, ended, engine):
            named.setdefault(resource.name, []).append((machine, resource))
    found = []
    for name, group in named.items():
        first = min(group, key=lambda each: _rank(each[0], own.get(name, "")))
        found += [each[1] if each is first else _double(each[1], each[0]) for each in group]
    return found


def _of_machine(machine: Machine, ended: Mapping[str, Ended], engine: str) -> list[Resource]:
    """A machine as a resource; where servers share it, each of them as one."""
    seats = marks.seats_of(machine.marks) if marks.is_shared(machine.marks) else {}
    whole = resource_of(machine, engine, ended.get(machine.id))
    found = []
    for key, seat in seats.items():
        over = ended.get(Place.seat(machine.id, key))
        one = resource_of(machine, engine, over)
        name = resource_name(machine.marks.get(marks.HUB, ""), whole.user, seat.server)
        handle = {**one.handle, "seat": key}
        others = f"; shared by {len(seats)} servers" if len(seats) > 1 else ""
        found.append(
            replace(
                one,
                name=name,
                server=seat.server,
                detail=f"{one.detail}{others}",
                handle=handle,
                lease=key,
                token=seat.token,
            )
        )
    # One whose servers' marks were taken away belongs to nobody.
    return found or [replace(whole, user="") if marks.is_shared(machine.marks) else whole]


def _rank(machine: Machine, own: str) -> tuple[bool, bool, str, str]:
    """Which of two machines of one name is the server's: the least."""
    created = machine.created.isoformat() if machine.created is not None else ""
    return machine.id != own, _ALIVE[machine.power] is False, created, machine.id


def _double(resource: Resource, machine: Machine) -> Resource:
    return Resource(
        name=f"{resource.name}~{machine.id.replace('-', '')[-_SHOWN:]}",
        user="",
        server="",
        detail=f"{resource.detail}; a second one of {resource.name}",
        handle=resource.handle,
        alive=resource.alive,
        created=resource.created,
    )


def leftover_of(machine: Machine, engine: str) -> Resource:
    """What a machine has left that is gone: nobody's, so that it is removed like all of that."""
    what = ", ".join(machine.public)
    return Resource(
        name=f"left~{machine.id}",
        user="",
        server="",
        detail=f"{what or 'something'} of the machine {machine.id}, which is gone",
        handle={"id": machine.id, "engine": engine, "left": True},
        alive=False,
    )


def observation_of(resource: Resource) -> Observation:
    """Running, or gone: a machine that rests serves nobody, though it may be kept."""
    if resource.alive is None:
        return Observation(Phase.UNKNOWN, resource.detail)
    if resource.alive:
        return Observation(Phase.RUNNING, resource.detail)
    return Observation(Phase.GONE, resource.detail, resource.exit_code)


class CloudInventory:
    """The machines of one hub at one target, found by their marks in one listing.

    Args:
        place: Where.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        place.use()
        # The cloud that answered when it was asked last; empty before that.
        self._source = ""

    async def source(self) -> str:
        """The identity of the cloud, project or account that answers.

        Raises:
            ProviderError: It cannot be asked.
        """
        self._source = await self._place.provider.source()
        return self._source

    async def owned(self) -> Sequence[Resource]:
        """Every machine of this hub at this target, those that rest too; all of them or none.

        Raises:
            ProviderError: The cloud cannot be asked, or did not tell all of them.
        """
        place = self._place
        machines = await place.machines()
        wanted = marks.of_place(place.hub, place.target).items()
        # The cloud was asked for these alone; what it adds is not ours to touch.
        ours = [each for each in machines if wanted <= each.marks.items()]
        found = resources_of(ours, place.own, place.ended, self._source)
        left = await place.leftovers({each.id for each in machines})
        return [*found, *(leftover_of(each, self._source) for each in left)]

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """Running or gone for each name; unknown where the cloud could not be asked."""
        try:
            found = {each.name: each for each in await self.owned()}
        except ProviderError as error:
            detail = f"the cloud cannot be asked: {error}"
            return {name: Observation(Phase.UNKNOWN, detail) for name in names}
        return {
            name: observation_of(found[name]) if name in found else Observation(Phase.GONE)
            for name in names
        }

    async def destroy(self, resource: Resource) -> bool:
        """Remove a machine with its disk; True once it is gone. Volumes stay.

        Another hub's machine is left alone, whatever the resource says.

        Raises:
            ProviderError: The cloud cannot be asked, refuses, or is another one than that which
                listed the machine.
        """
        if resource.handle.get("left"):
            return await self._tidied(resource)
        found = await self._ours(resource)
        if found is None:
            return True
        seat = resource.handle.get("seat")
        if seat:
            # The machine goes with the last of its servers.
            return await self._place.sharing.leave(self._place, found.id, str(seat))
        return await ending.removed(self._place.provider, found)

    async def end(self, resource: Resource) -> bool:
        """Stop a machine; what is to be started again, with its user's files in it, stays.

        Returns:
            Whether it has ended.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        found = await self._ours(resource)
        if found is None:
            return True
        # Not what was listed: a machine that is being started looks there as if it never was up.
        if found.marks.get(marks.KEEP) != "1":
            return await self.destroy(resource)
        return await self._place.provider.rest(str(resource.handle["id"]), Rest.STOP)

    async def _tidied(self, resource: Resource) -> bool:
        """Remove what a machine has left; nothing where the machine is there after all."""
        place, machine = self._place, str(resource.handle["id"])
        await self._check_same(resource)
        place.look_for_leftovers()
        if await place.provider.machine(machine) is not None:
            return True
        return await place.provider.destroy(machine)

    async def _check_same(self, resource: Resource) -> None:
        place = self._place
        engine = str(resource.handle.get("engine") or "")
        if engine and await place.provider.source() != engine:
            from jupyterhub_anywhere.targets.machines.core import other_cloud

            raise other_cloud(place.target, engine, await place.provider.source())

    async def _ours(self, resource: Resource) -> Machine | None:
        """A machine that was listed, as it is now; None where it is gone, or another hub's."""
        place = self._place
        await self._check_same(resource)
        found = await place.provider.machine(str(resource.handle["id"]))
        return found if found is not None and found.marks.get(marks.HUB) == place.hub else None

    async def close(self) -> None:
        """Give up threads and connections that nobody else has; who asks again opens new ones."""
        await self._place.close()
