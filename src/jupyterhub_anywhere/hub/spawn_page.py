"""The page on which a server is started.

JupyterHub's page starts a server at any GET that carries a query, from whatever site it comes;
shows the default server's form after an error of a named one; ties no error to its field; and,
with ``slow_spawn_timeout = 0``, loses what fails in the first second. This one is built from the
same parts, without that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.utils import maybe_future
from tornado import web
from tornado.httputil import url_concat

from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.hub import menus, pages
from jupyterhub_anywhere.hub.csp import mark_scripts
from jupyterhub_anywhere.hub.scopes import needs_scope
from jupyterhub_anywhere.hub.starts import InLine
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.user import User

# Seconds that a page waits for a start that fails at once; JupyterHub's own number.
_FIRST_MOMENT: Final = 1.0
# What the query of the page says to the hub, and nobody else.
_RESERVED: Final = ("next", "display_name", "_xsrf")


class SpawnPage(InLine, SpawnHandler):
    """``/spawn``, ``/spawn/USER`` and ``/spawn/USER/SERVER``."""

    @property
    def _foreign(self) -> bool:
        """Whether the servers of this hub are another spawner's business."""
        return not issubclass(self.spawner_class, AnywhereSpawner)

    @needs_scope("servers")
    async def _get(self, user_name: str, server_name: str, display_name: str) -> None:
        """Show the menu; start at once where there is nothing to choose."""
        if self._foreign:
            await super()._get(user_name, server_name, display_name)
            return
        user, spawner = await self._find(user_name, server_name, display_name)
        if spawner.ready:
            self.redirect(self.get_next_url(user, default=user.server_url(server_name)))
            return
        if spawner.active:
            self.redirect(self._get_pending_url(user, server_name))
            return
        spawner.handler = self
        await spawner.run_auth_state_hook(await user.get_auth_state())
        menu = await self._opening_menu(spawner)
        if menu:
            self.finish(await self._page(user, spawner, menu))
            return
        try:
            await self._start(user, spawner)
        except Exception as error:  # noqa: BLE001 - any failure of a start is told on a page
            self._note_failure(spawner, error)
            self.finish(await self._not_running_page(user, spawner, error))
        else:
            self.redirect(self._get_pending_url(user, server_name))

    @needs_scope("servers")
    async def _post(self, user_name: str, server_name: str, display_name: str) -> None:
        """Start what was chosen; what fails is told on this page, with all that was filled in."""
        if self._foreign:
            await super()._post(user_name, server_name, display_name)
            return
        user, spawner = await self._find(user_name, server_name, display_name)
        if spawner.ready or spawner.pending:
            self.redirect(self._get_pending_url(user, server_name))
            return
        spawner.handler = self
        fields = self._fields()
        try:
            options = await maybe_future(spawner.run_options_from_form(fields))
            await self._start(user, spawner, options)
        except Exception as error:  # noqa: BLE001 - any failure of a start is told on this page
            self.finish(await self._failed_page(user, spawner, fields, error))
        else:
            self.redirect(self._get_pending_url(user, server_name))

    async def _find(
        self, user_name: str, server_name: str, display_name: str
    ) -> tuple[User, AnywhereSpawner]:
        """The user and the spawner of the server that is to be started.

        Raises:
            HTTPError: There is no such user, or there may be no such server.
        """
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"No such user: {user_name}")
        if server_name:
            await self._check_named_server_request(user, server_name, display_name)
        # A failed spawner is replaced, but the hub keeps only one that is asked for by name.
        user.get_or_create_spawner(server_name, display_name, replace_failed=True)
        return user, user.spawners[server_name]

    def _fields(self) -> dict[str, list[Any]]:
        """What the form sent: texts, and files under ``NAME_file``, as JupyterHub names them."""
        fields: dict[str, list[Any]] = {
            name: [value.decode("utf-8", "replace") for value in values]
            for name, values in self.request.body_arguments.items()
        }
        for name, sent in self.request.files.items():
            fields[f"{name}_file"] = sent
        return fields

    # --- starting --------------------------------------------------------------------------------

    async def _start(
        self, user: User, spawner: AnywhereSpawner, options: Mapping[str, Any] | None = None
    ) -> None:
        """Start, and stay for a moment to see whether it fails at once.

        Raises:
            Exception: Whatever the start failed with.
        """
        # A failure is kept to prevent implicit starts; this one is explicit.
        if spawner._spawn_future and spawner._spawn_future.done():  # noqa: SLF001 - the hub's own
            spawner._spawn_future = None  # noqa: SLF001 - the hub's own
        loop = asyncio.get_running_loop()
        end = loop.time() + _FIRST_MOMENT
        name, title = spawner.name, spawner.display_name
        start = asyncio.ensure_future(self.spawn_single_user(user, name, title, options=options))
        start.add_done_callback(_take_exception)
        await asyncio.wait([start], timeout=_FIRST_MOMENT)
        _raise_failure(start)
        # Where the hub does not wait for slow starts, `start` is done long before this.
        begun = user.spawners[name]._spawn_future  # noqa: SLF001 - the hub's own
        if begun is not None:
            await asyncio.wait([begun], timeout=max(end - loop.time(), 0))
            _raise_failure(begun)

    def append_query_parameters(self, url: str, exclude: list[str] | None = None) -> str:
        """As the hub's, without what was for this page alone."""
        ours = [name for name in self.request.query_arguments if name.startswith(menus.LINK)]
        return str(super().append_query_parameters(url, [*(exclude or ()), *_RESERVED, *ours]))

    # --- the page --------------------------------------------------------------------------------

    async def _opening_menu(self, spawner: AnywhereSpawner) -> str:
        """The menu of a first look.

        Raises:
            HTTPError: The configuration cannot be used, or nothing may be chosen.
        """
        try:
            return await menus.opening(spawner, menus.link_of(self.request.query_arguments))
        except ChoiceError as error:
            raise web.HTTPError(error.status, error.message) from error
        except AnywhereError as error:
            raise pages.unusable(self.log, error) from error

    def _note_failure(self, spawner: AnywhereSpawner, error: Exception) -> None:
        """Set the answer's status and headers, and tell the log."""
        name = spawner._log_name  # noqa: SLF001 - as the hub logs
        if isinstance(error, web.HTTPError):
            self.set_status(error.status_code)
            for header, value in (getattr(error, "headers", None) or {}).items():
                self.set_header(header, str(value))
            self.log.error("Not starting %s: %s", name, error)
        else:
            self.set_status(500)
            self.log.error("Starting %s failed", name, exc_info=error)

    async def _failed_page(
        self, user: User, spawner: AnywhereSpawner, fields: dict[str, list[Any]], error: Exception
    ) -> str:
        """The page with all that was filled in, and what went wrong."""
        self._note_failure(spawner, error)
        errors: Mapping[str, str] = getattr(error, "errors", {})
        texts = {
            name: values
            for name, values in fields.items()
            if all(isinstance(value, str) for value in values)
        }
        try:
            menu = await menus.filled(spawner, texts, errors)
        except AnywhereError:
            return await self._not_running_page(user, spawner, error)
        # Texts of fields are in the menu already.
        return await self._page(user, spawner, menu, **({} if errors else pages.failure(error)))

    async def _not_running_page(
        self, user: User, spawner: AnywhereSpawner, error: Exception
    ) -> str:
        """The page for a start that failed where there is no menu to come back to."""
        told = pages.failure(error)
        page: str = await self.render_template(
            "not_running.html",
            user=user,
            auth_state=await user.get_auth_state(),
            server_name=spawner.name,
            spawn_url=self.request.path,
            failed=True,
            failed_message=told["text"],
            failed_html_message=told["html"],
            exception=error,
        )
        return page

    async def _page(
        self, user: User, spawner: AnywhereSpawner, menu: str, *, text: str = "", html: str = ""
    ) -> str:
        """The page around a menu."""
        keep = {
            name: self.get_query_argument(name)
            for name in ("next", "display_name")
            if self.get_query_argument(name, "")
        }
        action = url_concat(self.request.path, {**keep, "_xsrf": self.xsrf_token.decode("ascii")})
        page: str = await self.render_template(
            "spawn.html",
            for_user=user,
            auth_state=await user.get_auth_state(),
            spawner_options_form=mark_scripts(self._assets() + menu),
            error_message=text,
            error_html_message=html,
            only_choice=menus.only_choice(spawner),
            # The name that JupyterHub's handler uses, for templates made for it.
            html_error_message=html,
            url=action,
            spawner=spawner,
        )
        return page

    def _assets(self) -> str:
        """Style and script of the menu, where no template of ours loads them.

        A hub that names the spawner class without calling ``setup`` has JupyterHub's templates.
        """
        if str(pages.TEMPLATES) in self.settings["template_path"]:
            return ""
        files = f"{self.hub.base_url}anywhere-static/anywhere"
        version = f"?v={self.version_hash}"
        return (
            f'<link rel="stylesheet" href="{files}.css{version}">'
            f'<script src="{files}-menu.js{version}" defer></script>'
        )


def _take_exception(task: asyncio.Future[Any]) -> None:
    """Look at a task's exception, which the hub keeps elsewhere, so that asyncio does not warn."""
    if not task.cancelled():
        task.exception()


def _raise_failure(task: asyncio.Future[Any]) -> None:
    """Raise what a task failed with, if it did. One that was cancelled did not fail."""
    if task.done() and not task.cancelled():
        task.result()
