"""What axe-core says of the pages: nothing serious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_core_python.sync_playwright import Axe
from tests.browser.conftest import NARROW, WIDE
from tests.hub.page_hub import page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal

    from tests.browser.conftest import BrowserPage, MakePage
    from tests.hub.harness import Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub() as running:
        running.start_server("ann", options={"profile": "python"})
        running.start_server("ann", "two", options={"profile": "python"})
        running.api("PUT", "users/ann/servers/three", json={})
        yield running


def findings(view: BrowserPage) -> list[str]:
    """What is serious or worse, with where it is."""
    found: list[dict[str, Any]] = Axe().run(view.page)["violations"]
    return [
        f"{item['id']}: {node['html']} {node['failureSummary']}"
        for item in found
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "size"), [("light", NARROW), ("dark", WIDE)])
def test_pages_can_be_used_by_everybody(
    hub: Hub, browser_page: MakePage, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    # axe-core is put into the page as an inline script, which the policy would block.
    view = browser_page(scheme=scheme, size=size, bypass_csp=True)
    view.page.goto(f"{hub.url}hub/login", wait_until="networkidle")
    assert findings(view) == []
    view.login(hub.url, "ann")
    paths = ("home", "spawn/ann/new?opt-profile=python&opt-memory=9G", "user/ann/three/", "nowhere")
    for path in paths:
        view.page.goto(f"{hub.url}hub/{path}", wait_until="networkidle")
        assert findings(view) == [], path
    view.page.goto(f"{hub.url}hub/spawn/ann/walk?opt-profile=slow")
    view.page.click("#spawn_form button[type=submit]")
    view.page.wait_for_selector("#progress-log li", state="attached")
    assert findings(view) == []
    hub.stop_server("ann", "walk")
    view.page.goto(f"{hub.url}hub/spawn/ann/walk?opt-profile=full")
    view.page.click("#spawn_form button[type=submit]")
    view.page.wait_for_selector(".spawn-error-msg")
    assert findings(view) == []
