"""What the contract has to know of one kind of target: how to reach its engine, and what it can do.

A kind joins with one subclass of `Subject`. What is asked of it here is asked *behind the kind's
back*: it says what exists and breaks things, so that the kind's own word can be compared with it.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from jupyterhub_anywhere.targets.base import Target
    from jupyterhub_anywhere.targets.causes import FailureCause

# The keys of a target in the file.
Keys = Mapping[str, Any]

# The targets that every subject has, and their users and groups.
ONE: Final = "one"
TWO: Final = "two"
BAD: Final = "bad"
CRASHING: Final = "crashing"


class Can(enum.Flag):
    """What a kind can do, and so what the contract asks of it."""

    KEEPS = enum.auto()
    """What is stopped stays, and is started again with the files in it."""
    FILES = enum.auto()
    """A user's files outlive a server."""
    STATUS = enum.auto()
    """The list tells with which status a program has ended."""
    CREATED = enum.auto()
    """The list tells when something was made."""
    APART = enum.auto()
    """Each target has a list of its own; else those of one kind share one."""
    AWAY = enum.auto()
    """The engine can be out of reach."""
    STRANGERS = enum.auto()
    """Something without a label may have the name that a server wants."""
    BAD = enum.auto()
    """A target can be declared that no server starts at, as with an image that is not there."""
    CRASHES = enum.auto()
    """A server can end as soon as it is started, and leaves a log."""
    SCRIPTED = enum.auto()
    """Single calls to the engine can be made to fail."""


class Subject(ABC):
    """One kind of target at one engine.

    Attributes:
        target: The kind.
        user: Whose servers are started.
        hubs: The ids of the hubs whose resources may be there; set before anything is asked.
    """

    target: ClassVar[type[Target]]
    user: str = "ann"
    hubs: Collection[str] = ()

    @abstractmethod
    def keys(self) -> Keys:
        """The keys of a target in the file, beside ``kind``."""

    @abstractmethod
    async def names(self) -> Collection[str]:
        """The names of what exists at the engine, ended things and strangers included."""

    @abstractmethod
    async def kill(self, name: str) -> None:
        """End a server's program from outside, and come back when it has ended."""

    async def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Begin: an engine is reached from now on."""

    async def close(self) -> None:  # noqa: B027 - as above
        """Remove whatever is left."""

    async def let_go(self, target: Target) -> None:  # noqa: B027 - as above
        """A hub has ended: close what one of its targets holds open."""

    # --- what only some can do -------------------------------------------------------------------

    def bad(self) -> tuple[Keys, FailureCause]:
        """`Can.BAD`: the keys of a target that no server starts at, and why."""
        raise NotImplementedError

    def crashing(self) -> Keys:
        """`Can.CRASHES`: the keys of a target whose servers end at once.

        They write the API token and then the line ``last words`` to their log.
        """
        raise NotImplementedError

    async def write(self, url: str, text: str) -> None:
        """`Can.FILES`: write one file of the user's, through the server at this address."""
        raise NotImplementedError

    async def read(self, url: str) -> str:
        """`Can.FILES`: read it."""
        raise NotImplementedError

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        """`Can.STRANGERS`: make something of this name that no hub has labelled.

        Returns:
            Tells whether it is still there and untouched.
        """
        raise NotImplementedError

    def away(self) -> None:
        """`Can.AWAY`: no call reaches the engine any more; what runs there goes on."""
        raise NotImplementedError

    def back(self) -> None:
        """`Can.AWAY`: calls reach it again."""
        raise NotImplementedError

    def script(self, *faults: str) -> None:
        """`Can.SCRIPTED`: say what becomes of the next calls, one after the other.

        Args:
            faults: ``pass``; ``fail``: refused, and nothing done; ``lose``: done, and the answer
                is lost; ``empty``: a list is empty (any other call passes); ``twice``: done twice.
        """
        raise NotImplementedError

    def asked(self) -> int:
        """`Can.SCRIPTED`: how many calls there were so far."""
        raise NotImplementedError
