"""Accounts with sign-up: nativeauthenticator, with its login repaired for JupyterHub 6.

Its login page (1.3.0) measures time by ``statsd``, which JupyterHub 6 has no longer, so that every
login ends in an error 500 (jupyterhub/nativeauthenticator). Here the hub's own login handler does
the work, and the page and its texts stay nativeauthenticator's.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.login import LoginHandler
from nativeauthenticator import NativeAuthenticator as Upstream
from tornado.escape import url_escape
from tornado.httputil import url_concat
from tornado.web import HTTPError


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
        """The pages of nativeauthenticator, the login page repaired."""
        return [
            (path, NativeLogin if path == "/login" else handler, *more)
            for path, handler, *more in super().get_handlers(app)
        ]
