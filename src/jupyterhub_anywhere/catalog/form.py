"""The menu as a form: HTML out, fields in."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jupyterhub_anywhere.catalog import view
from jupyterhub_anywhere.catalog.choice import Choice
from jupyterhub_anywhere.catalog.fields import child_fields, form_errors, parse_form, parse_query
from jupyterhub_anywhere.catalog.offers import NOTHING_OFFERED, Offer
from jupyterhub_anywhere.core.errors import ChoiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.catalog.profiles import Catalog

__all__ = ["child_fields", "form_errors", "parse_form", "parse_query", "render_menu"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def render_menu(  # noqa: PLR0913 - all but two are named and optional
    catalog: Catalog,
    who: Who,
    *,
    selected: Mapping[str, Any] | Choice | None = None,
    errors: Mapping[str, str] = _NOTHING,
    submitted: Mapping[str, Sequence[str]] | None = None,
    notice: str = "",
    child_forms: Mapping[str, str] = _NOTHING,
    full: Mapping[str, str] = _NOTHING,
) -> str:
    """The menu as an HTML fragment, to stand within the hub's own ``<form>``.

    It holds no script, no inline style and no event handler; every text in it is escaped.

    Args:
        catalog: What may be chosen.
        who: Whose menu it is.
        selected: What is preselected; a raw one that is not valid any more is dropped, and the
            reason shown where there is no other notice.
        errors: Field (as in `ChoiceError.errors`) to text.
        submitted: Form fields to be shown again; they win over ``selected``.
        notice: A sentence above the fields.
        child_forms: Profile name to the HTML of the spawner's own form, which is trusted.
        full: Profile name to why it cannot be started now. It can be chosen all the same: there
            may be room again when the form is sent.
    """
    choice, reason = _preselected(catalog, who, selected)
    if choice is None and not catalog.visible(who):
        errors = errors or {"": NOTHING_OFFERED}
    state = view.state(catalog, who, choice=choice, errors=errors, submitted=submitted or {})
    profiles = view.profiles(state, full)
    only = len(state.offers) == 1
    touched = state.touched
    parts, active = [], None
    for offer in state.offers:
        child_form = child_forms.get(offer.name, "")
        if offer.name not in touched and not child_form:
            parts.append(_idle(offer, state))
            continue
        made = view.settings(offer, state, child_form)
        parts.append(_part(made, only=only))
        if offer.name == state.profile:
            active = made
    return (
        _environment()
        .get_template("menu.html")
        .render(
            profiles=profiles,
            only=state.offers[0].name if only else "",
            parts=parts,
            errors=view.summary(state, profiles, active),
            notice=" ".join(filter(None, (notice or reason, *(full.values() if only else ())))),
        )
    )


def _preselected(
    catalog: Catalog, who: Who, selected: Mapping[str, Any] | Choice | None
) -> tuple[Choice | None, str]:
    """The choice to show, and why the one that was given is not it."""
    if isinstance(selected, Choice):
        return selected, ""
    choice, reason = catalog.check_last(selected, who)
    if choice is None:
        with suppress(ChoiceError):
            choice = catalog.default_choice(who)
    return choice, reason


# Most profiles of a long menu show their defaults, which are the same each time.
_idle_parts: WeakKeyDictionary[Offer, Markup] = WeakKeyDictionary()


def _idle(offer: Offer, state: view.State) -> Markup:
    """The fields of a profile that shows its defaults; kept for as long as the offer."""
    if offer not in _idle_parts:
        _idle_parts[offer] = _part(view.settings(offer, state), only=False)
    return _idle_parts[offer]


def _part(settings: view.Settings | None, *, only: bool) -> Markup:
    if settings is None:
        return Markup()
    module: Any = _environment().get_template("menu_parts.html").module
    return Markup(module.settings(settings, only))  # noqa: S704 - a macro's answer, escaped


def prepare() -> None:
    """Compile the templates, which takes longer than a hub may hold its event loop."""
    for name in ("menu.html", "menu_parts.html"):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("jupyterhub_anywhere", "web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
