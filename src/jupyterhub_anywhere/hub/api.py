"""The hub's API where it has to do with choosing.

- Servers are started, made and changed by JupyterHub's own handler, after the choice in the body
  was checked for the user whose server it is. What is refused has made nothing yet, and the answer
  names each field: ``{"status": 422, "message": …, "errors": {"options.memory": …}}``.
- ``GET /hub/api/anywhere/catalog`` and ``GET /hub/api/anywhere/users/NAME/catalog`` answer what
  may be chosen. The scope is ``start:servers`` for that user: who may start may know with what.
- The events of a start tell of a failure only what is meant for users.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import jupyterhub.apihandlers
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.apihandlers.users import SpawnProgressAPIHandler, UserServerAPIHandler
from tornado import web

from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.hub import pages
from jupyterhub_anywhere.hub.pages import CANCELLED
from jupyterhub_anywhere.hub.scopes import needs_scope
from jupyterhub_anywhere.spawner.refusals import refusal
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

if TYPE_CHECKING:
    from jupyterhub.user import User

    from jupyterhub_anywhere.catalog.offers import Offer

# Bytes. The largest choice is 64 KiB; around it there are a name and braces.
_MAX_BODY: Final = 96 * 1024


class ServerAPI(UserServerAPIHandler):
    """``/api/users/USER/server`` and ``/api/users/USER/servers/SERVER``."""

    @needs_scope("start:servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Start a server."""
        self._check_body(user_name)
        try:
            await super().post(user_name, server_name)
        except asyncio.CancelledError as error:
            raise web.HTTPError(409, CANCELLED) from error

    @needs_scope("start:servers")
    async def put(self, user_name: str, server_name: str = "") -> None:
        """Make a named server without starting it."""
        self._check_body(user_name)
        await super().put(user_name, server_name)

    @needs_scope("start:servers")
    async def patch(self, user_name: str, server_name: str = "") -> None:
        """Change a stopped server."""
        self._check_body(user_name, keys={"name", "display_name", "user_options"})
        await super().patch(user_name, server_name)

    def _check_body(self, user_name: str, keys: set[str] | None = None) -> None:
        """Refuse a bad body before the hub's handler makes anything of it.

        Args:
            user_name: Whose server it is.
            keys: The keys that may stand there, where the hub's handler fails on others. Without
                them, a body that is no envelope is the options themselves.

        Raises:
            HTTPError: 4xx; with ``errors`` where fields can be named.
        """
        if len(self.request.body) > _MAX_BODY:
            raise web.HTTPError(413, f"The body is larger than {_MAX_BODY // 1024} KiB.")
        body = self.get_json_body()
        if keys is not None:
            _check_envelope(body, keys)
        user = self.find_user(user_name)
        # Whether there is such a user, and an envelope, is for the hub's handler to say.
        if user is None or not issubclass(self.spawner_class, AnywhereSpawner):
            return
        options = self.get_server_json_body()["user_options"] if keys is None else _options(body)
        if options:
            _check_choice(user, options)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As the hub's, and with the text of each field."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        errors = getattr(error, "errors", None)
        if not errors:
            super().write_error(status_code, **kwargs)
            return
        message = getattr(error, "message", "")
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"status": status_code, "message": message, "errors": errors}))


def _check_envelope(body: object, keys: set[str]) -> None:
    """What PATCH takes, checked where the hub's handler would fail with status 500."""
    if not isinstance(body, dict):
        raise web.HTTPError(400, "The body has to be a JSON object.")
    unknown = sorted(set(body) - keys)
    if unknown:
        known = ", ".join(sorted(keys))
        raise web.HTTPError(400, f"Unknown keys: {', '.join(unknown)}. Known are {known}.")
    for key in ("name", "display_name"):
        if not isinstance(body.get(key, ""), str):
            raise web.HTTPError(400, f"{key} has to be a text.")


def _options(body: dict[str, Any]) -> object:
    return body.get("user_options")


def _check_choice(user: User, options: object) -> None:
    """Refuse options that this user may not choose.

    Raises:
        StartError: 4xx, with ``errors``.
        HTTPError: 503: the configuration cannot be used.
    """
    spawner = user.spawner
    try:
        spawner.site.catalog.resolve(options, spawner.who())
    except ChoiceError as error:
        raise refusal(error) from error
    except AnywhereError as error:
        raise pages.unusable(spawner.log, error) from error


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
        raise pages.unusable(handler.log, error) from error
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


class ProgressAPI(SpawnProgressAPIHandler):
    """The events of a start; what failed is told in words meant for users."""

    _start: asyncio.Future[Any] | None = None

    async def get(self, user_name: str, server_name: str = "") -> None:
        """Send events until the start has ended."""
        user = self.find_user(user_name)
        if user is not None and server_name in user.spawners:
            self._start = user.spawners[server_name]._spawn_future  # noqa: SLF001 - the hub's own
        await super().get(user_name, server_name)

    async def send_event(self, event: dict[str, Any]) -> None:
        """Send an event, and correct what the hub says of the end.

        Its event of a failure carries ``str(exception)``. A start that was cancelled counts as
        ready until the hub has cleaned up a second later.
        """
        if self._start is not None and self._start.done() and self._start.cancelled():
            event = {"progress": 100, "failed": True, "message": CANCELLED}
        elif event.get("failed"):
            event = {**event, **self._failure()}
        await super().send_event(event)

    def _failure(self) -> dict[str, str]:
        if self._start is None or not self._start.done():
            return {"message": CANCELLED}
        told = pages.failure(self._start.exception())
        return {"message": told["text"], **({"html_message": told["html"]} if told["html"] else {})}


def handlers() -> list[tuple[Any, ...]]:
    """All handlers of this module, in place of those of the hub."""
    ours = {UserServerAPIHandler: ServerAPI, SpawnProgressAPIHandler: ProgressAPI}
    replaced = [
        (pattern, ours[handler], *rest)
        for pattern, handler, *rest in jupyterhub.apihandlers.default_handlers
        if handler in ours
    ]
    return [
        *replaced,
        (r"/api/anywhere/catalog", OwnCatalogAPI),
        (r"/api/anywhere/users/([^/]+)/catalog", UserCatalogAPI),
    ]
