"""A spawner with every method that JupyterHub lets a spawner have, and some that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub.spawner import Spawner
from traitlets import Bool, Dict, Unicode, default

from jupyterhub_anywhere.testing.worlds.memory import MemoryWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_COLOURS = ("grey", "red", "blue <b>")


class ThoroughSpawner(Spawner):
    """Machines in memory; what is kept between starts is a volume."""

    place = Unicode(help="The folder of the world.").tag(config=True)
    colour = Unicode("grey", help="Known to this class only.").tag(config=True)
    labels = Dict(help="Known to this class only, and merged.").tag(config=True)
    resume = Bool(default_value=False, help="Halt machines, and boot them again.").tag(config=True)
    # Set from outside, as handlers of batchspawner and others do.
    told: str = ""
    api_token: str
    events: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"progress": 20, "message": "unpacking"},
        {"progress": 60, "message": "plugging in", "html_message": "<em>plugging in</em>"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.machine = ""
        self.volume = ""

    # --- choosing --------------------------------------------------------------------------------

    @default("options_form")
    def _default_options_form(self) -> str:
        choices = "".join(f"<option>{each.split()[0]}</option>" for each in _COLOURS)
        return f'<select name="colour" aria-label="Colour">{choices}</select>'

    def options_from_form(self, form_data: Mapping[str, list[str]]) -> dict[str, Any]:
        """Read the one field."""
        return {"colour": form_data["colour"][0], "by": "form"}

    @default("options_from_query")
    def _default_options_from_query(self) -> Any:
        return lambda query: {"colour": query["colour"][0], "by": "query"}

    # --- what the server is given ----------------------------------------------------------------

    def template_namespace(self) -> dict[str, str]:
        """JupyterHub's names, and the colour."""
        return {**super().template_namespace(), "colour": self.colour}

    def get_env(self) -> dict[str, str]:
        """JupyterHub's variables, and the colour."""
        return {**super().get_env(), "COLOUR": self.colour, "VOLUME": self.volume}

    def get_args(self) -> list[str]:
        """JupyterHub's arguments, and the colour."""
        return [*super().get_args(), f"--colour={self.colour}"]

    # --- state -----------------------------------------------------------------------------------

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the machine again."""
        super().load_state(state)
        self.machine = state.get("machine", "")
        self.volume = state.get("volume", "")

    def get_state(self) -> dict[str, Any]:
        """The machine, and what outlives it."""
        found = {"machine": self.machine, "volume": self.volume}
        return {**super().get_state(), **{name: value for name, value in found.items() if value}}

    def clear_state(self) -> None:
        """The volume stays."""
        super().clear_state()
        self.machine = ""

    # --- life ------------------------------------------------------------------------------------

    @default("will_resume")
    def _default_will_resume(self) -> bool:
        return bool(self.resume)

    @property
    def _world(self) -> MemoryWorld:
        return MemoryWorld.opened[self.place]

    async def _ask(self, step: str, **facts: Any) -> Any:
        return await self._world.ask(step, self.machine, **facts)

    async def start(self) -> str:
        """Make a machine and boot it; a halted one comes back with the token it had."""
        self.machine = f"{self.user.name}-{self.name or 'default'}"
        self.volume = self.volume or f"volume-of-{self.machine}"
        made_with = await self._ask(
            "create",
            token=self.api_token,
            environment={**self.get_env(), "JUPYTERHUB_OAUTH_ACCESS_SCOPES": ""},
            arguments=self.get_args(),
            options=self.user_options,
            labels=self.labels,
            told=self.told,
            hub=self._of_the_hub(),
        )
        if self.resume:
            self.api_token = made_with
        self.port = await self._ask("boot", certificates=dict(self.cert_paths or {}))
        return self._url(self.port)

    def _of_the_hub(self) -> dict[str, Any]:
        """What a spawner may read of the hub while it starts."""
        return {
            "handler": type(self.handler).__mro__[-3].__name__ if self.handler else None,
            "admin_access": self.admin_access,
            "oauth_client_id": self.oauth_client_id,
            "cookie_options": self.cookie_options,
            "public_url": str(self.public_url),
            "server": self.server.base_url if self.server else None,
            "hub": self.hub.base_url,
            "authenticator": type(self.authenticator).__name__,
            "pending": self.pending,
            "internal_ssl": self.internal_ssl,
            "alt_names": self.ssl_alt_names,
            "proxy_spec": self.proxy_spec,
            "log_name": self._log_name,
        }

    def _url(self, port: int) -> str:
        return f"{'https' if self.internal_ssl else 'http'}://127.0.0.1:{port}"

    async def poll(self) -> int | None:
        """Ask whether the machine runs."""
        if not self.machine:
            return 0
        return None if await self._ask("look") else 1

    async def stop(self) -> None:
        """Halt the machine, and remove it unless it is to be resumed; takes no ``now``."""
        await self._ask("halt")
        if not self.resume:
            await self._ask("remove")

    async def get_url(self) -> str:
        """Ask where the machine is now."""
        return self._url(await self._ask("address"))

    async def create_certs(self) -> Any:
        """As JupyterHub, with a name of its own."""
        await self._ask("certificate")
        return await super().create_certs()

    async def move_certs(self, paths: Any) -> Any:
        """They stay where they are."""
        await self._ask("move_certificates", names=sorted(paths))
        return paths

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Fixed events."""
        for each in self.events:
            yield dict(each)

    async def rename(self, old_name: str, new_name: str) -> None:
        """Say so."""
        await self._ask("rename", old=old_name, new=new_name, volume=self.volume)

    async def delete_forever(self) -> None:
        """Say so."""
        await self._ask("delete_forever", volume=self.volume)
