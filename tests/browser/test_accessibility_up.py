"""What axe-core says of the pages of ``anywhere up``, the hub's own ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.browser.conftest import NARROW, WIDE
from tests.browser.journey import HERE, SITE, SUBMIT, Journey, first_start, keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Page
    from tests.browser.conftest import BrowserPage, MakePage

# Faults of JupyterHub's own pages, page and rule, each with the reason why it is left alone.
KNOWN: Final = {
    ("admin", "button-name"): "the button that unfolds a user's row, made by the compiled script"
    " of the admin page, has an icon and no name; no template of ours reaches it",
}
# Never listens: its page of the start stays.
WAITING: Final[dict[str, Any]] = {
    **SITE,
    "targets": {
        **SITE["targets"],
        "slow": {**HERE, "title": "A slow place", "spawner": {"cmd": ["sleep", "600"]}},
    },
    "profiles": {**SITE["profiles"], "slow": {"title": "Slow", "targets": ["slow"]}},
}


@pytest.fixture(scope="module")
def journey() -> Iterator[Journey]:
    with first_start(WAITING, ["--share-account"]) as begun:
        begun.hub.add_user("lea")
        yield begun


def findings(page: Page) -> list[tuple[str, str, str]]:
    """What is serious or worse: page, rule, and where."""
    name = page.url.partition("/hub/")[2].partition("?")[0]
    return [
        (name, item["id"], f"{node['html']} {node['failureSummary']}")
        for item in Axe().run(page)["violations"]
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
        if (name, item["id"]) not in KNOWN
    ]


def look(view: BrowserPage, name: str) -> list[tuple[str, str, str]]:
    """Keep a picture of the page, and return what is wrong with it."""
    theme = view.page.evaluate("document.documentElement.dataset.bsTheme")
    keep(view, f"up-{name}-{theme}-{view.page.viewport_size['width']}")  # type: ignore[index]  # never None here
    return findings(view.page)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", WIDE), ("dark", NARROW)],
    ids=["light", "dark-narrow"],
)
def test_every_page_can_be_used_by_everybody(
    journey: Journey,
    browser_page: MakePage,
    scheme: Literal["light", "dark"],
    size: tuple[int, int],
) -> None:
    # axe-core is put into the page as an inline script, which the policy would block.
    view = browser_page(scheme=scheme, size=size, bypass_csp=True)
    page = view.page
    page.goto(journey.url, wait_until="networkidle")
    found = look(view, "login")
    page.fill("#username_input", "boss")
    page.fill("#password_input", "wrong")
    page.click("#login_submit")
    expect(page.locator(".login_error")).to_be_visible()
    found += look(view, "login-refused")
    journey.login(view, "boss", admin=True)
    for path in ("home", "spawn", "spawn/lea", "token", "admin", "nowhere"):
        page.goto(f"{journey.url}hub/{path}", wait_until="networkidle")
        found += look(view, path.replace("/", "-"))
    found += a_start(journey, view)
    assert found == [], "\n".join(map(str, found))


def a_start(journey: Journey, view: BrowserPage) -> list[tuple[str, str, str]]:
    """The pages of a start that fails, and of one that is stopped."""
    page = view.page
    page.goto(f"{journey.url}hub/spawn/boss?opt-profile=broken")
    page.click(SUBMIT)
    expect(page.locator(".alert-danger:visible")).to_be_visible()
    found = look(view, "failed")
    page.goto(f"{journey.url}hub/spawn/boss?opt-profile=slow")
    page.click(SUBMIT)
    page.locator("#progress-log li").first.wait_for(state="attached")
    found += look(view, "pending")
    page.goto(f"{journey.url}hub/home", wait_until="networkidle")
    found += look(view, "home-starting")
    page.goto(f"{journey.url}hub/spawn-pending/boss")
    page.click("#stop-server-btn")
    expect(page.locator("h1")).to_contain_text("is not running")
    found += look(view, "not-running")
    page.goto(f"{journey.url}hub/logout", wait_until="networkidle")
    return found + look(view, "logout")
