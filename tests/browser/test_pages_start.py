"""Starting and stopping through the pages, with and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.journey import scripts_are_ready
from tests.hub.harness import wait_for
from tests.hub.page_hub import SITE, open_gate, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import MakePage
    from tests.hub.harness import Hub

SUBMIT = "#spawn_form button[type=submit]"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub() as running:
        yield running


def test_stop_on_the_page_of_a_named_server_stops_that_server(
    hub: Hub, browser_page: MakePage
) -> None:
    hub.start_server("ann", options={"profile": "python"})
    view = browser_page()
    view.login(hub.url, "ann")
    view.page.goto(f"{hub.url}hub/spawn/ann/walk?opt-profile=slow")
    view.page.click(SUBMIT)
    view.page.wait_for_selector("#progress-log li", state="attached")

    with view.page.expect_navigation():
        view.page.click("#stop-server-btn")

    expect(view.page.locator("h1")).to_contain_text("is not running")
    stopped = hub.server("ann", "walk")
    assert stopped is not None
    assert not stopped["ready"]
    default = hub.server("ann")
    assert default is not None
    assert default["ready"]
    assert view.errors == []


def test_events_are_text_unless_the_spawner_says_html(hub: Hub, browser_page: MakePage) -> None:
    view = browser_page()
    view.login(hub.url, "bob")
    view.page.goto(f"{hub.url}hub/spawn/bob?opt-profile=slow")
    view.page.click(SUBMIT)

    expect(view.page.locator("#progress-message b.more")).to_have_text("more")
    assert view.page.locator("#progress-log li", has_text="<i>half</i> way").count() == 1
    open_gate(hub, "bob")
    view.page.wait_for_url("**/user/bob/")
    assert "the server /user/bob/" in view.page.inner_text("body")


def test_a_late_failure_shows_no_private_text(hub: Hub, browser_page: MakePage) -> None:
    view = browser_page()
    view.login(hub.url, "cat")
    view.page.goto(f"{hub.url}hub/spawn/cat?opt-profile=late")
    view.page.click(SUBMIT)
    view.page.wait_for_selector("#progress-log li", state="attached")
    open_gate(hub, "cat")

    failed = view.page.locator("#anywhere-failed")
    expect(failed).to_be_visible()
    expect(failed).to_contain_text("could not be started")
    expect(view.page.locator("h1")).to_have_text("Your server did not start")
    # No room is left for what would have been told next.
    expect(view.page.locator("#progress-message")).to_be_hidden()
    assert "hunter2" not in view.page.content()
    expect(view.page.locator("#stop-server-btn")).to_be_hidden()
    view.page.click("#anywhere-again")
    expect(view.page.locator("h1")).to_have_text("Start a server")


def test_html_of_an_error_is_shown_as_html(hub: Hub, browser_page: MakePage) -> None:
    view = browser_page()
    view.login(hub.url, "dan")
    view.page.goto(f"{hub.url}hub/spawn/dan?opt-profile=styled")
    view.page.click(SUBMIT)

    expect(view.page.locator(".spawn-error-msg #bold")).to_have_text("Come back later.")
    view.page.goto(f"{hub.url}hub/spawn-pending/dan")
    expect(view.page.locator(".alert #bold")).to_have_text("Come back later.")


def test_the_start_button_takes_one_click_only(hub: Hub, browser_page: MakePage) -> None:
    view = browser_page()
    view.login(hub.url, "eve")
    view.page.goto(f"{hub.url}hub/spawn/eve?opt-profile=slow")
    sent = view.page.evaluate(
        """() => {
          const form = document.getElementById("spawn_form");
          form.addEventListener("submit", (event) => event.preventDefault());
          form.requestSubmit();
          return form.querySelector("button").disabled;
        }"""
    )

    assert sent
    expect(view.page.locator("#anywhere-submitted")).to_have_text("Starting…")


def test_without_javascript_a_server_is_corrected_started_and_reached(
    hub: Hub, browser_page: MakePage
) -> None:
    view = browser_page(javascript=False)
    view.login(hub.url, "fay")
    view.page.goto(f"{hub.url}hub/spawn/fay")
    expect(view.page.locator("#noscript")).to_be_hidden()
    view.page.click("label[for='menu:profile:python']")
    view.page.fill("[id='opt:python:memory']", "9G")
    view.page.click(SUBMIT)
    expect(view.page.locator("[id='opt:python:memory-error']")).to_contain_text("4G")
    view.screenshot("spawn-corrected-plain")
    view.page.click("label[for='menu:profile:slow']")
    view.page.click(SUBMIT)
    expect(view.page.locator("h1")).to_have_text("Starting your server")
    expect(view.page.locator("#noscript")).to_be_hidden()
    expect(view.page.locator("#stop-server-btn")).to_be_hidden()
    view.screenshot("pending-plain")
    open_gate(hub, "fay")

    view.page.wait_for_url("**/user/fay/")


def test_home_says_where_each_server_runs_and_stops_it(hub: Hub, browser_page: MakePage) -> None:
    hub.start_server("gus", options={"profile": "python"})
    hub.start_server("gus", "named", options={"profile": "python"})
    view = browser_page()
    view.login(hub.url, "gus")
    row = view.page.locator("tr[data-server-name=named]")
    expect(row).to_contain_text("Python")
    expect(row).to_contain_text("Running")
    expect(view.page.locator("section")).to_contain_text("Python")

    scripts_are_ready(view.page)
    with view.page.expect_navigation():
        row.get_by_role("button", name="Stop").click()

    expect(row.get_by_role("button", name="Delete")).to_be_visible()
    expect(row).not_to_contain_text("Running")
    wait_for(lambda: not (hub.server("gus", "named") or {"ready": True})["ready"])
    scripts_are_ready(view.page)
    with view.page.expect_navigation():
        view.page.click("#stop")
    expect(view.page.locator("#start")).to_have_text("Start My Server")
    expect(view.page.locator("section")).to_contain_text(re.compile("Last time: Python"))


def test_scripts_of_a_spawner_s_own_form_run_under_the_policy(browser_page: MakePage) -> None:
    site = {**SITE, "profiles": {"own": {"targets": ["here"], "form": "child"}}}
    own = "<input name='size' id='size'><script>size.value = 'big'</script>"
    with page_hub(site, f"c.StubSpawner.options_form = {own!r}\n") as hub:
        view = browser_page()
        view.login(hub.url, "ann")
        view.page.goto(f"{hub.url}hub/spawn")
        expect(view.page.locator("#size")).to_have_value("big")
        assert view.violations == []
        view.page.click(SUBMIT)
        view.page.wait_for_url("**/user/ann/")
