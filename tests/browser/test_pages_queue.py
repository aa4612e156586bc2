"""What people see who wait for their turn, and of what is full."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect
from tests.hub.page_hub import STUB, open_gate, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import MakePage
    from tests.hub.harness import Hub

SITE: Final[dict[str, Any]] = {
    "targets": {
        "here": {**STUB, "title": "This machine", "starts": 1},
        "small": {**STUB, "title": "The small one", "servers": 1},
    },
    "profiles": {
        "slow": {"title": "Slow", "targets": ["here"], "sets": {"gated": True}},
        "small": {"title": "Small", "targets": ["small"]},
    },
}
CONFIG: Final = 'c.JupyterHub.tornado_settings.update({"slow_spawn_timeout": 0})\n'
SUBMIT: Final = "#spawn_form button[type=submit]"
WAITS: Final = "Waiting for its turn: number 1 of 1 in line"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub(SITE, CONFIG) as running:
        for name in ("first", "second"):
            running.add_user(name)
        yield running


def start(hub: Hub, user: str) -> None:
    """Start a server that takes the one slot until its gate is opened."""
    hub.add_user(user)
    answer = hub.api("POST", f"users/{user}/server", json={"user_options": {"profile": "slow"}})
    assert answer.status_code == 202, answer.text


def test_who_waits_sees_the_place_the_stages_and_the_time(hub: Hub, browser_page: MakePage) -> None:
    start(hub, "first")
    view = browser_page()
    view.login(hub.url, "ann")
    view.page.goto(f"{hub.url}hub/spawn/ann?opt-profile=slow")
    view.page.click(SUBMIT)

    expect(view.page.locator("#anywhere-stage")).to_have_text(WAITS)
    expect(view.page.locator("#anywhere-time")).to_have_text(re.compile(r"^\d+ s so far$"))
    view.screenshot("pending-queued")
    open_gate(hub, "first")
    log = view.page.locator("#progress-log li")
    expect(log.filter(has_text="Starting the server")).to_have_count(1)
    expect(log.filter(has_text=re.compile(r"in line \S \d+ s$"))).to_have_count(1)
    expect(view.page.locator("#progress-message b.more")).to_have_text("more")
    view.page.click("#progress-details summary")
    view.screenshot("pending-stages")
    open_gate(hub, "ann")
    view.page.wait_for_url("**/user/ann/")
    assert view.errors == []
    for user in ("first", "ann"):
        hub.stop_server(user)


def test_who_waits_may_leave_the_line(hub: Hub, browser_page: MakePage) -> None:
    start(hub, "second")
    view = browser_page()
    view.login(hub.url, "bob")
    view.page.goto(f"{hub.url}hub/spawn/bob?opt-profile=slow")
    view.page.click(SUBMIT)
    expect(view.page.locator("#anywhere-stage")).to_have_text(WAITS)
    with view.page.expect_navigation():
        view.page.click("#stop-server-btn")
    expect(view.page.locator("h1")).to_contain_text("is not running")
    open_gate(hub, "second")
    hub.stop_server("second")


def test_without_javascript_the_place_is_told_too(hub: Hub, browser_page: MakePage) -> None:
    start(hub, "third")
    view = browser_page(javascript=False)
    view.login(hub.url, "cat")
    view.page.goto(f"{hub.url}hub/spawn/cat")
    view.page.click("label[for='menu:profile:slow']")
    view.page.click(SUBMIT)
    expect(view.page.get_by_text(WAITS)).to_be_visible()
    for user in ("third", "cat"):
        open_gate(hub, user)
    view.page.wait_for_url("**/user/cat/")
    for user in ("third", "cat"):
        hub.stop_server(user)


def test_the_menu_says_what_is_full_and_so_does_the_answer(
    hub: Hub, browser_page: MakePage
) -> None:
    hub.start_server("dan", options={"profile": "small"})
    view = browser_page()
    view.login(hub.url, "eve")
    view.page.goto(f"{hub.url}hub/spawn/eve")
    expect(
        view.page.get_by_text("The small one is full: 1 of 1 servers are there.")
    ).to_be_visible()
    view.screenshot("menu-full")
    view.page.click("label[for='menu:profile:small']")
    view.page.click(SUBMIT)
    expect(view.page.locator("[data-anywhere-errors]")).to_contain_text("The small one is full")
    hub.stop_server("dan")
