"""What a target is: a frozen declaration of one place where servers can run.

A kind is one subclass of `Target`, named by the entry point group `jupyterhub_anywhere.targets`.
It says which Spawner class does the work, how that class is set, and what can be asked there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.inventory import Inventory, Resource

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
        Hashable,
        Mapping,
        MutableMapping,
        Sequence,
    )
    from pathlib import Path

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.config.models import TargetConfig
    from jupyterhub_anywhere.core.state import StatePaths

__all__ = ["Finding", "Inventory", "Level", "NoSettings", "Resource", "SiteInfo", "Target"]


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What a target may know of the hub it belongs to.

    Attributes:
        hub_id: The hub's random id, which labels everything made.
        state: The layout of the state folder.
        base: The folder that relative paths of the file start from.
        uids: As root: the first and last reserved uid.
        share_account: As an ordinary user: whether several names run under this one account.
        open_door: Lets the hub's API listen on one more address of this machine, and gives its
            URL, as ``http://172.17.0.1:5000``; raises `TargetError` where that cannot be. Called
            again for an address it changes nothing. None in a hub of one's own, and where
            nothing is served, as in ``anywhere check``.
        lasting: What targets keep for as long as the hub's process runs, under keys of their kinds'
            own. A reload of the file makes targets anew, and hands this on; a server keeps the
            definition that it was started with, which has the same.
    """

    hub_id: str
    state: StatePaths
    base: Path
    uids: tuple[int, int] = (70000, 99999)
    share_account: bool = False
    open_door: Callable[[str], Awaitable[str]] | None = field(
        default=None, compare=False, repr=False
    )
    lasting: MutableMapping[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)


class NoSettings(Model):
    """For kinds that have no keys of their own."""


class Target(ABC):
    """One place where servers can run.

    Constructing a target has no side effects and asks nobody.

    Args:
        name: The target's name in the file.
        declared: Its declaration.
        own: The kind's own keys, validated by `settings_model`.
        site: The hub it belongs to.
    """

    kind: ClassVar[str]
    settings_model: ClassVar[type[Model]] = NoSettings
    # Whether something outlives all servers of a user here (a home), and goes with the user: then
    # the default server's `delete_forever` is called also where only named servers ever ran.
    together: ClassVar[frozenset[str]] = frozenset()
    """Traits whose values may fit each by itself and not together: few, for they are multiplied."""
    keeps_for_user: ClassVar[bool] = False
    # Whether servers here talk to their spawner (`anywhere_reconnect`), so that the next hub builds
    # it again at once.
    reconnects: ClassVar[bool] = False

    def __init__(self, name: str, declared: TargetConfig, own: Model, site: SiteInfo) -> None:
        self.name = name
        self.declared = declared
        self.own = own
        self.site = site

    @property
    def title(self) -> str:
        """What people read."""
        return self.declared.title or self.name

    @abstractmethod
    def child_class(self) -> type[Spawner]:
        """The Spawner class of this kind, before it is specialised for this target.

        Raises:
            TargetError: The class cannot be imported; the message names the missing extra.
        """

    def class_attributes(self) -> Mapping[str, Any]:
        """Class attributes of the generated subclass: clients, pools and reflectors, reset."""
        return {}

    def traits(self) -> Mapping[str, Any]:
        """Trait values of every server at this target; ``spawner:`` of the file comes on top."""
        return {}

    def file_problems(self, hub_url: str | None) -> Sequence[tuple[tuple[str, ...], str, str]]:  # noqa: ARG002
        """What does not fit in a file that ``anywhere up`` is to run; see `spawner.check`.

        Args:
            hub_url: ``hub.internal_url`` of the file; None where it is left to the hub, which
                takes an address of the loopback.

        Returns:
            The path within the file, what is wrong, and the cure.
        """
        return ()

    def profile_problems(
        self,
        chosen: Mapping[str, tuple[tuple[str | int, ...], Any]],  # noqa: ARG002 - for kinds that look
    ) -> Sequence[tuple[tuple[str | int, ...], str, str]]:
        """What a profile sets here that does not go together; each value by itself is checked.

        Args:
            chosen: Of one combination of a user's choices, each trait of `together` that it sets:
                to its path within the file, and its value.

        Returns:
            The path within the file, what is wrong, and the cure.
        """
        return ()

    def published(self) -> None:  # noqa: B027 - for kinds that look
        """The file that declares it counts from now on; again after each reload."""

    def notes(self) -> Sequence[str]:
        """What a user should know before choosing it, as "memory limits are not enforced here"."""
        return ()

    def inventory(self) -> Inventory | None:
        """What exists there; None where it cannot be listed."""
        return None

    async def ancestors(self) -> Sequence[Resource]:
        """What programs that this one replaces have left there, by its names alone.

        It is shown to a person; nothing is ever done to it.

        Raises:
            Exception: It cannot be asked.
        """
        return ()

    async def doors(self) -> Sequence[str]:
        """The addresses of this machine at which servers here reach the hub, loopback aside.

        Asked at the hub's start, when the file has changed, and again while it fails: so that
        servers which outlived the hub reach it before the next of them is started.

        Raises:
            Exception: They cannot be told now, for example since an engine is away.
        """
        return ()

    async def findings(self) -> Sequence[Finding]:
        """What `anywhere doctor` finds at this target; never raises."""
        return ()

    async def hub_findings(
        self,
        url: str,  # noqa: ARG002
        choices: Mapping[str, Sequence[Any]],  # noqa: ARG002
    ) -> Sequence[Finding]:
        """What `anywhere doctor` finds of the way from a server here to the hub that runs.

        Args:
            url: The hub's API on this machine, as ``http://127.0.0.1:5000/hub/api/``.
            choices: Trait to the values that profiles set here.
        """
        return ()

    async def profile_findings(
        self,
        chosen: Sequence[Mapping[str, Any]],  # noqa: ARG002 - for kinds that look
    ) -> Sequence[Finding]:
        """What `anywhere doctor` finds of values that do not go together.

        Args:
            chosen: Of each combination of a user's choices in all profiles, each trait of
                `together` that it sets.
        """
        return ()

    async def choice_findings(self, trait: str, value: Any) -> Sequence[Finding]:  # noqa: ARG002
        """What `anywhere doctor` finds of a value that a profile sets: an environment, an image.

        Args:
            trait: The spawner's trait.
            value: One value that some profile sets here.
        """
        return ()
