"""Servers whose machines are set up by a template of the administrator's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from traitlets import Bool, Unicode, default

from jupyterhub_anywhere.compat import door, templates
from jupyterhub_anywhere.compat.alphabet import check_form, check_names
from jupyterhub_anywhere.compat.options import FORM
from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.machines import CloudTarget
from jupyterhub_anywhere.targets.machines.job import PORT, with_port
from jupyterhub_anywhere.targets.machines.progress import Step
from jupyterhub_anywhere.targets.machines.spawner import MachineSpawner
from jupyterhub_anywhere.targets.machines.tickets import normal
from jupyterhub_anywhere.targets.machines.traits import port_range
from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.targets.machines.tickets import Refusal
    from jupyterhub_anywhere.targets.machines.waiting import Caller

_LISTEN: Final = "0.0.0.0"  # noqa: S104 - on the machine, where the hub comes from outside
# Variables that upstream handed over have one of these in their names.
_JUPYTERS: Final = ("JUPYTER", "JPY")


class OldOptions(MachineSpawner):
    """What a user may ask for by API beside image and size."""

    @default("apply_user_options")
    def _all_are_heeded(self) -> Any:
        return lambda _spawner, _options: None

    def get_env(self) -> dict[str, Any]:
        """With the variables that the user set."""
        return {**super().get_env(), **(self.user_options.get("env") or {})}

    def get_args(self) -> list[str]:
        """With the arguments that the user gave."""
        return [*super().get_args(), *(self.user_options.get("argv") or [])]


class TemplatedMachine(OldOptions):
    """Its template starts the server; no agent runs on its machine."""

    template_module = Unicode(help="The Python package with the templates.").tag(config=True)
    template_name = Unicode(help="The user-data template.").tag(config=True)
    allow_token_in_userdata = Bool(
        default_value=False,
        help="Put what the template renders, with the server's token, into the user-data itself.",
    ).tag(config=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # With the token in it: in memory only, until the machine has fetched it.
        self._rendered = ""
        super().__init__(*args, **kwargs)

    @property
    def _its_port(self) -> int:
        first, _ = port_range(self.ports) or (0, 0)
        return int(self.port) or first

    # --- what the machine gets -------------------------------------------------------------------

    def userdata(self, ticket: str) -> str:
        """A line that lets cloud-init fetch the rest, or the rest where somebody said so.

        Raises:
            StartError: The template cannot be rendered with these values.
        """
        try:
            check_names(self.user.name, self.name or "")
            text = templates.render(self.template_module, self.template_name, self._values())
        except ChoiceError as error:
            raise StartError(error.message, reason="choice", status_code=error.status) from error
        except AnywhereError as error:
            raise StartError(
                "The machine's setup cannot be made. Please tell the administrator of this hub.",
                reason="config",
                log_message=str(error),
            ) from error
        if self.allow_token_in_userdata:
            return text
        self._rendered = text
        return f"#include-once\n{self.hub_url}{door.PATH}{ticket}\n"

    def _values(self) -> templates.Values:
        server = self.server
        base_url = server.base_url if server else "/"
        given = self.get_env()
        environment = {name: str(each) for name, each in given.items() if each is not None}
        known = {*self.environment, *(self.user_options.get("env") or {})}
        chosen = {
            name: each
            for name, each in with_port(environment, _LISTEN, base_url).items()
            if name in known or any(part in name for part in _JUPYTERS)
        }
        url = "JUPYTERHUB_SERVICE_URL"
        chosen[url] = chosen[url].replace(PORT, str(self._its_port))
        return templates.Values(
            user=self.account or self.user.name,
            environment=chosen,
            arguments=[str(each) for each in self.get_args()],
            form=self._form(),
            token=self.api_token,
            cookie_name=str(getattr(server, "cookie_name", "") or ""),
            base_url=base_url,
            hub_prefix=self.hub.base_url,
            api_url=environment.get("JUPYTERHUB_API_URL", ""),
        )

    def _form(self) -> dict[str, list[str]] | None:
        sent = self.user_options.get(FORM)
        return None if sent is None else check_form(sent)

    async def _create(self, deadline: float) -> None:
        await super()._create(deadline)
        if self.allow_token_in_userdata:
            self._listen()

    def _listen(self) -> None:
        """From now on its port is tried: nobody reports that its server listens."""
        self.memo.port, self._listening = self._its_port, True
        self._told.set()

    def refused(self, refusal: Refusal, address: str) -> None:
        """A machine may ask again for what it has: it gets nothing, and that is all."""
        if normal(address) not in map(normal, self._redeemer):
            super().refused(refusal, address)

    # --- the machine asks ------------------------------------------------------------------------

    async def redeemed(self, caller: Caller) -> Mapping[str, Any]:
        """The machine fetches what the template has rendered.

        Raises:
            JobRefusedError: There is nothing for it.
        """
        text, self._rendered = self._rendered, ""
        if not self._starting or not text:
            raise JobRefusedError("This server was stopped.")
        self._redeemer = frozenset({caller.address} - {""})
        await self.remember()
        self.news.enter(Step.REDEEMED)
        self._listen()
        return {door.TEXT: text}

    async def _served(self, deadline: float) -> str:
        try:
            return await super()._served(deadline)
        except StartError as error:
            if error.cause is FailureCause.TIMEOUT and self._rendered:
                raise self._never_fetched() from error
            raise
        finally:
            self._rendered = ""

    def _never_fetched(self) -> StartError:
        url = f"{self.hub_url}{door.PATH}…"
        return StartError(
            "The machine was started, and did not fetch its setup from the hub in time. Please tell"
            " the administrator of this hub.",
            reason="timeout",
            log_message=f"nothing came for {url}. The image needs cloud-init (it follows"
            " `#include-once`), a way to that address, and trust in its certificate. If it cannot"
            " have that, c.LibcloudSpawner.allow_token_in_userdata = True puts the API token of"
            " servers into the user-data, where everybody in the project of the cloud and every"
            " process of the machine can read it.",
        )


class LibcloudTarget(CloudTarget):
    """The kind ``cloud``, for users that may ask for more than an image and a size."""

    def child_class(self) -> type[Spawner]:
        """Takes ``env`` and ``argv``."""
        return OldOptions


class TemplatedTarget(LibcloudTarget):
    """The same, with machines that are set up by templates of the administrator's own."""

    def child_class(self) -> type[Spawner]:
        """Renders them."""
        return TemplatedMachine
