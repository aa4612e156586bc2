"""The contract between the conformance suite and the back ends that it records.

A `World` is a back end that writes down what it is asked. A `Subject` is one Spawner class in one
world. The suite holds the same conversation with the bare class and with the class through
AnywhereSpawner, each in a world of its own, and compares what the two worlds have written down.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

Fault = Literal["error", "hang"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the back end.

    Attributes:
        name: The operation, as ``create_container``, ``sbatch`` or ``POST pods``.
        facts: What was asked, safe for JSON. The world has replaced what differs from run to run
            by stable words: tokens, ids, ports that nobody chose, its own folder.
    """

    name: str
    facts: Mapping[str, Any]


class World(ABC):
    """A back end that writes down what it is asked; the spawner's real client talks to it.

    It is a small state machine, not a list of canned answers: what does not exist is not found,
    what was removed is gone. A server that was started answers HTTP on loopback, with status 200
    and the header ``X-JupyterHub-Version``.

    It outlives hubs: one world sees a hub end and the next one begin. It may live in the running
    event loop, or in a thread of its own where the spawner's client blocks.

    Args:
        folder: A private folder, for sockets, scripts and records.
    """

    steps: ClassVar[tuple[str, ...]] = ()
    """Names of calls that `fault` knows, in the order of a start and then of a stop."""

    held: ClassVar[str] = ""
    """One of `steps` within `Spawner.start`, which holds up a start that takes too long; empty for
    the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    async def open(self) -> None:
        """Begin to answer."""

    @abstractmethod
    async def close(self) -> None:
        """End everything that was made: no process, listener or file outside of `folder` stays."""

    @property
    @abstractmethod
    def calls(self) -> Sequence[Call]:
        """Every request so far, in the order of arrival."""

    @abstractmethod
    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let calls fail or hang from now on.

        Args:
            step: One of `steps`.
            kind: ``error`` answers as the real back end does when it fails; ``hang`` does not
                answer until healed; None heals.
            server: Only calls about this resource, by its name at the back end; empty for all.
        """

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Trait values with which the spawner reaches this world."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Variables that the hub's process needs, as a ``PATH`` with commands of this world."""

    @abstractmethod
    def alive(self) -> Collection[str]:
        """Names of the resources that exist now."""

    def places(self) -> Collection[str]:
        """Folders outside of the private one, whose names differ from run to run."""
        return ()

    def hub_gone(self) -> None:  # noqa: B027 - most worlds have nothing to do
        """A hub has ended and left its servers; the next one will be another process."""


def _nothing(_: World) -> Mapping[str, Any]:
    return {}


def _nothing_to_forget() -> None:
    pass


@dataclass(frozen=True)
class Subject:
    """One Spawner class in one world.

    Attributes:
        name: Names it in the table and in the list of exceptions.
        spawner_class: The bare class, as ``package.module.Class``.
        world: Its back end.
        target_kind: The kind of target that hands servers to it.
        coverage: ``full`` holds every conversation with every fault; ``pairwise`` a covering part.
        ssl: Whether it can move certificates to its servers.
        named_servers: Whether a user may have several servers at once.
        settings: More trait values, set on the class for the bare hub and ours alike.
        declared: The target's own keys in ``anywhere.yaml`` beside ``kind`` (and beside ``class``
            for kind ``custom``), given the world.
        user: The name of the user whose servers are started.
        options: What the class itself understands as ``user_options``; empty where it has none.
        form_fields: What a browser sends with the class's own form; empty where it has none.
        variants: Name to more trait values, with which servers live quite differently, as whether
            they are resumed; each is held a conversation with.
        forget: Called before each hub: forgets what the class keeps for the whole process, as a
            cached client, since a hub is a process of its own in truth. Not needed for the
            class attributes ``_client``, ``_executor`` and ``reflectors``.
        config: More configuration of both hubs: called with the hub's ``Config`` and the world.
        not_applicable: Row of the table (as ``R18``) to the reason why it says nothing here.
    """

    name: str
    spawner_class: str
    world: type[World]
    target_kind: str = "custom"
    coverage: Literal["full", "pairwise"] = "pairwise"
    ssl: bool = False
    named_servers: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    declared: Callable[[World], Mapping[str, Any]] = _nothing
    user: str = "ann"
    options: Mapping[str, Any] = field(default_factory=dict)
    form_fields: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    forget: Callable[[], None] = _nothing_to_forget
    config: Callable[[Any, World], None] | None = None
    not_applicable: Mapping[str, str] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """The class's own name, which is its section in the hub's configuration."""
        return self.spawner_class.rpartition(".")[2]
