"""The half of AnywhereSpawner that has to do with choosing: the menu, and what was sent with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.catalog.form import child_fields, parse_form, render_menu
from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.spawner import guard
from jupyterhub_anywhere.spawner.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.spawner.state import Envelope


class Menu:
    """What JupyterHub asks a spawner about its options form; mixed into AnywhereSpawner."""

    who: Callable[[], Who]
    handler: Any
    url_deadline: float
    _envelope: Envelope
    _build: Callable[..., Spawner]
    _kept_at: Callable[[str], dict[str, Any]]
    check_room: Callable[..., None]
    full_profiles: Callable[[], dict[str, str]]

    @property
    def site(self) -> Site:
        """The site that a new choice is made from."""
        raise NotImplementedError

    @property
    def options_form(self) -> Any:
        """Truthy where the user has something to choose; JupyterHub's pages ask."""
        try:
            return "" if self.site.catalog.single(self.who()) else self._menu
        except AnywhereError:
            return ""

    async def _menu(self, _: Spawner) -> str:
        return await self.get_options_form()

    async def get_options_form(self) -> str:
        """The menu as HTML, empty when there is nothing to choose."""
        return await self.render_form()

    async def render_form(
        self,
        *,
        errors: Mapping[str, str] | None = None,
        submitted: Mapping[str, list[str]] | None = None,
    ) -> str:
        """The menu as HTML.

        Args:
            errors: Field to the text beside it.
            submitted: What was sent, to be shown again.
        """
        who, catalog = self.who(), self.site.catalog
        if catalog.single(who):
            return ""
        selected, notice = catalog.check_last(self._envelope.last or None, who)
        return render_menu(
            catalog,
            who,
            selected=selected,
            errors=errors or {},
            submitted=submitted,
            notice=notice,
            child_forms=await self._child_forms(),
            full=self.full_profiles(),
        )

    async def _child_forms(self) -> dict[str, str]:
        """The forms of children, for the profiles that ask for them."""
        forms = {}
        for offer in self.site.catalog.visible(self.who()):
            if not self._has_child_form(offer.name):
                continue
            target = offer.first_target.name
            child = guard.guarded(partial(self._form_child, target), f"{offer.name}: its form")
            if isinstance(child, guard.Failed):
                continue  # the other profiles can be chosen all the same
            form = await guard.bounded(child.get_options_form, self.url_deadline, offer.name)
            if isinstance(form, str):
                forms[offer.name] = form
        return forms

    def _has_child_form(self, profile: str) -> bool:
        declared = self.site.config.profiles.get(profile)
        return declared is not None and declared.form == "child"

    def _form_child(self, target: str) -> Spawner:
        """A child that shows its form and reads it, and starts nothing."""
        child = self._build(self.site.factories[target], {}, self._kept_at(target))
        child.handler = self.handler
        return child

    async def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """Read the menu's fields, and the fields of the child's own form where there is one.

        Raises:
            StartError: 4xx, with a text for each field.
        """
        who, catalog = self.who(), self.site.catalog
        try:
            raw = parse_form(catalog, who, form_data)
            if self._has_child_form(raw.get("profile", "")):
                child = self._form_child(catalog.resolve(raw, who).target)
                with guard.contained():
                    answered = child.run_options_from_form(child_fields(form_data))
                    raw["child"] = await guard.answer(answered)
            choice = catalog.resolve(raw, who)
            self.check_room(choice)
            return choice.to_user_options()
        except ChoiceError as error:
            raise refusal(error) from error

    async def run_options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """As `options_from_form`; it is never replaced by configuration."""
        return await self.options_from_form(form_data)

    async def options_from_query(self, query_data: dict[str, list[str]]) -> dict[str, Any]:
        """As `options_from_form`."""
        return await self.options_from_form(query_data)
