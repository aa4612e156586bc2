"""A kind of target for the engine in this process: as short as a whole kind can be.

It shows what the contract wants of each: labels on all that is made, an identity of the engine, a
name that is taken once, *gone* by proof only, and what keeps files left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub.spawner import Spawner
from pydantic import Field
from traitlets import Bool, Unicode, default

from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.core.names import resource_name
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.core.scrubbing import scrubbed
from jupyterhub_anywhere.targets.base import Inventory, Resource, Target
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.testing.contract.memory_engine import (
    EngineError,
    MemoryEngine,
    NameTakenError,
    NotFoundError,
    Thing,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MISSING, CRASHING = "missing", "crashing"
HUB, TARGET, USER, SERVER, LEASE, KEEP = "hub", "target", "user", "server", "lease", "keep"
_CRASHED: Final = 7


class MemorySpawner(Spawner):
    """Runs each server as a thing of the engine."""

    engine = Unicode(help="The engine's address.").tag(config=True)
    hub_id = Unicode(help="The hub's id, for labels.").tag(config=True)
    target = Unicode(help="The target's name, for labels.").tag(config=True)
    image = Unicode("plain", help="`missing` and `crashing` do what they say.").tag(config=True)
    keep = Bool(default_value=True, help="Whether what is stopped stays.").tag(config=True)
    anywhere_lease = ""
    anywhere_progress: Any = None
    api_token: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._made_at, self._uid = "", 0
        super().__init__(*args, **kwargs)

    @default("will_resume")
    def _default_will_resume(self) -> bool:
        return bool(self.keep)

    @property
    def resource(self) -> str:
        """The deterministic name of this server."""
        return resource_name(self.hub_id, self.user.name, self.name)

    @property
    def anywhere_keeps(self) -> bool:
        """Whether what is stopped stays."""
        return bool(self.keep)

    def get_state(self) -> dict[str, Any]:
        """Where it was made."""
        state: dict[str, Any] = super().get_state()
        found = {"engine": self._made_at, "uid": self._uid}
        return {**state, **{name: value for name, value in found.items() if value}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Find it again."""
        super().load_state(state)
        self._made_at, self._uid = str(state.get("engine", "")), int(state.get("uid", 0))

    def clear_state(self) -> None:
        """Before a start, and after an end."""
        super().clear_state()
        self._made_at, self._uid = "", 0

    async def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """One call to the engine.

        Raises:
            EngineError: It could not be asked.
        """
        return await MemoryEngine.opened[self.engine].ask(verb, *args, **kwargs)

    def labels(self) -> dict[str, str]:
        """What is written on all that is made."""
        return {
            HUB: self.hub_id,
            TARGET: self.target,
            USER: self.user.name,
            SERVER: self.name,
            LEASE: self.anywhere_lease,
            KEEP: "1" if self.keep else "0",
        }

    async def start(self) -> str:
        """Make it and boot it; what was kept is booted again, with the token that it has.

        Raises:
            StartError: It cannot be started.
        """
        if self.image == MISSING:
            raise StartError("There is no such image here.", reason="image")
        self._made_at = await self.ask("who")
        if self.anywhere_progress is not None:
            # Committed before anything is made: another engine's word is no proof later.
            await self.anywhere_progress(engine=self._made_at)
        found = await self.mine() or await self.create()
        self._uid = found.uid
        self.api_token = found.token
        if self.image == CRASHING:
            await self._crash()
        port = await self.ask("boot", self.resource)
        return f"http://127.0.0.1:{port}"

    async def mine(self) -> Thing | None:
        """What was made for this server, and for this lease where that is known; else None.

        Raises:
            EngineError: It could not be asked.
        """
        found: Thing | None = await self.ask("look", self.resource)
        if found is None or (self._uid and found.uid != self._uid):
            return None
        wanted = {name: text for name, text in self.labels().items() if text and name != KEEP}
        return found if wanted.items() <= found.labels.items() else None

    async def create(self) -> Thing:
        """Make it.

        Raises:
            StartError: Something of this name is there.
        """
        try:
            made: Thing = await self.ask(
                "create", self.resource, self.labels(), token=self.api_token
            )
        except NameTakenError as error:
            raise StartError(
                "Something else has your server's name here; tell the administrator.",
                reason="name-conflict",
                log_message=str(error),
            ) from error
        return made

    async def _crash(self) -> None:
        log = scrubbed(f"my token is {self.api_token}\nlast words", [self.api_token])
        text = f"The server ended as soon as it was started, with exit status {_CRASHED}."
        raise StartError(f"{text} The end of its log:\n{log}", reason="exited")

    async def poll(self) -> int | None:
        """Ask for it."""
        found = await self.mine()
        if found is None:
            return 0
        return None if found.port else found.status or 0

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the hub's signature
        """Halt it, and remove it where it does not keep anything; again is no error.

        Raises:
            EngineError: It could not be asked: the reason is written down, and it is tried again.
        """
        try:
            found = await self.mine()
            if found is None:
                return
            await self.ask("stop", self.resource)
            if not self.keep:
                await self.ask("remove", self.resource, found.uid)
        except NotFoundError:
            return

    async def delete_forever(self) -> None:
        """Remove it with what it keeps."""
        found = await self.mine()
        if found is not None:
            await self.ask("remove", self.resource, found.uid)


class MemoryInventory:
    """What exists at the engine under one hub's and one target's label.

    Args:
        engine: Its address.
        hub: The hub's id.
        target: The target's name.
    """

    def __init__(self, engine: str, hub: str, target: str) -> None:
        self.engine, self._hub, self._target = engine, hub, target

    async def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """One call to the engine.

        Raises:
            EngineError: It could not be asked.
        """
        return await MemoryEngine.opened[self.engine].ask(verb, *args, **kwargs)

    async def source(self) -> str:
        """Which engine answers.

        Raises:
            EngineError: It could not be asked.
        """
        return str(await self.ask("who"))

    async def owned(self) -> Sequence[Resource]:
        """Everything of this hub at this target.

        Raises:
            EngineError: It could not be asked.
        """
        found = await self.ask("list", **{HUB: self._hub, TARGET: self._target})
        return [self._resource(each) for each in found]

    def _resource(self, thing: Thing) -> Resource:
        labels = thing.labels
        return Resource(
            name=thing.name,
            user=labels.get(USER, ""),
            server=labels.get(SERVER, ""),
            handle={"uid": thing.uid},
            lease=labels.get(LEASE, ""),
            alive=thing.port > 0,
            exit_code=thing.status,
            # What never ran holds no files.
            keep=labels.get(KEEP) == "1" and (thing.port > 0 or thing.status is not None),
            created=thing.created,
        )

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        """By one list; unknown where the engine could not be asked."""
        try:
            found = {each.name for each in await self.owned() if each.alive}
        except EngineError as error:
            return {name: Observation(Phase.UNKNOWN, str(error)) for name in names}
        return {name: Observation(Phase.RUNNING if name in found else Phase.GONE) for name in names}

    async def destroy(self, resource: Resource) -> bool:
        """Remove it.

        Raises:
            EngineError: It could not be asked.
        """
        found = await self.ask("look", resource.name)
        if found is None or found.labels.get(HUB) != self._hub:
            return True
        try:
            await self.ask("remove", resource.name, resource.handle["uid"])
        except NotFoundError:
            return True
        return True


class MemorySettings(Model):
    """The kind's own keys."""

    engine: str = Field(description="The engine's address.")


class MemoryTarget(Target):
    """Servers at an engine in this process."""

    kind: ClassVar[str] = "memory"
    settings_model: ClassVar[type[Model]] = MemorySettings
    own: MemorySettings

    def child_class(self) -> type[Spawner]:
        """`MemorySpawner`."""
        return MemorySpawner

    def traits(self) -> Mapping[str, Any]:
        """Where, and whose."""
        return {"engine": self.own.engine, "hub_id": self.site.hub_id, "target": self.name}

    def inventory(self) -> Inventory:
        """What has the hub's and the target's label."""
        return MemoryInventory(self.own.engine, self.site.hub_id, self.name)
