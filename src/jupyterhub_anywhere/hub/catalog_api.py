"""What may be chosen, by API.

``GET /hub/api/anywhere/catalog`` answers for the user who asks, and
``GET /hub/api/anywhere/users/NAME/catalog`` for another. The scope is ``start:servers`` for that
user: who may start may know with what.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.hub.pages import unusable
from jupyterhub_anywhere.hub.scopes import needs_scope
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

if TYPE_CHECKING:
    from jupyterhub_anywhere.catalog.offers import Offer


class OwnCatalogAPI(APIHandler):
    """``/api/anywhere/catalog``."""

    async def get(self) -> None:
        """What the asking user may choose."""
        asking = self.current_user
        if asking is None:
            raise web.HTTPError(403, "Missing or invalid credentials.")
        if asking.kind != "user":
            raise web.HTTPError(404, "A service starts no servers of its own: name a user.")
        await self._of(asking.name)

    @needs_scope("start:servers")
    async def _of(self, user_name: str) -> None:
        _write_catalog(self, user_name)


class UserCatalogAPI(APIHandler):
    """``/api/anywhere/users/USER/catalog``."""

    @needs_scope("start:servers")
    async def get(self, user_name: str) -> None:
        """What a user may choose; ``?server=NAME`` for the last choice of a named server."""
        _write_catalog(self, user_name)


def _write_catalog(handler: APIHandler, user_name: str) -> None:
    user = handler.find_user(user_name)
    server_name = handler.get_query_argument("server", "")
    if user is None or server_name not in user.orm_spawners:
        raise web.HTTPError(404)
    if not isinstance(user.spawner, AnywhereSpawner):
        raise web.HTTPError(404, "This hub's servers are started by another spawner.")
    try:
        model = catalog_model(user.spawners[server_name])
    except AnywhereError as error:
        raise unusable(handler.log, error) from error
    handler.write(json.dumps(model))


def catalog_model(spawner: AnywhereSpawner) -> dict[str, Any]:
    """What may be chosen for one server.

    Returns:
        ``schema``: JSON Schema of ``user_options``; ``profiles``: the same for people;
        ``default``: what an empty start takes, None when nothing is offered; ``last``: the last
        choice of this server, None when there was none or it is not valid any more; ``notice``:
        why it is not.
    """
    catalog, who = spawner.site.catalog, spawner.who()
    last, notice = catalog.check_last(spawner.last_choice or None, who)
    offers = catalog.visible(who)
    return {
        "user": who.name,
        "server": spawner.name,
        "schema": catalog.json_schema(who),
        "profiles": [_profile_model(offer) for offer in offers],
        "default": catalog.default_choice(who).to_user_options() if offers else None,
        "last": last.to_user_options() if last else None,
        "notice": notice,
    }


def _profile_model(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "title": offer.title,
        "description": offer.description,
        "targets": [
            {
                "name": target.name,
                "title": target.title,
                "description": target.description,
                "notes": list(target.notes),
                "options": [
                    {"name": option.name, "title": option.title, "default": option.default}
                    for option in target.options.values()
                ],
            }
            for target in offer.targets.values()
        ],
    }
