"""Accounts with sign-up: the pages that come with that login, under our policy and our page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect
from tests.hub.page_hub import page_hub

if TYPE_CHECKING:
    from tests.browser.conftest import MakePage

CONFIG = """
import nativeauthenticator
from jupyterhub_anywhere.hub.native import NativeAuthenticator
c.JupyterHub.authenticator_class = NativeAuthenticator
c.JupyterHub.template_paths.append(nativeauthenticator.__path__[0] + "/templates")
"""


def test_pages_of_native_accounts_keep_the_policy_and_their_links(browser_page: MakePage) -> None:
    with page_hub(config=CONFIG) as hub:
        view = browser_page()
        page = view.page
        page.goto(f"{hub.url}hub/signup", wait_until="networkidle")
        page.fill("#username_input", "root-of-all")
        page.fill("#password_input", "a long enough one")
        page.fill("#password_confirmation_input", "a long enough one")
        page.click("#signup_submit")
        view.login(hub.url, "root-of-all", "a long enough one")
        links = page.locator("#thenavbar")
        expect(links.get_by_role("link", name="Change password")).to_be_visible()
        links.get_by_role("link", name="Accounts").click()
        expect(page.locator("body")).to_contain_text("root-of-all")
        page.goto(f"{hub.url}hub/change-password", wait_until="networkidle")
        assert view.violations == []
        assert view.errors == []
