"""Kind ``cloud``: which cloud, what it sets, and what can be asked of it."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.loopback import is_loopback
from jupyterhub_anywhere.targets.base import Target
from jupyterhub_anywhere.targets.machines import shapes
from jupyterhub_anywhere.targets.machines.access import access_of_target
from jupyterhub_anywhere.targets.machines.inventory import CloudInventory
from jupyterhub_anywhere.targets.machines.place import Place, place_of, provider_class
from jupyterhub_anywhere.targets.machines.settings import CloudSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.config.models import Model
    from jupyterhub_anywhere.targets.base import Finding, Inventory, Resource
    from jupyterhub_anywhere.targets.machines.provider import Access, Provider


# Keys that say which cloud it is, and as whom it is asked.
_CLOUD: Final = (
    *("provider", "driver", "user", "key", "auth_url", "region", "options", "verify"),
    "same_name",
)
# The provider whose machines are this one.
LOCAL: Final = "memory"
_CURE: Final = (
    "Set internal_url to where machines reach the hub, as https://hub.example.org, or"
    " hub.internal_url."
)
_CURE_HTTP: Final = (
    "Set internal_url to an address with https, as https://hub.example.org, or say insecure: true."
)


class CloudTarget(Target):
    """Servers on machines of one cloud."""

    kind: ClassVar[str] = "cloud"
    settings_model: ClassVar[type[Model]] = CloudSettings
    keeps_for_user: ClassVar[bool] = True
    reconnects: ClassVar[bool] = True
    together: ClassVar[frozenset[str]] = frozenset(
        {"image", "size", "boot_volume", "share_machine", "on_stop"}
    )
    own: CloudSettings

    @cached_property
    def place(self) -> Place:
        """Where its machines are: one for all definitions of this target that mean the same cloud.

        Looked up at first use and not before: a file that is refused has been made targets of, too.
        """
        place = Place(self.site.hub_id, self.name, self._provider, self._access)
        return place_of(self.site.lasting, place, self._cloud())

    def published(self) -> None:
        """Read the secrets again: the file that declares it counts from now on."""
        self.place.renew(self._provider, self._access)

    def _cloud(self) -> str:
        """Which cloud, and as whom, as the file says it; a digest, for it may say a secret."""
        said = {name: self.declared.own.get(name) for name in _CLOUD}
        text = json.dumps([said, str(self.site.base)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _access(self) -> Access:
        """What the file says of the cloud.

        Raises:
            SecretUnavailableError: A secret cannot be read.
        """
        return access_of_target(self.name, self.own, self.site.base)

    def _provider(self) -> Provider:
        """The provider, with what the file says of it.

        Raises:
            TargetError: It is not there.
            SecretUnavailableError: A secret cannot be read.
        """
        return provider_class(self.own.provider)(self._access())

    # --- the spawner -----------------------------------------------------------------------------

    def child_class(self) -> type[Spawner]:
        """`MachineSpawner`. From now on refusals of its machines are written down."""
        from jupyterhub_anywhere.targets.machines import turned_away, waiting
        from jupyterhub_anywhere.targets.machines.spawner import MachineSpawner

        waiting.hub.on_refusal(turned_away.book(self.site.state.hub))
        return MachineSpawner

    def class_attributes(self) -> Mapping[str, Any]:
        """The generated class knows its target, and through it the provider."""
        return {"anywhere_target": self}

    def traits(self) -> Mapping[str, Any]:
        """Where machines reach the hub."""
        own = self.own
        given = {
            "provider": own.provider,
            "driver": own.driver,
            "hub_connect_url": own.internal_url,
        }
        return {name: value for name, value in given.items() if value is not None}

    def file_problems(self, hub_url: str | None) -> Sequence[tuple[tuple[str, ...], str, str]]:
        """Machines need an address of the hub that is theirs; shared ones cannot be kept."""
        return [*self._sharing_problems(), *self._address_problems(hub_url)]

    def profile_problems(
        self, chosen: Mapping[str, tuple[tuple[str | int, ...], Any]]
    ) -> Sequence[tuple[tuple[str | int, ...], str, str]]:
        """Choices of which servers share machines, and machines are kept."""
        from jupyterhub_anywhere.targets.machines.traits import DELETE

        said = self.declared.spawner
        here = [chosen[each][0] for each in ("share_machine", "on_stop") if each in chosen]
        _, shares = chosen.get("share_machine", ((), said.get("share_machine")))
        _, end = chosen.get("on_stop", ((), said.get("on_stop", DELETE)))
        if not here or not shares or end == DELETE:
            return ()
        return [(here[0], f"{shapes.not_kept(str(end))}.", f"Set {shapes.NOT_KEPT_CURE}.")]

    def _sharing_problems(self) -> Sequence[tuple[tuple[str, ...], str, str]]:
        from jupyterhub_anywhere.targets.machines.traits import DELETE

        said = self.declared.spawner
        kept = said.get("on_stop", DELETE)
        if not said.get("share_machine") or kept == DELETE:
            return ()
        path = ("targets", self.name, "spawner", "share_machine")
        return [(path, f"{shapes.not_kept(kept)}.", f"Set {shapes.NOT_KEPT_CURE}.")]

    def _address_problems(self, hub_url: str | None) -> Sequence[tuple[tuple[str, ...], str, str]]:
        own = self.own
        if own.internal_url is not None or own.provider == LOCAL:
            return ()
        path = ("targets", self.name)
        if hub_url is None or is_loopback(urlsplit(hub_url).hostname or ""):
            said = "127.0.0.1" if hub_url is None else hub_url
            return [(path, f"machines would ask for the hub at {said}: each at itself.", _CURE)]
        if urlsplit(hub_url).scheme == "http" and not own.insecure:
            text = f"machines would ask for the hub at {hub_url}, where everybody on the way reads"
            return [(path, f"{text} the tokens of servers.", _CURE_HTTP)]
        return ()

    # --- the cloud -------------------------------------------------------------------------------

    def inventory(self) -> Inventory:
        """The machines with this hub's and this target's marks."""
        return CloudInventory(self.place)

    async def ancestors(self) -> Sequence[Resource]:
        """Machines that LibcloudSpawner has left; the provider is closed again.

        Raises:
            TargetError: The cloud cannot be asked.
        """
        from jupyterhub_anywhere.targets.machines import ancestors

        try:
            return await ancestors.ancestors(self.place.provider)
        finally:
            await self.place.close()

    # --- what people are told --------------------------------------------------------------------

    async def findings(self) -> Sequence[Finding]:
        """The cloud, and what the target itself names there."""
        from jupyterhub_anywhere.targets.machines import doctor

        return await doctor.findings(self)

    async def hub_findings(
        self, url: str, choices: Mapping[str, Sequence[Any]]
    ) -> Sequence[Finding]:
        """Whether machines have an address of the hub that can be theirs."""
        from jupyterhub_anywhere.targets.machines import doctor

        return await doctor.hub_findings(self, url, choices)

    async def choice_findings(self, trait: str, value: Any) -> Sequence[Finding]:
        """Images, sizes and networks that profiles name."""
        from jupyterhub_anywhere.targets.machines import doctor

        return await doctor.choice_findings(self, trait, value)

    async def profile_findings(self, chosen: Sequence[Mapping[str, Any]]) -> Sequence[Finding]:
        """Sizes that are too small for an image that can be chosen with them."""
        from jupyterhub_anywhere.targets.machines import doctor

        return await doctor.profile_findings(self, chosen)
