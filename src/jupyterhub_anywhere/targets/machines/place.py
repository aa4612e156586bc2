"""One place of machines as one hub uses it: its provider, and one listing for all who look.

A target has one, and so have all spawners together that are used alone with the same provider. What
no cloud knows of its machines is `Known`. Servers keep the definition of their target that they
were started with, and a reload makes all targets anew: what their machines told, and who comes to
them and goes, is one for all definitions of a target's name, and so is the place where they mean
the same cloud.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError, TargetError
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Hashable,
        Mapping,
        MutableMapping,
        Sequence,
    )

    from jupyterhub_anywhere.targets.machines.provider import Access, Machine, Provider

log = logging.getLogger(__name__)
GROUP: Final = "jupyterhub_anywhere.providers"
# Seconds between two looks for what machines have left that are gone themselves, and for which a
# list of machines waits for one.
LEFT_SECONDS: Final = 300.0
LEFT_PATIENCE: Final = 2.0


@cache
def provider_class(name: str) -> Callable[[Access], Provider]:
    """What makes a provider, by its entry point.

    Raises:
        TargetError: There is none of this name, or it cannot be imported.
    """
    points = {each.name: each for each in entry_points(group=GROUP)}
    if name not in points:
        raise TargetError(
            f"There is no provider {name!r}.",
            hint=did_you_mean(name, points) or "Install the package that brings it.",
        )
    try:
        found: Callable[[Access], Provider] = points[name].load()
    except Exception as error:
        raise TargetError(
            f"The provider {name} cannot be used: {type(error).__name__}: {error}.",
            hint="Install it beside JupyterHub: pip install 'jupyterhub-anywhere[cloud]'.",
        ) from error
    return found


@dataclass(frozen=True, slots=True)
class Ended:
    """A server that its agent says has ended, though its machine runs.

    Attributes:
        status: With what its program has ended; None where the agent does not know.
    """

    status: int | None


@dataclass(slots=True)
class _Listing:
    """A listing that is under way, or has ended."""

    began: float
    task: asyncio.Task[Mapping[str, Machine]]


@dataclass
class Known:
    """What this hub knows of the machines of one target, and no cloud does.

    Attributes:
        own: Resource name to the id of the machine that its spawner has as its own: of two of one
            name, the other is a leftover of a create call that was sent twice.
        ended: Machine id to what its agent said of the end of its server; where servers share it,
            what `Place.seat` says.
        sharing: Of the machines that servers share.
        going: Names of home volumes that go with their users, as soon as nothing has them; who
            takes one up takes it out.
        places: Which cloud, and as whom, to the place there.
    """

    own: dict[str, str] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    sharing: Sharing = field(default_factory=Sharing)
    going: set[str] = field(default_factory=set)
    places: dict[str, Place] = field(default_factory=dict, repr=False)


@dataclass
class Place:
    """Where machines are made, and what this hub knows of them.

    Args:
        hub: The hub's id.
        target: The target's name; empty for spawners that are used alone.
        make: Makes the provider, at first use.
        key: What it is made with, secrets and all.
        known: What is known of the target's machines.
    """

    hub: str
    target: str
    make: Callable[[], Provider]
    key: Callable[[], object] = lambda: None
    known: Known = field(default_factory=Known, repr=False)
    _provider: Provider | None = None
    # What the provider was made with, secrets and all; whether that may be another by now; and
    # those of before.
    _made_with: object = field(default=None, repr=False)
    _dated: bool = False
    _old: list[Provider] = field(default_factory=list, repr=False)
    _users: int = 0
    _listing: _Listing | None = None
    # What was found that machines have left; when that was asked for; and while it is.
    _left: Sequence[Machine] = ()
    _left_at: float | None = None
    _looking: asyncio.Task[None] | None = None

    @property
    def own(self) -> dict[str, str]:
        """See `Known`."""
        return self.known.own

    @property
    def ended(self) -> dict[str, Ended]:
        """See `Known`."""
        return self.known.ended

    @property
    def sharing(self) -> Sharing:
        """See `Known`."""
        return self.known.sharing

    @property
    def provider(self) -> Provider:
        """The provider, made at first use and after `close`.

        Raises:
            TargetError: It cannot be made.
        """
        if self._dated:
            self._dated = False
            self._renew()
        if self._provider is None:
            self._made_with = self.key()
            self._provider = self.make()
        return self._provider

    def renew(self, make: Callable[[], Provider], key: Callable[[], object]) -> None:
        """The file was loaded again, and a secret may be another one by now: looked at next time.

        Args:
            make: As at first.
            key: As at first.
        """
        self.make, self.key, self._dated = make, key, True

    def _renew(self) -> None:
        try:
            changed = self._provider is not None and self.key() != self._made_with
        except AnywhereError as error:
            log.warning("target %s goes on with the credential that it has: %s", self.target, error)
            return
        if changed and self._provider is not None:
            # Whoever asks it just now is to get an answer.
            self._old.append(self._provider)
            self._provider, self._listing = None, None

    def use(self) -> None:
        """One more has it open until `close`."""
        self._users += 1

    async def close(self) -> None:
        """With the last that has it open, give up threads and connections.

        Whoever asks again opens new ones.
        """
        self._users = max(self._users - 1, 0)
        if self._users:
            return
        if self._looking is not None and _is_of_here(self._looking):
            self._looking.cancel()
        provider, self._provider, old, self._old = self._provider, None, self._old, []
        for each in [*old, *([provider] if provider is not None else [])]:
            await each.close()

    async def machines(self) -> Sequence[Machine]:
        """All machines of this hub at this target, asked now; all of them or an error.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        return await self.provider.machines(marks.of_place(self.hub, self.target))

    async def glance(self, seconds: float) -> Mapping[str, Machine]:
        """Id to machine, by a listing that is at most so old; whoever looks meanwhile shares it.

        Args:
            seconds: How old it may be.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        now, present = time.monotonic(), self._listing
        usable = present is not None and _is_of_here(present.task) and not _failed(present.task)
        if present is None or not usable or now - present.began > seconds:
            task = asyncio.create_task(self._by_id(), name=f"anywhere-machines-{self.target}")
            self._listing = present = _Listing(now, task)
        # Whoever stops waiting does not end it for the others.
        return await asyncio.shield(present.task)

    async def leftovers(self, present: Collection[str]) -> Sequence[Machine]:
        """What machines have left that are gone themselves; never raises.

        It is asked for every few minutes: what somebody else has deleted is rare. An answer that
        takes long is there at the next call.

        Args:
            present: Ids of all machines that are there.
        """
        now = time.monotonic()
        if self._looking is not None and not _is_of_here(self._looking):
            self._looking, self._left_at = None, None
        idle = self._looking is None or self._looking.done()
        if idle and (self._left_at is None or now - self._left_at >= LEFT_SECONDS):
            self._left_at = now
            look = self._look_for_what_is_left(frozenset(present))
            self._looking = asyncio.create_task(look, name=f"anywhere-left-{self.target}")
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=LEFT_PATIENCE)
        return [each for each in self._left if each.id not in present]

    async def _look_for_what_is_left(self, present: Collection[str]) -> None:
        try:
            wanted = marks.of_place(self.hub, self.target)
            self._left = await self.provider.leftovers(wanted, present)
        except Exception as error:  # noqa: BLE001 - of any provider; a list of machines is whole without it
            log.warning("target %s: what machines have left cannot be told: %s", self.target, error)

    def look_for_leftovers(self) -> None:
        """Some have been removed: ask anew."""
        self._left_at = None

    def changed(self) -> None:
        """Something was made or removed, or is about to be: no earlier listing answers any more."""
        self._listing = None

    async def _by_id(self) -> Mapping[str, Machine]:
        return {each.id: each for each in await self.machines()}

    def claim(self, name: str, machine: str) -> None:
        """Say which machine a spawner has as its own, and that its server begins."""
        self.own[name] = machine
        self.ended.pop(machine, None)

    def disclaim(self, name: str) -> None:
        """Forget it: it is gone, or another one is to be made."""
        self.ended.pop(self.own.pop(name, ""), None)

    @staticmethod
    def seat(machine: str, key: str) -> str:
        """Under what the end of one server is found, on a machine that servers share."""
        return f"{machine}/{key}"


def place_of(lasting: MutableMapping[Hashable, Any], place: Place, cloud: str) -> Place:
    """The place of a target: that of an earlier definition of it where both mean the same cloud.

    Args:
        lasting: What lasts as long as the hub's process, see `SiteInfo`.
        place: What is to be, where there is none yet.
        cloud: Which cloud, and as whom, as the definition says it.
    """
    known: Known = lasting.setdefault(("machines", place.hub, place.target), place.known)
    found = known.places.setdefault(cloud, place)
    found.known = known
    return found


def _is_of_here(task: asyncio.Task[Any]) -> bool:
    """Whether a task is of the loop that runs: a hub begins with one that ends before it serves."""
    return task.get_loop() is asyncio.get_running_loop()


def _failed(task: asyncio.Task[Mapping[str, Machine]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
