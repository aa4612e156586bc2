"""A cloud in this process: machines with marks, which are built, run a guest, rest and go.

It is real as far as it goes: ids are never given twice, what does not exist is not found, a quota
is a quota. A simulation decides what the machines run (`Guest`), how long things take (`pace`) and
what goes wrong (`script`, `away`, `MemoryImage.fault`).
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import marks as marking
from jupyterhub_anywhere.targets.machines.provider import Machine, Power, ProviderError, Rest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Wanted

# Each machine has an address of its own, all of them this machine's.
_PER_BYTE: Final = 250
_STATES: Final = {Rest.STOP: "stopped", Rest.SUSPEND: "suspended", Rest.SHELVE: "shelved"}


class Guest(Protocol):
    """What runs on a machine that is switched on."""

    async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
        """It has booted; the first time it runs its user-data."""

    async def end(self, machine: Machine) -> None:
        """It is switched off."""


@dataclass(frozen=True, slots=True)
class MemoryImage:
    """An image.

    Attributes:
        name: Its name.
        fault: Of an image whose machines fail while they are built: the cloud's words.
    """

    name: str
    fault: str = ""


@dataclass
class MemoryVolume:
    """A volume and whose it is."""

    name: str
    size: int
    marks: Mapping[str, str]
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class _Built:
    """A machine, and what the cloud knows beside it."""

    machine: Machine
    userdata: str
    volumes: tuple[str, ...]
    address: str
    booted: bool = False
    task: asyncio.Task[None] | None = None


class MemoryCloud:
    """One cloud, found by its name.

    Args:
        name: How a configuration names it.

    Attributes:
        images: By name.
        sizes: Their names.
        networks: Their names.
        keys: Names of key pairs.
        most: How many machines there may be; 0 for any number.
        guest: What machines run; None: they boot, and nobody asks for a server.
        pace: Awaited before each call is answered and before each boot, with its name; a
            simulation of time waits in it.
        script: What becomes of the next calls: ``pass``, ``fail`` (refused, nothing done), ``lose``
            (done, and the answer is lost), ``empty`` (a list is empty), ``twice`` (done twice).
        away: Whether no call is answered.
        left: Machine id to what a machine that is gone has left.
        asked: The names of all calls so far.
        console: What is at the console of each of its machines.
    """

    opened: ClassVar[dict[str, MemoryCloud]] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = f"cloud-{name}"
        self.images = {"plain": MemoryImage("plain")}
        self.sizes = {"small", "large"}
        self.networks = {"private"}
        self.keys: set[str] = set()
        self.most = 0
        self.guest: Guest | None = None
        self.pace: Callable[[str], Awaitable[None]] = _at_once
        self.script: deque[str] = deque()
        self.away = False
        self.left: dict[str, Machine] = {}
        self.asked: list[str] = []
        self.console = ""
        self.volumes: dict[str, MemoryVolume] = {}
        self._built: dict[str, _Built] = {}
        self._ids, self._addresses = itertools.count(1), itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        # What machines do is the cloud's, not the hub's that asks for it.
        self._context = contextvars.copy_context()
        self.opened[name] = self

    @classmethod
    def named(cls, name: str) -> MemoryCloud:
        """The cloud of this name, made where there is none."""
        return cls.opened.get(name) or cls(name)

    @property
    def machines(self) -> dict[str, Machine]:
        """Id to machine, as they are."""
        return {each: built.machine for each, built in self._built.items()}

    def userdata(self, machine_id: str) -> str:
        """What a machine was made with."""
        return self._built[machine_id].userdata

    def volumes_of(self, machine_id: str) -> list[MemoryVolume]:
        """The volumes that a machine has."""
        return [self.volumes[each] for each in self._built[machine_id].volumes]

    def _address(self) -> str:
        high, low = divmod(next(self._addresses), _PER_BYTE)
        return f"127.77.{high % _PER_BYTE}.{low + 1}"

    async def close(self) -> None:
        """End everything."""
        self.opened.pop(self.name, None)
        for machine_id in list(self._built):
            self._remove(machine_id)
        await self.settled()

    async def settled(self) -> None:
        """Wait until no machine is on its way from one state to another."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # --- calls -----------------------------------------------------------------------------------

    async def ask(self, verb: str, do: Callable[[], Any]) -> Any:
        """One call of the cloud's API.

        Args:
            verb: Its name.
            do: What it does.

        Raises:
            ProviderError: It could not be asked, refuses, or the answer was lost.
        """
        self.asked.append(verb)
        fault = self.script.popleft() if self.script else "pass"
        await self.pace(verb)
        if self.away or fault == "fail":
            raise self._unreachable(verb, sure=True)
        if fault == "empty" and verb == "list":
            return []
        found = do()
        if fault == "twice":
            self._again(do)
        if fault == "lose":
            raise self._unreachable(verb, sure=False)
        return found

    async def ask_what_is_left(self) -> Sequence[Machine]:
        """A call of another service, of which `script` says nothing.

        Raises:
            ProviderError: No call is answered.
        """
        await self.pace("leftovers")
        if self.away:
            raise self._unreachable("leftovers", sure=True)
        return list(self.left.values())

    def _again(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except ProviderError:
            # As a proxy that sends a call twice: the answer of the first counts.
            return

    def _unreachable(self, verb: str, *, sure: bool) -> ProviderError:
        lost = "refused the connection" if sure else "did not answer"
        return ProviderError(
            f"The cloud {self.name} {lost} ({verb}).",
            cause=FailureCause.UNREACHABLE,
            hint="Try again later.",
            sure=sure,
        )

    # --- what calls do ---------------------------------------------------------------------------

    def create(self, wanted: Wanted) -> Machine:
        """Begin to build a machine.

        Raises:
            ProviderError: Something that it needs is not there, or the quota is used up.
        """
        image = self._checked(wanted)
        made = Machine(
            id=f"{self.name}-{next(self._ids):06d}",
            name=wanted.name,
            power=Power.BUILDING,
            marks={**wanted.metadata, **wanted.marks},
            created=datetime.now(UTC),
            state="building",
        )
        for each in wanted.volumes:
            found = self.volumes.setdefault(
                each.name, MemoryVolume(each.name, each.size, dict(wanted.marks))
            )
            found.marks = {**found.marks, **marking.of_volume(goes=each.goes)}
        names = tuple(each.name for each in wanted.volumes)
        self._built[made.id] = _Built(made, wanted.userdata, names, self._address())
        self._run(made.id, self._build(made.id, image))
        return made

    def _checked(self, wanted: Wanted) -> MemoryImage:
        image = self.images.get(wanted.image)
        if image is None:
            raise _missing("image", wanted.image, FailureCause.IMAGE_NOT_FOUND)
        if wanted.size not in self.sizes:
            raise _missing("size", wanted.size, FailureCause.CONFIG)
        for network in wanted.networks:
            if network not in self.networks:
                raise _missing("network", network, FailureCause.CONFIG)
        if wanted.key and wanted.key not in self.keys:
            raise _missing("key pair", wanted.key, FailureCause.CONFIG)
        if self.most and len(self._built) >= self.most:
            raise ProviderError(
                f"The quota of the cloud {self.name} is used up: {self.most} machines.",
                cause=FailureCause.QUOTA,
                hint="Stop a server, or ask for a larger quota.",
            )
        return image

    async def _build(self, machine_id: str, image: MemoryImage) -> None:
        await self.pace("build")
        if machine_id not in self._built:
            return
        if image.fault:
            self._set(machine_id, power=Power.BROKEN, state="error", fault=image.fault)
            return
        await self._boot(machine_id)

    async def _boot(self, machine_id: str) -> None:
        built = self._built.get(machine_id)
        if built is None:
            return
        first, built.booted = not built.booted, True
        self._set(machine_id, power=Power.RUNNING, state="active", private=(built.address,))
        if self.guest is not None:
            await self.guest.begin(built.machine, built.userdata, first=first)

    def rest(self, machine_id: str, how: Rest) -> bool:
        """Put one to rest.

        Raises:
            ProviderError: There is none.
        """
        if self._found(machine_id).machine.power is not Power.STOPPED:
            self.halt(machine_id, _STATES[how])
        return True

    def wake(self, machine_id: str) -> None:
        """Start one that rests.

        Raises:
            ProviderError: There is none.
        """
        if self._found(machine_id).machine.power is Power.STOPPED:
            self._set(machine_id, power=Power.BUILDING, state="starting")
            self._run(machine_id, self._wake(machine_id))

    async def _wake(self, machine_id: str) -> None:
        await self.pace("wake")
        await self._boot(machine_id)

    def destroy(self, machine_id: str) -> bool:
        """Remove one, and what it has left; its volumes stay."""
        self._remove(machine_id)
        self.left.pop(machine_id, None)
        return True

    def mark(self, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write marks.

        Raises:
            ProviderError: There is no such machine.
        """
        found = {**self._found(machine_id).machine.marks, **marks}
        self._set(machine_id, marks={name: text for name, text in found.items() if text})

    def _found(self, machine_id: str) -> _Built:
        if machine_id not in self._built:
            raise _missing("machine", machine_id, FailureCause.UNREACHABLE)
        return self._built[machine_id]

    # --- behind everybody's back -----------------------------------------------------------------

    def halt(self, machine_id: str, state: str = "stopped") -> None:
        """Switch a machine off."""
        self._set(machine_id, power=Power.STOPPED, state=state)
        self._end_guest(self._built[machine_id].machine)

    def break_down(self, machine_id: str, fault: str) -> None:
        """Let the cloud say that a machine has failed; what runs on it goes on."""
        self._set(machine_id, power=Power.BROKEN, state="error", fault=fault)

    def stranger(self, name: str, marks: Mapping[str, str] | None = None) -> Machine:
        """A machine that no hub has made."""
        made = Machine(
            id=f"{self.name}-{next(self._ids):06d}",
            name=name,
            power=Power.RUNNING,
            private=(self._address(),),
            marks=dict(marks or {}),
            created=datetime.now(UTC),
            state="active",
        )
        self._built[made.id] = _Built(made, "", (), made.private[0], booted=True)
        return made

    def _remove(self, machine_id: str) -> None:
        built = self._built.pop(machine_id, None)
        if built is None:
            return
        if built.task is not None:
            built.task.cancel()
        self._end_guest(built.machine)

    def _end_guest(self, machine: Machine) -> None:
        if self.guest is not None:
            self._keep(self._task(self.guest.end(machine)))

    def _set(self, machine_id: str, **changes: Any) -> None:
        built = self._built[machine_id]
        built.machine = replace(built.machine, **changes)

    def _run(self, machine_id: str, what: Any) -> None:
        task = self._task(what)
        self._built[machine_id].task = task
        self._keep(task)

    def _task(self, what: Any) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(what, context=self._context)

    def _keep(self, task: Any) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()


async def _at_once(_: str) -> None:
    await asyncio.sleep(0)


def _missing(what: str, name: str, cause: FailureCause) -> ProviderError:
    return ProviderError(
        f"There is no {what} {name!r} at this cloud.", cause=cause, hint=f"Name another {what}."
    )
