"""Servers are started, made and changed by JupyterHub's own handler, once their choice is good.

The choice in the body is checked for the user whose server it is. What is refused has made nothing
yet, and the answer names each field::

    {"status": 422, "message": …, "errors": {"options.memory": …}}
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from jupyterhub.apihandlers.users import UserServerAPIHandler
from tornado import web

from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.hub.pages import CANCELLED, unusable
from jupyterhub_anywhere.hub.scopes import needs_scope
from jupyterhub_anywhere.hub.starts import InLine
from jupyterhub_anywhere.spawner import limits
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.refusals import refusal
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

if TYPE_CHECKING:
    from jupyterhub.user import User

# Bytes. The largest choice is 64 KiB; around it there are a name and braces.
_MAX_BODY: Final = 96 * 1024
ENDED: Final = (
    "The server ended while it was started. Its log says why: please tell the administrator."
)


class ServerAPI(InLine, UserServerAPIHandler):
    """``/api/users/USER/server`` and ``/api/users/USER/servers/SERVER``."""

    _found: tuple[str, Any] | None = None

    def find_user(self, name: str) -> Any:
        """The user of a name; asked once, for our checks and for the hub's handler after them.

        The hub reads a user's groups, roles and shares each time (four questions); where it has the
        user already, the number is enough.
        """
        if self._found is None or self._found[0] != name:
            row = self.db.query(orm.User.id).filter(orm.User.name == name).first()
            known = row is not None and row.id in self.users
            self._found = name, self.users[row.id] if known else super().find_user(name)
        return self._found[1]

    @needs_scope("start:servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Start a server."""
        self._check_body(user_name)
        self._check_room(user_name, server_name)
        try:
            await super().post(user_name, server_name)
        except asyncio.CancelledError as error:
            raise web.HTTPError(409, CANCELLED) from error
        except asyncio.InvalidStateError as error:
            # JupyterHub 6.1.1 asks a start that goes on for its failure when the server has ended
            # (`spawn_single_user` in handlers/base.py), and answers with a fault of its own.
            raise web.HTTPError(500, ENDED) from error

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

    def _check_room(self, user_name: str, server_name: str) -> None:
        """Refuse a start for which there is no room, before the hub makes a server's row for it.

        Raises:
            StartError: 409, with what to do.
            HTTPError: 503: the configuration cannot be used.
        """
        most = self.settings.get("active_server_limit")
        if not most and not (sites.published() and limits.limited(sites.current().config)):
            return  # nobody has to be asked, which takes the database a while
        user = self.find_user(user_name)
        if user is None or not issubclass(self.spawner_class, AnywhereSpawner):
            return
        options = self.get_server_json_body()["user_options"]
        running = user.spawners.get(server_name)
        if running is not None and running.active:
            return  # that is what the hub's handler says
        spawner = user.spawner
        try:
            catalog, who = spawner.site.catalog, spawner.who()
            last = _last(user, server_name)
            if options or not last:
                choice = catalog.resolve(options, who)
            else:
                remembered, _ = catalog.check_last(last, who)
                if remembered is None:
                    return  # what it means then is for the spawner to say
                choice = remembered
            spawner.check_room(choice, server_name)
        except ChoiceError as error:
            raise refusal(error) from error
        except AnywhereError as error:
            raise unusable(spawner.log, error) from error

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


def _last(user: User, server_name: str) -> object:
    """What the server was started with last, as the hub has stored it."""
    row = user.orm_spawners.get(server_name)
    options = row.user_options if row is not None else None
    return options if isinstance(options, dict) else None


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
        raise unusable(spawner.log, error) from error
