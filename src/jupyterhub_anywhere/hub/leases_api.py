"""Leases by API, for administrators and their programs.

=======================================  =====================================================
``GET /hub/api/anywhere/leases``         every server by its target, and every target
``GET /hub/api/anywhere/leaks``          the same, and on what ledger, hub and targets disagree
``POST /hub/api/anywhere/leaks/clean``   ``{"keys": […]}`` or ``{"all": true}``: removes them;
                                         ``files``, ``dry_run``
``POST /hub/api/anywhere/adopt``         ``{"keys": […]}`` or ``{"all": true}``: adopts them
``POST /hub/api/anywhere/leaks/lift``    what nobody wants may be removed by itself again
``GET /hub/api/anywhere/users/U/leases`` the servers of one user, in words for that user
=======================================  =====================================================

The first five need ``admin:servers`` for everybody: what has no lease may be anybody's. The last
one needs ``read:servers`` for that user, which everybody has for the own ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.hub import overview
from jupyterhub_anywhere.hub.gently import dumps
from jupyterhub_anywhere.hub.scopes import needs_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from jupyterhub_anywhere.ledger.report import Report

_FLAGS = frozenset({"all", "files", "dry_run"})


class _OverviewAPI(APIHandler):
    """What the handlers of this module share."""

    async def _report(self) -> Report:
        found: Report = await self._asked(overview.report(self._seat()))
        return found

    def _seat(self) -> overview.Seat:
        try:
            return overview.present()
        except AnywhereError as error:
            raise web.HTTPError(503, str(error)) from error

    async def _asked(self, asking: Awaitable[Any]) -> Any:
        """What somebody was asked.

        Raises:
            HTTPError: 404 for what is not there; 503 where the ledger cannot be read.
        """
        try:
            return await asking
        except overview.NotThereError as error:
            raise web.HTTPError(404, str(error)) from error
        except AnywhereError as error:
            self.log.error("The leases cannot be told: %s", error)  # noqa: TRY400 - its cause is in the text
            raise web.HTTPError(503, str(error)) from error

    async def _send(self, data: Mapping[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(await dumps(data))

    def _wish(self, known: frozenset[str]) -> tuple[list[str] | None, dict[str, bool]]:
        """The keys of the body, None for all, and its flags.

        Raises:
            HTTPError: 400: the body is no such object.
        """
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise web.HTTPError(400, 'The body has to be an object, as {"keys": ["lab/x"]}.')
        unknown = sorted(map(str, set(body) - known - {"keys"}))
        if unknown:
            raise web.HTTPError(400, f"Unknown keys: {', '.join(unknown)[:80]}.")
        flags = {name: body.get(name, False) for name in known}
        wrong = sorted(name for name, value in flags.items() if not isinstance(value, bool))
        if wrong:
            raise web.HTTPError(400, f"{', '.join(wrong)} has to be true or false.")
        keys, everything = body.get("keys"), flags.pop("all")
        if everything == (keys is not None):
            raise web.HTTPError(400, 'Say which: "keys", or "all": true.')
        if keys is not None and not _is_texts(keys):
            raise web.HTTPError(400, "keys has to be a list of texts.")
        return keys, flags


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


class LeasesAPI(_OverviewAPI):
    """``/api/anywhere/leases``."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        """Every server by its target, and every target."""
        told = await self._asked(overview.told(self._seat()))
        await self._send({key: told[key] for key in ("at", "hold", "targets", "servers")})


class LeaksAPI(_OverviewAPI):
    """``/api/anywhere/leaks``."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        """On what ledger, hub and targets disagree."""
        await self._send(await self._asked(overview.told(self._seat())))


class CleanAPI(_OverviewAPI):
    """``/api/anywhere/leaks/clean``."""

    @needs_scope("admin:servers")
    async def post(self) -> None:
        """Remove what has no lease."""
        keys, flags = self._wish(_FLAGS)
        seat, who = self._seat(), self.current_user.name
        self.log.warning("%s has %s removed", who, "everything" if keys is None else keys)
        await self._send(await self._asked(overview.clean(seat, keys, **flags)))


class LiftAPI(_OverviewAPI):
    """``/api/anywhere/leaks/lift``."""

    @needs_scope("admin:servers")
    async def post(self) -> None:
        """Let what nobody wants be removed by itself again."""
        seat = self._seat()
        self.log.warning("%s lets what nobody wants be removed", self.current_user.name)
        await self._send(await self._asked(overview.lift(seat)))


class AdoptAPI(_OverviewAPI):
    """``/api/anywhere/adopt``."""

    @needs_scope("admin:servers")
    async def post(self) -> None:
        """Make what has no lease servers of the users it was made for."""
        keys, _ = self._wish(frozenset({"all"}))
        seat, who = self._seat(), self.current_user.name
        self.log.warning("%s has %s adopted", who, "everything" if keys is None else keys)
        await self._send(await self._asked(overview.adopt(seat, keys)))


class UserLeasesAPI(_OverviewAPI):
    """``/api/anywhere/users/USER/leases``."""

    @needs_scope("read:servers")
    async def get(self, user_name: str) -> None:
        """The servers of one user; what only an administrator may read is left out."""
        if self.find_user(user_name) is None:
            raise web.HTTPError(404)
        rows = [row for row in (await self._report()).servers if row.user == user_name]
        keys = ("server", "target", "profile", "state", "since", "unknown_since")
        plain = [{key: getattr(row, key) for key in keys} for row in rows]
        for row in plain:
            for key in ("since", "unknown_since"):
                row[key] = row[key].isoformat() if row[key] else None
        await self._send({"user": user_name, "servers": plain})
