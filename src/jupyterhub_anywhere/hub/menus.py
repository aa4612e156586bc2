"""The menu of one server, as the start page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.catalog.form import form_errors, parse_query, render_menu
from jupyterhub_anywhere.hub.pages import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

LINK: Final = "opt-"


def link_of(query: Mapping[str, list[bytes]]) -> dict[str, list[str]]:
    """What a query says of the menu; all other names are the business of the hub."""
    return {
        name: [value.decode("utf-8", "replace") for value in values]
        for name, values in query.items()
        if name.startswith(LINK)
    }


async def opening(spawner: AnywhereSpawner, link: dict[str, list[str]]) -> str:
    """The menu of a first look, filled in by the link that led here.

    Returns:
        HTML; empty where there is nothing to choose and no link, for a link waits for a click.

    Raises:
        ChoiceError: Nothing is offered to this user.
        AnywhereError: The configuration cannot be used.
    """
    if not link:
        return await spawner.render_form()
    catalog, who = spawner.site.catalog, spawner.who()
    fields = parse_query(catalog, who, link)
    return await filled(spawner, fields, form_errors(catalog, who, fields))


async def filled(
    spawner: AnywhereSpawner, fields: Mapping[str, list[str]], errors: Mapping[str, str]
) -> str:
    """The menu with what was filled in, also where there is only one thing to choose."""
    menu = await spawner.render_form(errors=errors, submitted=fields)
    if menu:
        return menu
    catalog, who = spawner.site.catalog, spawner.who()
    only = catalog.single(who)
    return render_menu(catalog, who, selected=only, errors=errors, submitted=fields)


def only_choice(spawner: AnywhereSpawner) -> str:
    """What is started where there is nothing to choose; else empty."""
    only = spawner.site.catalog.single(spawner.who())
    return describe(spawner.site.config, only.profile, only.target) if only else ""
