"""No page of the hub breaks the Content-Security-Policy or its own scripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import NARROW, WIDE
from tests.hub.page_hub import close_gate, open_gate, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from tests.browser.conftest import BrowserPage, MakePage
    from tests.hub.harness import Hub

# Every look of every page is worth a picture; for the policy two of them tell enough.
LOOKS = [("light", WIDE), ("dark", NARROW)]
if "ANYWHERE_SCREENSHOTS" in os.environ:
    LOOKS += [("light", NARROW), ("dark", WIDE)]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub() as running:
        running.add_user("ann")
        yield running


def visit(view: BrowserPage, hub: Hub, path: str) -> None:
    answer = view.page.goto(hub.url + path, wait_until="networkidle")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self' 'nonce-" in policy
    assert "object-src 'none'" in policy


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_no_page_violates_the_policy(
    hub: Hub, browser_page: MakePage, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    view = browser_page(scheme=scheme, size=size)
    look = f"{scheme}-{size[0]}"
    visit(view, hub, "hub/login")
    view.screenshot(f"login-{look}")
    name = "root-of-all"
    view.login(hub.url, name)
    for path in ("home", "spawn", "spawn?opt-profile=python&opt-memory=9G", "token", "admin"):
        visit(view, hub, f"hub/{path}")
        view.screenshot(f"{path.partition('&')[0].replace('?', '-')}-{look}")
    hub.api("PUT", f"users/{name}/servers/analysis", json={"display_name": "The analysis"})
    visit(view, hub, "hub/home")
    view.screenshot(f"home-servers-{look}")
    visit(view, hub, f"hub/spawn/{name}/walk?opt-profile=slow")
    view.page.click("#spawn_form button[type=submit]")
    view.page.wait_for_selector("#progress-log li >> nth=2", state="attached")
    view.screenshot(f"pending-{look}")
    open_gate(hub, name, "walk")
    view.page.wait_for_url(f"**/user/{name}/walk/**")
    visit(view, hub, "hub/home")
    view.screenshot(f"home-running-{look}")
    hub.stop_server(name, "walk")
    close_gate(hub, name, "walk")
    visit(view, hub, f"hub/user/{name}/walk/")
    view.screenshot(f"not-running-{look}")
    visit(view, hub, f"hub/spawn/{name}/bad?opt-profile=full")
    view.page.click("#spawn_form button[type=submit]")
    view.page.wait_for_selector(".spawn-error-msg")
    view.screenshot(f"spawn-failed-{look}")
    visit(view, hub, f"hub/spawn-pending/{name}/bad")
    view.screenshot(f"failed-{look}")
    visit(view, hub, "hub/nothing-here")
    view.screenshot(f"error-{look}")
    hub.api("DELETE", f"users/{name}/servers/analysis", json={"remove": True})
    assert view.violations == []
    assert view.errors == []
