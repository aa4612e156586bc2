"""What all parts of `MachineSpawner` share: its place, its names, its state."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from sqlalchemy import inspect

from jupyterhub_anywhere.core.names import resource_name
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.hubid import id_from_database
from jupyterhub_anywhere.targets.machines import marks, shapes, tunnels, waiting
from jupyterhub_anywhere.targets.machines.access import access_of
from jupyterhub_anywhere.targets.machines.memo import Memo
from jupyterhub_anywhere.targets.machines.place import Place, provider_class
from jupyterhub_anywhere.targets.machines.progress import News
from jupyterhub_anywhere.targets.machines.provider import ProviderError, Rest
from jupyterhub_anywhere.targets.machines.traits import DIAL, MachineTraits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyterhub_anywhere.targets.machines.kind import CloudTarget
    from jupyterhub_anywhere.targets.machines.provider import Machine, Provider

# Spawners that are used alone with the same provider share a place.
_ALONE: Final[dict[tuple[str, str], Place]] = {}


class OtherCloudError(ProviderError):
    """What answers is not the cloud that a machine was made at: its "not there" proves nothing."""


class MachineCore(MachineTraits):
    """The base of `MachineSpawner`."""

    # Set on the generated subclass of a target; None where the spawner is used alone.
    anywhere_target: ClassVar[CloudTarget | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.memo = Memo()
        self.news = News()
        self._secrets: list[str] = []
        # Set at every report of the agent, and at whatever else a start should look at.
        self._told = asyncio.Event()
        super().__init__(*args, **kwargs)

    # --- where, and whose ------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where its machines are."""
        target = self.anywhere_target
        if target is not None:
            return target.place
        access = access_of(self.provider, self.driver, self.driver_params)
        hub = id_from_database(self.orm_spawner)
        key = hub, repr((self.provider, self.driver, sorted(self.driver_params.items(), key=str)))
        if key not in _ALONE:
            name = self.provider
            _ALONE[key] = Place(hub, "", lambda: provider_class(name)(access))
        return _ALONE[key]

    @property
    def cloud(self) -> Provider:
        """The provider.

        Raises:
            TargetError: It cannot be made.
        """
        return self.place.provider

    @property
    def title(self) -> str:
        """What people read for where its machines are."""
        target = self.anywhere_target
        return target.title if target is not None else self.provider

    @property
    def owner(self) -> marks.Owner:
        """Whom everything is marked for."""
        place = self.place
        return marks.Owner(place.hub, place.target, self.user.name, self.name or "")

    @property
    def whose(self) -> str:
        """User and server, for an administrator."""
        return str(self._log_name)

    @property
    def resource(self) -> str:
        """The deterministic name of its machine."""
        return resource_name(self.place.hub, self.user.name, self.name or "")

    @property
    def shape(self) -> str:
        """The fingerprint of what its machine is made from; empty where it shares none."""
        return shapes.fingerprint(self) if self.share_machine else ""

    @property
    def machine_name(self) -> str:
        """The name of its machine: its own, or one for all servers that share it."""
        if not self.share_machine:
            return self.resource
        # No server's name has a slash.
        return resource_name(self.place.hub, self.user.name, f"/{self.place.target}/{self.shape}")

    @property
    def volume_name(self) -> str:
        """The deterministic name of the user's home volume at this place."""
        return resource_name(self.place.hub, f"{self.user.name}@home", self.place.target)

    @property
    def plain_http(self) -> bool:
        """Whether somebody said that machines may reach the hub by plain http."""
        target = self.anywhere_target
        return bool(self.insecure_http or (target is not None and target.own.insecure))

    @property
    def hub_url(self) -> str:
        """The hub as machines reach it, with its path, as ``https://10.0.0.1:8081/hub``."""
        api = urlsplit(self.hub.api_url)
        base = (self.hub_connect_url or f"{api.scheme}://{api.netloc}").rstrip("/")
        path = api.path.rstrip("/")
        return str(base + path.removesuffix("/api"))

    def hub_authority(self) -> str:
        """Who signed the certificate of the hub's address, PEM; empty for those of the system.

        Raises:
            OSError: The file cannot be read.
        """
        target = self.anywhere_target
        if self.hub_ca:
            return Path(self.hub_ca).read_text("ascii")
        if target is None or target.own.ca is None:
            return ""
        return (target.site.base / target.own.ca).read_text("ascii")

    def configured(self, values: dict[str, Any]) -> str:
        """The configurer's part of the user-data; empty for none.

        Args:
            values: What a template can use.

        Raises:
            TargetError: It cannot be made.
        """
        from jupyterhub_anywhere.targets.machines import userdata

        return userdata.configured(self, values)

    # --- state -----------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Where its machine is; see `Memo`."""
        state: dict[str, Any] = super().get_state()
        return {**state, **self.memo.plain()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Find it again; asks nobody."""
        super().load_state(state)
        self.memo = Memo.from_plain(state)
        if self.memo.served:
            # A machine that serves goes on to report, whatever became of the hub.
            waiting.expect(self.memo.key, self)

    async def anywhere_reconnect(self) -> None:
        """After the hub's restart: what its machine dials to is there again.

        And of two machines of its name, that one is known which is this server's.

        Raises:
            OSError: No port can be had.
        """
        memo = self.memo
        if memo.served:
            if not memo.shared:
                self.place.own.setdefault(self.resource, memo.machine)
            await self.expect()

    async def expect(self) -> None:
        """Wait for its machine's word from now on.

        Raises:
            OSError: No port can be had.
        """
        memo = self.memo
        waiting.expect(memo.key, self)
        if self.reach == DIAL:
            memo.tunnel = await tunnels.hub.listen(memo.key, memo.tunnel)

    async def expect_no_more(self) -> None:
        """Its ticket and its credential open nothing from now on."""
        if waiting.hub.found(self.memo.key) in {None, self}:
            waiting.forget(self.memo.key, self)
            await tunnels.hub.close(self.memo.key)

    async def get_url(self) -> str:
        """Where its server is reached; the port of a tunnel may be another one after a restart."""
        memo = self.memo
        if self.reach != DIAL or not memo.served or not self.server:
            return str(await super().get_url())
        await self.expect()
        scheme = "https" if self.internal_ssl else "http"
        return f"{scheme}://127.0.0.1:{memo.tunnel}{self.server.base_url}"

    def clear_state(self) -> None:
        """Before a start, and after an end: what rests is remembered."""
        super().clear_state()
        self.news = News()
        keeps = self.anywhere_keeps and self.memo.machine and self.memo.served
        self.memo = self.memo.rested() if keeps else Memo()

    def new_key(self) -> str:
        """Under what a new machine redeems: its lease; in a hub without a ledger, a random one."""
        return self.anywhere_lease or secrets.token_hex(16)

    async def remember(self, **known: str) -> None:
        """Save and commit the state now, in the hub's database and in the ledger.

        Raises:
            LedgerError: It cannot be written down; nothing more may be made.
        """
        self.checkpoint()
        if self.anywhere_progress is not None:
            await self.anywhere_progress(**known)

    def checkpoint(self) -> None:
        """Save the state; overridden where a wrapper has the row."""
        row = self.orm_spawner
        session = inspect(row).session if row is not None else None
        if session is not None:
            row.state = self.get_state()
            session.commit()

    def get_env(self) -> dict[str, Any]:
        """JupyterHub's; with `internal_ssl` servers ask the hub itself, by their certificate.

        `hub_connect_url` is where machines without one redeem their tickets: at the hub's proxy.
        """
        env: dict[str, Any] = super().get_env()
        if self.internal_ssl and self.hub_connect_url:
            before, own = env["JUPYTERHUB_API_URL"], self.hub.api_url
            for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_ACTIVITY_URL"):
                if env[name].startswith(before):
                    env[name] = own + env[name].removeprefix(before)
        return env

    # --- what is kept ----------------------------------------------------------------------------

    @property
    def anywhere_keeps(self) -> bool:
        """Whether the machine stays when the server has ended, with its user's files.

        Of one that is there already, what it was made as counts: `on_stop` may be another
        profile's by now, or that of no profile at all.
        """
        return self.makes_to_stay or self.memo.keep

    @property
    def rest_as(self) -> Rest:
        """How a machine that is kept is put to rest."""
        return Rest(self.on_stop) if self.makes_to_stay else Rest.STOP

    # --- its machine -----------------------------------------------------------------------------

    async def check_same(self) -> None:
        """Make sure that the cloud which answers is the one that the machine was made at.

        Raises:
            OtherCloudError: It is another one.
            ProviderError: It cannot be asked.
        """
        wanted = self.memo.engine
        found = await self.cloud.source() if wanted else ""
        if wanted and found != wanted:
            raise other_cloud(self.title, wanted, found)

    async def own_machines(self) -> list[Machine]:
        """The machines of this server, asked now: the one that is known, else all of its name.

        Raises:
            ProviderError: The cloud cannot be asked, or is another one.
        """
        await self.check_same()
        memo = self.memo
        if memo.machine:
            found = await self.cloud.machine(memo.machine)
            return [found] if found is not None and self.has_seat(found) else []
        return [each for each in await self.place.machines() if self.is_own(each)]

    def is_own(self, machine: Machine) -> bool:
        """Whether a machine of this place was made for this server, and for this start of it."""
        if marks.is_shared(machine.marks):
            return marks.owner_of(machine.marks) == self.household and self.has_seat(machine)
        return (
            machine.name == self.resource
            and marks.owner_of(machine.marks) == self.owner
            and self.memo.key in {"", machine.marks.get(marks.LEASE, "")}
        )

    @property
    def household(self) -> marks.Owner:
        """Whom a machine is marked for that servers share: none of these alone."""
        owner = self.owner
        return marks.Owner(owner.hub, owner.target, owner.user, "")

    def has_seat(self, machine: Machine) -> bool:
        """Whether this server is on a machine; always, where nobody shares it."""
        if not marks.is_shared(machine.marks):
            return True
        seats = marks.seats_of(machine.marks)
        if self.memo.key:
            return self.memo.key in seats
        return any(each.server == (self.name or "") for each in seats.values())

    def ended_at(self, machine: str) -> str:
        """Under what the place has what the agent of a machine said of the end of this server."""
        return self.place.seat(machine, self.memo.key) if self.memo.shared else machine

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the start is."""
        async for event in self.news.watch():
            yield event


def other_cloud(title: str, wanted: str, found: str) -> OtherCloudError:
    """Another cloud, project or account answers."""
    return OtherCloudError(
        f"{title}: another cloud answers ({found or 'without an id'}) than the one that the machine"
        f" was made at ({wanted}).",
        cause=FailureCause.UNREACHABLE,
        hint="Look at the target's address, region and credential.",
    )
