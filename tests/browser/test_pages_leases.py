"""What a user sees of a server that cannot be reached, or whose end is not proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NARROW, WIDE
from tests.hub.lease_hub import lease_hub, tell
from tests.hub.page_hub import XSS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from tests.browser.conftest import MakePage
    from tests.hub.harness import Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with lease_hub() as running:
        running.start_server("ann", "analysis", options={"profile": "python"})
        yield running


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_the_home_page_tells_it(
    hub: Hub, browser_page: MakePage, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    tell(
        hub,
        {"user": "ann", "state": "stopping"},
        {"user": "ann", "server": "analysis", "state": "unknown"},
        {"user": "ann", "server": XSS, "state": "stopping"},
    )
    view = browser_page(scheme=scheme, size=size)
    view.login(hub.url, "ann")
    expect(view.page.get_by_text("Cannot be reached", exact=True)).to_be_visible()
    expect(view.page.get_by_text("It cannot be reached since 14:02 UTC.")).to_be_visible()
    expect(view.page.get_by_text("Stopping", exact=True)).to_be_visible()
    expect(view.page.get_by_text("is being removed.")).to_contain_text(XSS)
    assert view.page.evaluate("window.hacked") is None
    view.screenshot(f"home-leases-{scheme}-{size[0]}")
    view.page.goto(f"{hub.url}hub/spawn/ann")
    expect(view.page.get_by_text("It has been stopping since 14:02 UTC.")).to_be_visible()
    assert view.violations == []
    assert view.errors == []
