"""Logging in: the shared passwords, and the rule for names that holds for every login."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Bool, List, Unicode, observe

from jupyterhub_anywhere.core.names import normalize_user_name
from jupyterhub_anywhere.hub.passwords import ADMINS, USERS, PasswordFile
from jupyterhub_anywhere.hub.sessions import end_sessions
from jupyterhub_anywhere.hub.tries import TooManyTriesError, Tries, client_address

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from tornado.httputil import HTTPServerRequest

# Two at a time: checking passwords never takes the whole machine, nor grows beyond 32 MiB.
_CHECKERS: Final = 2


class CheckedNames(Authenticator):
    """The names that may exist, and who may still be here: put before any authenticator.

    `normalize_username` never raises; a name that may not exist is left to `validate_username`.
    """

    declared_only = Bool(
        default_value=False,
        help="Whether `allowed_users` alone says who may be here. Then one who is taken off the"
        " list is logged out at the next look, at most `auth_refresh_age` seconds later.",
    ).tag(config=True)

    own_admission = Bool(
        default_value=False,
        help="Whether the administrator's own configuration says who may come in.",
    ).tag(config=True)

    def normalize_username(self, username: str) -> str:
        """Bring a name into the form that is stored."""
        normal = str(super().normalize_username(username))
        try:
            return normalize_user_name(normal)
        except ValueError:
            return normal

    def validate_username(self, username: str) -> bool:
        """Whether a name, in its stored form, may exist."""
        try:
            same = normalize_user_name(username) == username
        except ValueError:
            return False
        return same and bool(super().validate_username(username))

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Whether somebody who is logged in may stay so; asked every few minutes."""
        named = user.name in self.allowed_users or user.name in self.admin_users
        if self.declared_only and not named:
            return False
        return await super().refresh_user(user, handler)


def checked(base: type[Authenticator]) -> type[Authenticator]:
    """An authenticator class with `CheckedNames` before it, under the name of the original.

    The name keeps the sections of its configuration, and what it is called in logs.
    """
    if issubclass(base, CheckedNames):
        return base
    made = type(base.__name__, (CheckedNames, base), {"__module__": base.__module__})
    made.__doc__ = base.__doc__
    return made


class SharedPasswordAuthenticator(CheckedNames):
    """One password for all users and a second one for all admins, kept as hashes.

    The admins' password counts for the names in `admin_users`, for those that are admins in the
    hub's database, and where none is declared for every name; whoever comes in by it is an admin.
    The users' password counts for all names that are no admin's. When a name becomes an admin's,
    what was opened under it before ends, since whoever knows the users' password may have done it.
    It keeps strangers out; it does not protect users from each other.
    """

    passwords_file = Unicode(help="The file with the hashes, see `passwords`.").tag(config=True)
    one_name = Bool(
        default_value=False,
        help="Whether one name alone may log in. It takes both passwords, and the one that was"
        " used last says whether it is an admin.",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(), help="Addresses or networks of proxies that may say who the client is."
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._tries = Tries()
        self._checkers = ThreadPoolExecutor(_CHECKERS, thread_name_prefix="password")

    @observe("passwords_file")
    def _open_passwords(self, change: Any) -> None:
        self._passwords = PasswordFile(Path(change.new))

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Check name and password.

        Returns:
            Name and role, or None where the password is not right.

        Raises:
            HTTPError: The name may not exist, or too many tries are under way. The login page
                shows the text.
        """
        name, password = data.get("username", ""), data.get("password", "")
        try:
            name = normalize_user_name(name)
        except ValueError as error:
            raise _refusal(400, f"No such name is possible: {error}.") from None
        address = self._address(handler.request)
        try:
            with self._tries.one(address):
                await asyncio.sleep(self._tries.wait(address))
                role = await self._role(handler.db, name, password)
        except TooManyTriesError:
            raise _refusal(429, "Too many tries at once. Wait a few seconds.") from None
        if role is None:
            self._tries.failed(address)
            return None
        self._tries.succeeded(address)
        if role == ADMINS:
            _make_admin(handler.db, name)
        return {"name": name, "admin": role == ADMINS}

    async def _role(self, db: Session, name: str, password: str) -> str | None:
        """The role that a password gives to a name; None for none."""
        loop = asyncio.get_running_loop()
        for role in self._roles(db, name):
            if await loop.run_in_executor(self._checkers, self._passwords.check, role, password):
                # Asked again: meanwhile the name may have become an admin's.
                return role if role in self._roles(db, name) else None
        return None

    def _roles(self, db: Session, name: str) -> tuple[str, ...]:
        """The roles that a name can have now."""
        if name in self.admin_users:
            return (ADMINS,)
        if not self.one_name and _is_admin(db, name):
            return (ADMINS,)
        return (USERS,) if self.admin_users else (USERS, ADMINS)

    def _address(self, request: HTTPServerRequest) -> str:
        context = getattr(request.connection, "context", None)
        address = getattr(context, "address", None)
        # A unix socket has no address; what it forwards is looked at as if it were loopback.
        peer = address[0] if isinstance(address, tuple) else "127.0.0.1"
        forwarded = ",".join(request.headers.get_list("X-Forwarded-For"))
        networks = [ip_network(text, strict=False) for text in self.trusted_proxies]
        return client_address(peer, forwarded, networks)


def _is_admin(db: Session, name: str) -> bool:
    user = orm.User.find(db, name)
    return user is not None and bool(user.admin)


def _make_admin(db: Session, name: str) -> None:
    """Make a user that exists an admin, and end what was opened under the name before."""
    user = orm.User.find(db, name)
    if user is not None and not user.admin:
        end_sessions(user)
        # Now and not by the hub a moment later: nobody can come in by the users' password between.
        user.admin = True
        db.commit()


def _refusal(status: int, text: str) -> HTTPError:
    """A refusal whose text the login page shows."""
    error = HTTPError(status, text)
    error.jupyterhub_message = text  # type: ignore[attr-defined]  # read by the hub's write_error
    return error
