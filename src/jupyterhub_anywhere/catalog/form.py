"""The menu as a form: HTML out, fields in."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from jupyterhub_anywhere.catalog import view
from jupyterhub_anywhere.catalog.choice import Choice
from jupyterhub_anywhere.catalog.fields import child_fields, form_errors, parse_form, parse_query
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
    """
    choice: Choice | None
    if selected is None or isinstance(selected, Choice):
        choice = selected
    else:
        choice, reason = catalog.check_last(selected, who)
        notice = notice or reason
    if choice is None:
        try:
            choice = catalog.default_choice(who)
        except ChoiceError as nothing:
            errors = nothing.errors
    menu = view.build(
        catalog,
        who,
        choice=choice,
        errors=errors,
        submitted=submitted or {},
        notice=notice,
        child_forms=child_forms,
    )
    return _template().render(menu=menu, max_cards=view.MAX_CARDS)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("jupyterhub_anywhere", "web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return environment.get_template("menu.html")
