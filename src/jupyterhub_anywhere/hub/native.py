"""Accounts with sign-up: nativeauthenticator, repaired.

- Its login page (1.3.0) measures time by ``statsd``, which JupyterHub 6 has no longer, so that
  every login ends in an error 500. Here the hub's own login handler does the work, and the page and
  its texts stay nativeauthenticator's.
- An admin's ``/authorize/NAME`` and ``/discard/NAME`` act on GET: an image of any other site admits
  an account, or removes one. Here they are forms, with the hub's own guard against that.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from nativeauthenticator import NativeAuthenticator as Upstream
from nativeauthenticator.orm import UserInfo
from tornado.escape import url_escape
from tornado.httputil import url_concat
from tornado.web import HTTPError

from jupyterhub_anywhere.hub.scopes import needs_scope


class NativeLogin(LoginHandler):
    """The login page of nativeauthenticator."""

    def _render(
        self, login_error: str | None = None, username: str | None = None, **more: Any
    ) -> Any:
        target = self.get_argument("next", default="")
        own = self.authenticator.login_url(self.hub.base_url)
        return self.render_template(
            "native-login.html",
            next=url_escape(target),
            username=username,
            login_error=self._waiting(login_error) or login_error,
            custom_html=self.authenticator.custom_html,
            login_url=self.settings["login_url"],
            enable_signup=self.authenticator.enable_signup,
            two_factor_auth=self.authenticator.allow_2fa,
            authenticator_login_url=url_concat(own, {"next": target}),
            xsrf=self.xsrf_token.decode("ascii"),
            **more,
        )

    def _waiting(self, login_error: str | None) -> str:
        """What somebody is told who has an account that nobody admitted yet."""
        if not login_error or self.request.method != "POST":
            return ""
        name = self.get_body_argument("username", "")
        account = self.authenticator.get_user(self.authenticator.normalize_username(name))
        if account is None or account.is_authorized:
            return ""
        if not account.is_valid_password(self.get_body_argument("password", "", strip=False)):
            return ""
        return "An administrator has to admit this account first."


class AccountList(BaseHandler):
    """The accounts, with what an admin can do to each."""

    @needs_scope("admin:users")
    async def get(self) -> None:
        """Show them."""
        page = await self.render_template(
            "native-accounts.html",
            accounts=self.db.query(UserInfo).order_by(UserInfo.username).all(),
            ask_email=self.authenticator.ask_email_on_signup,
        )
        self.finish(page)


class _Accounts(BaseHandler):
    """What an admin does to one account; shows the list of them afterwards."""

    def account(self, name: str) -> Any:
        """The account of that name.

        Raises:
            HTTPError: There is none.
        """
        found = self.authenticator.get_user(name)
        if found is None:
            raise HTTPError(404, f"There is no account {name}.")
        return found

    def show(self) -> None:
        """Go to the list."""
        self.redirect(f"{self.hub.base_url}authorize")

    @needs_scope("admin:users")
    def get(self, _name: str) -> None:
        """Nothing but the list: an old bookmark, or a link of another site."""
        self.show()


class AuthorizeAccount(_Accounts):
    """Admit an account, or take its admission back."""

    @needs_scope("admin:users")
    def post(self, name: str) -> None:
        """Change what is so now.

        Raises:
            HTTPError: There is no such account.
        """
        account = self.account(name)
        account.is_authorized = not account.is_authorized
        self.db.commit()
        self.show()


class DiscardAccount(_Accounts):
    """Remove an account that nobody has admitted."""

    @needs_scope("admin:users")
    async def post(self, name: str) -> None:
        """Remove it, and the hub's user of that name.

        Raises:
            HTTPError: There is no such account, or it is admitted.
        """
        if self.account(name).is_authorized:
            raise HTTPError(409, f"The account {name} is admitted. Take that back first.")
        user = self.find_user(name)
        if user is None:
            self.authenticator.delete_user(SimpleNamespace(name=name))
        elif any(spawner.active for spawner in user.spawners.values()):
            raise HTTPError(409, f"Servers of {name} run. Stop them first.")
        else:
            # As the hub's own API removes a user.
            self.authenticator.delete_user(user)
            await user.delete_spawners()
            self.users.delete(user)
        self.show()


_REPAIRED = {
    "/login": NativeLogin,
    "/authorize": AccountList,
    "/authorize/([^/]*)": AuthorizeAccount,
    "/discard/([^/]*)": DiscardAccount,
}


class NativeAuthenticator(Upstream):
    """Accounts with sign-up, kept in the hub's database."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        """Check name and password.

        Raises:
            HTTPError: The form names nobody; the hub's handler would fail over it.
        """
        if not data.get("username"):
            raise HTTPError(400, "Enter a user name.")
        return await super().authenticate(handler, {"password": "", **data})

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """The pages of nativeauthenticator, with the repaired ones in place of their own."""
        return [
            (path, _REPAIRED.get(path, handler), *more)
            for path, handler, *more in super().get_handlers(app)
        ]
