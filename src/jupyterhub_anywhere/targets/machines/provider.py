"""What a provider is: it acquires and releases machines at one place.

A provider knows clouds, and neither users nor Jupyter. It is one class, named by the entry point
group `jupyterhub_anywhere.providers`; `targets.machines.spawner` composes it with a configurer and
a launcher. Every method may be called from the hub's event loop at any time: what blocks runs in
threads of the provider's own.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.core.findings import Finding
    from jupyterhub_anywhere.targets.causes import FailureCause


class Power(enum.StrEnum):
    """What a machine is doing, in the words of no cloud."""

    BUILDING = "building"
    RUNNING = "running"
    STOPPED = "stopped"
    """Switched off, shelved or suspended: its disk is there, and it can be started again."""
    BROKEN = "broken"
    """The cloud says that it failed; `Machine.fault` has its words."""
    GOING = "going"
    """It is being deleted."""
    UNKNOWN = "unknown"
    """A state that nobody has heard of."""


class Rest(enum.StrEnum):
    """How a machine that is kept rests."""

    STOP = "stop"
    SUSPEND = "suspend"
    SHELVE = "shelve"
    """Its disk is kept as an image and its place is given back; where the cloud can."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk beside the machine's own.

    Attributes:
        name: Its deterministic name; one of that name is found before one is made.
        size: In GiB.
        kind: The cloud's volume type; empty for its default.
        goes: Whether it is declared to go with its user; written on it, also where it is found.
    """

    name: str
    size: int
    kind: str = ""
    goes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A machine that is wanted. Names are those of the cloud, or ids.

    Attributes:
        name: The machine's deterministic name.
        image: Its image.
        size: Its flavor or instance type.
        userdata: What its first boot runs; holds no secret but a ticket.
        marks: Written on it as metadata or tags: whose it is. Text to text.
        networks: In order; empty for the cloud's default.
        key: The name of a key pair; empty for none.
        security_groups: Names; empty for the cloud's default.
        zone: The availability zone; empty for the cloud's choice.
        metadata: More metadata of the administrator's; never a key of `marks`.
        config_drive: Whether it gets a config drive; None for the cloud's default.
        floating_ip: The pool, or external network, of a floating IP; empty for none.
        boot_volume: GiB of a volume to boot from; 0 for the size's own disk.
        volumes: Disks that outlive it.
        more: Further arguments of the provider's own create call, as they are.
    """

    name: str
    image: str
    size: str
    userdata: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    key: str = ""
    security_groups: tuple[str, ...] = ()
    zone: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    config_drive: bool | None = None
    floating_ip: str = ""
    boot_volume: int = 0
    volumes: tuple[Volume, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine as its provider tells it.

    Attributes:
        id: The provider's own id; never given twice.
        name: Its name.
        power: What it is doing.
        private: Its addresses inside, IPv4 first.
        public: Its addresses outside, IPv4 first.
        marks: The metadata or tags that it has, ours and others.
        fault: Why it failed, in the cloud's words; empty where it did not.
        created: When it was made, with its zone; None where the provider does not say.
        state: The cloud's own word for `power`, for people.
    """

    id: str
    name: str
    power: Power
    private: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    created: datetime | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which cloud, and as whom: what the constructor of a provider gets, as its only argument.

    Secrets are resolved. Constructing a provider asks nobody.

    Attributes:
        title: For messages, as ``target cloud``.
        driver: libcloud's driver; other providers may need none.
        user: The driver's first argument.
        key: Its second one.
        auth_url: OpenStack's identity service, in any form in use; empty for none.
        region: The region; empty for the driver's.
        options: All further parameters of the driver.
        verify: Whether certificates are verified, or a file of authorities.
        same_name: Of two images of one name: ``refuse`` or ``newest``.
    """

    title: str
    driver: str = ""
    user: str = ""
    key: str = field(default="", repr=False)
    auth_url: str = ""
    region: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    verify: bool | str = True
    same_name: str = "refuse"


class ProviderError(TargetError):
    """A provider could not do what it was asked for.

    Args:
        message: What failed, naming the object.
        cause: Why, in one word.
        hint: The next step.
        sure: Whether nothing was made or changed; False where the call may have taken effect, as
            after a time-out.
    """

    def __init__(
        self, message: str, *, cause: FailureCause, hint: str = "", sure: bool = True
    ) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause
        self.sure = sure


class Provider(Protocol):
    """Acquires and releases machines at one place.

    Every method raises `ProviderError` where the place cannot be asked or refuses; *not there* is
    an answer, and needs proof: a 404 of the right service.
    """

    async def source(self) -> str:
        """The identity of what answers: the same as long as it has the same machines."""

    async def machines(self, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All machines that have these marks, whatever they are doing; by one listing.

        All of them or an error: half a list is none.
        """

    async def named(self, pattern: str) -> Sequence[Machine]:
        """All machines whose name matches a regular expression as a whole, marked or not."""

    async def machine(self, machine_id: str) -> Machine | None:
        """One machine as it is now; None where the provider says that there is none."""

    async def mark(self, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write marks on a machine beside those that it has; an empty value takes one away."""

    async def create(self, wanted: Wanted) -> Machine:
        """Ask for a machine, and return as soon as it has an id; it may still be building.

        What was made on the way (a volume, a floating IP, a port) is removed where it fails.
        """

    async def destroy(self, machine_id: str) -> bool:
        """Begin or go on to remove a machine, its ports and floating IPs; not its volumes.

        Returns:
            True once it is proven gone. May be called again.
        """

    async def leftovers(
        self, marks: Mapping[str, str], present: Collection[str]
    ) -> Sequence[Machine]:
        """What machines with these marks have left that are gone themselves, as a floating IP.

        Args:
            marks: Those of a hub and a target.
            present: Ids of machines that are there, which need not be asked for.

        Returns:
            Each with the id of the machine that is gone, by which `destroy` removes it.
        """

    async def rest(self, machine_id: str, how: Rest) -> bool:
        """Stop, suspend or shelve a machine; True once it rests. May be called again."""

    async def wake(self, machine_id: str) -> None:
        """Start, resume or unshelve it; one that runs is left alone."""

    async def volume_marks(self, name: str, marks: Mapping[str, str]) -> Mapping[str, str] | None:
        """The marks that a volume of ours has; None where there is none of that name.

        So where the place has no volumes at all.
        """

    async def delete_volume(self, name: str, marks: Mapping[str, str]) -> bool:
        """Remove a volume of ours; True once it is gone, or was never there."""

    async def console(self, machine_id: str, lines: int) -> str:
        """The last lines of its console; empty where the provider has none."""

    async def findings(self, choices: Mapping[str, Sequence[Any]]) -> Sequence[Finding]:
        """What `anywhere doctor` tells; each with its cure. Never raises.

        Args:
            choices: Trait (`image`, `size`, `networks`, …) to the values that profiles set.
        """

    async def misfits(self, pairs: Collection[tuple[str, str]]) -> Sequence[Finding]:
        """Of images and sizes that go together, those where the size is too small. Never raises.

        Args:
            pairs: Image and size, by name or id. One that is not there is told by `findings`.
        """

    async def close(self) -> None:
        """Give up threads and connections."""
