"""Kind ``docker``: which engine, what it sets, and what can be asked of it."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.base import Target
from jupyterhub_anywhere.targets.classes import import_named
from jupyterhub_anywhere.targets.docker.client import Engine, client_arguments
from jupyterhub_anywhere.targets.docker.inventory import DockerInventory
from jupyterhub_anywhere.targets.docker.pulling import Puller
from jupyterhub_anywhere.targets.docker.settings import DockerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.config.models import Model
    from jupyterhub_anywhere.targets.base import Finding, Inventory

log = logging.getLogger(__name__)

_EXTRA: Final = "Install it beside JupyterHub: pip install 'jupyterhub-anywhere[docker]'."


class DockerTarget(Target):
    """Servers as containers of one Docker Engine, by DockerSpawner or a subclass of it."""

    kind: ClassVar[str] = "docker"
    settings_model: ClassVar[type[Model]] = DockerSettings
    keeps_for_user: ClassVar[bool] = True
    own: DockerSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine = Engine(self.name, self._own_arguments, self.own.url)
        self.puller = Puller(self.engine)

    # --- the spawner -----------------------------------------------------------------------------

    def child_class(self) -> type[Spawner]:
        """The declared class, with the repairs of `AnywhereDockerSpawner`.

        Raises:
            TargetError: It cannot be imported, or makes no containers.
        """
        path = self.own.spawner_class
        try:
            import dockerspawner
        except ImportError as error:
            raise TargetError(
                f"target {self.name}: the kind docker needs the package dockerspawner.",
                hint=_EXTRA,
            ) from error
        found = import_named(path, self.name)
        if not (isinstance(found, type) and issubclass(found, dockerspawner.DockerSpawner)):
            raise TargetError(
                f"target {self.name}: {path} is no subclass of dockerspawner.DockerSpawner.",
                hint=f"Use it by kind: custom, class: {path}.",
            )
        makes = getattr(found, "object_type", "")
        if makes != "container":
            raise TargetError(
                f"target {self.name}: {path} makes {makes}s, not containers.",
                hint=f"Use it by kind: custom, class: {path}.",
            )
        return repaired(found)

    def class_attributes(self) -> Mapping[str, Any]:
        """The generated class knows its target, and through it engine and pulls."""
        return {"anywhere_target": self}

    def traits(self) -> Mapping[str, Any]:
        """What follows from the declared engine."""
        own = self.own
        given = {
            "host_ip": own.host_ip,
            "hub_connect_url": own.internal_url,
            "gpu_devices": list(own.gpu_devices) or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    # --- the engine ------------------------------------------------------------------------------

    def client_arguments(
        self, tls_config: Mapping[str, Any], client_kwargs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The arguments of `docker.APIClient`, with DockerSpawner's two traits of that kind."""
        if self.own.remote and self.own.tls is None:
            log.warning(
                "target %s: %s is used without TLS (insecure: true): everybody on the way may"
                " command that machine",
                self.name,
                self.own.url,
            )
        return client_arguments(
            self.own.url,
            self.own.tls,
            self.site.base,
            tls_config=tls_config,
            client_kwargs=client_kwargs,
        )

    def _own_arguments(self) -> Mapping[str, Any]:
        """The same where no spawner was made yet: what the file alone says."""
        here = self.declared.spawner
        return self.client_arguments(here.get("tls_config", {}), here.get("client_kwargs", {}))

    async def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of `docker.APIClient`, outside of the hub's thread.

        Raises:
            DockerException: The engine does not answer, or refuses.
        """
        return await self.engine.ask(method, *args, **kwargs)

    def inventory(self) -> Inventory:
        """The containers with this hub's and this target's label."""
        return DockerInventory(self.engine, self.site.hub_id, self.name)

    # --- what people are told --------------------------------------------------------------------

    async def doors(self) -> Sequence[str]:
        """The gateways of the networks in which containers are or will be.

        Raises:
            TargetError: The target's network has no gateway on this machine.
            DockerException: The engine could not be asked.
        """
        from jupyterhub_anywhere.targets.docker import network

        return await network.doors(self, self.ask)

    async def findings(self) -> Sequence[Finding]:
        """The engine, its disk, limits, network, GPUs and the target's own image."""
        from jupyterhub_anywhere.targets.docker import doctor

        return await doctor.findings(self, self.ask)

    async def hub_findings(
        self, url: str, choices: Mapping[str, Sequence[Any]]
    ) -> Sequence[Finding]:
        """Whether the hub is reached from inside a throw-away container."""
        from jupyterhub_anywhere.targets.docker.doctor_ways import hub_findings

        return await hub_findings(self, self.ask, url, choices)

    async def choice_findings(self, trait: str, value: Any) -> Sequence[Finding]:
        """Images, networks and GPUs that profiles set."""
        from jupyterhub_anywhere.targets.docker import doctor

        return await doctor.choice_findings(self, self.ask, trait, value)


@lru_cache(maxsize=64)
def repaired(found: type[Spawner]) -> type[Spawner]:
    """A class of the DockerSpawner family with our repairs in front; always the same for one."""
    from jupyterhub_anywhere.targets.docker.spawner import AnywhereDockerSpawner

    if issubclass(AnywhereDockerSpawner, found):
        return AnywhereDockerSpawner
    # Not the class's own name: traitlets would read its section twice.
    return type(f"Anywhere{found.__name__}", (AnywhereDockerSpawner, found), {})
