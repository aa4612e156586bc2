"""One place of machines as one hub uses it: its provider, and one listing for all who look.

A target has one, and so have all spawners together that are used alone with the same provider. It
remembers what no cloud knows: which machine a spawner has as its own, and what the agents on them
said last.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Access, Machine, Provider

GROUP: Final = "jupyterhub_anywhere.providers"


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
class Place:
    """Where machines are made, and what this hub knows of them.

    Args:
        hub: The hub's id.
        target: The target's name; empty for spawners that are used alone.
        make: Makes the provider, at first use.

    Attributes:
        own: Resource name to the id of the machine that its spawner has as its own: of two of one
            name, the other is a leftover of a create call that was sent twice.
        ended: Machine id to what its agent said of the end of its server; where servers share it,
            what `seat` says.
        sharing: Of the machines that servers share.
    """

    hub: str
    target: str
    make: Callable[[], Provider]
    own: dict[str, str] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    sharing: Sharing = field(init=False)
    _provider: Provider | None = None
    _listing: _Listing | None = None

    def __post_init__(self) -> None:
        self.sharing = Sharing(self)

    @property
    def provider(self) -> Provider:
        """The provider, made at first use and after `close`.

        Raises:
            TargetError: It cannot be made.
        """
        if self._provider is None:
            self._provider = self.make()
        return self._provider

    async def close(self) -> None:
        """Give up threads and connections; whoever asks again opens new ones."""
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.close()

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
        if present is None or now - present.began > seconds or _failed(present.task):
            task = asyncio.create_task(self._by_id(), name=f"anywhere-machines-{self.target}")
            self._listing = present = _Listing(now, task)
        # Whoever stops waiting does not end it for the others.
        return await asyncio.shield(present.task)

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


def _failed(task: asyncio.Task[Mapping[str, Machine]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
