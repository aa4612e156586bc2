"""`LibcloudSpawner` under its name, for both of its generations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import maybe_future
from markupsafe import escape
from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, List, Unicode

from jupyterhub_anywhere.compat import opening, templates
from jupyterhub_anywhere.compat.options import from_form, is_old, to_choice
from jupyterhub_anywhere.core.errors import ChoiceError
from jupyterhub_anywhere.importers.libcloud_options import OWN
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.refusals import refusal
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.targets.causes import failure_cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traitlets.config import Config

    from jupyterhub_anywhere.compat.opening import Opened
    from jupyterhub_anywhere.compat.statsd import Statsd
    from jupyterhub_anywhere.spawner.site import Site

_FORM: tuple[str, ...] = ("options_form", "options_from_form")


class LibcloudOptions(AnywhereSpawner):
    """The options of both generations, for people and for classes that are derived."""

    userserver_sizes: Any = List(help="2.x: what is offered, as (display name, size).").tag(
        config=True
    )
    userserver_images: Any = List(help="2.x: what is offered, as (display name, image).").tag(
        config=True
    )
    userserver_net = Unicode(help="2.x: the network, by name.").tag(config=True)
    userserver_keyname = AnyTrait("", help="2.x: the key pair, by name.").tag(config=True)
    libcloud_driver_params = Dict(help="2.x: the parameters of the driver.").tag(config=True)
    machine_sizes: Any = List(help="1.x: what is offered, as (display name, size).").tag(
        config=True
    )
    machine_images: Any = List(help="1.x: what is offered, as (display name, image).").tag(
        config=True
    )
    machine_net = Unicode(help="1.x: the network, by name.").tag(config=True)
    libcloudparams = Dict(help="1.x: the parameters of the driver.").tag(config=True)
    cloud_url = Unicode(help="1.x: the identity URL, where libcloudparams has none.").tag(
        config=True
    )
    cloud_user = Unicode(help="1.x: the user name, where libcloudparams has none.").tag(config=True)
    cloud_userpassword = Unicode(help="1.x: the password, where libcloudparams has none.").tag(
        config=True
    )
    cloud_project = Unicode(help="1.x: the project, where libcloudparams has none.").tag(
        config=True
    )
    cloud_region = Unicode(help="1.x: the region, where libcloudparams has none.").tag(config=True)
    notebookargs = AnyTrait("", help="1.x: arguments of the server, as in a shell.").tag(
        config=True
    )
    statsdparams = Dict(help="1.x: host, port and prefix of a statsd daemon.").tag(config=True)
    forceuser = Unicode(help="The account that servers run as. Default: the user's own.").tag(
        config=True
    )
    userdata_template_module = Unicode(
        "libcloudspawner", help="The package whose data/ has templates of your own."
    ).tag(config=True)
    userdata_template_name = Unicode("userdata.sh.j2", help="The user-data template.").tag(
        config=True
    )
    allow_token_in_userdata = Bool(
        default_value=False,
        help="Put what a template of your own renders, with the server's API token, into the"
        " user-data, where everybody in the cloud's project and every process of the machine can"
        " read it. Only for images whose cloud-init cannot follow `#include-once`.",
    ).tag(config=True)
    allowed_env = List(
        Unicode(), help="The variables that users may set by API, as `DATA_*`. Default: none."
    ).tag(config=True)
    allowed_argv = List(
        Unicode(), help="The arguments that users may give by API, as `--debug`. Default: none."
    ).tag(config=True)
    state_folder = Unicode(
        help="Where the ledger is kept. Default: /var/lib/jupyterhub-anywhere as root."
    ).tag(config=True)


class LibcloudSpawner(LibcloudOptions):
    """What LibcloudSpawner did, on machines that get tickets, with a ledger."""

    def _find_my_config(self, cfg: Config) -> Config:
        mine = super()._find_my_config(cfg)
        for name in opening.section_names(type(self)):
            section = cfg.get(name, {})
            mine.update({key: section[key] for key in section if key in OWN})
        return mine

    @property
    def opened(self) -> Opened:
        """What the hub's configuration has become.

        Raises:
            ConfigError: It is wrong.
        """
        found = opening.latest()
        if found is None:
            # No hub has read it: a program that builds spawners itself.
            found = opening.open_site(self.hub_config, opening.section_names(type(self)))
            opening.publish(found, self.log)
        return found

    @property
    def site(self) -> Site:
        """The site that a new choice is made from."""
        if not sites.published():
            return self.opened.site
        return sites.current()

    # --- the form --------------------------------------------------------------------------------

    @property
    def _own_form(self) -> Any:
        """A form of the administrator's own: a text, a function, or None."""
        return self._hook(_FORM[0])

    def _hook(self, name: str) -> Any:
        config = self.hub_config
        found = None
        for section in opening.section_names(type(self)):
            found = config.get(section, {}).get(name, found)
        return found

    async def render_form(
        self,
        *,
        errors: Mapping[str, str] | None = None,
        submitted: Mapping[str, list[str]] | None = None,
    ) -> str:
        """The menu; a form of the administrator's own as it is, below what is wrong."""
        opened, form = self.opened, self._own_form
        if callable(form):
            form = await maybe_future(form(self))
        elif (
            not form
            and opened.rules.form
            and templates.check(opened.old.module, opened.old.template)
        ):
            old = opened.old
            form = templates.render_form(old.module, old.images, old.sizes)
        if not form:
            return await super().render_form(errors=errors, submitted=submitted)
        told = "".join(f"<p>{escape(text)}</p>" for text in (errors or {}).values())
        alert = f'<div class="alert alert-danger" role="alert">{told}</div>' if told else ""
        return f"{alert}{form}"

    async def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """Read a form of either kind.

        Raises:
            StartError: 4xx, with a text for each field.
        """
        reader = self._hook(_FORM[1])
        rules = self.opened.rules
        sent = await maybe_future(reader(form_data)) if callable(reader) else None
        old = sent if sent is not None else from_form(form_data, rules)
        if old is None:
            return await super().options_from_form(form_data)
        try:
            raw = to_choice(old, rules) if is_old(old) else old
            choice = self.site.catalog.resolve(raw, self.who())
            self.check_room(choice)
        except ChoiceError as error:
            raise refusal(error) from error
        return choice.to_user_options()

    # --- metrics ---------------------------------------------------------------------------------

    @property
    def _statsd(self) -> Statsd:
        return self.opened.statsd

    async def start(self) -> Any:
        """Start the child, and tell how long it took.

        Raises:
            StartError: With a text for the user; the cause is in the log.
        """
        begun = time.monotonic()
        try:
            address = await super().start()
        except BaseException as error:
            await self._statsd.failed(str(failure_cause(error)))
            raise
        await self._statsd.started(time.monotonic() - begun)
        return address

    async def stop(self, *args: Any, **kwargs: Any) -> None:
        """Stop the child, and count it."""
        await super().stop(*args, **kwargs)
        await self._statsd.stopped()
