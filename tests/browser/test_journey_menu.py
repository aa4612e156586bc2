"""From the menu to a server, as people with and without JavaScript, and as admins, go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.journey import (
    PATIENCE,
    SITE,
    SUBMIT,
    Journey,
    first_start,
    hub_errors,
    keep,
    scripts_are_ready,
    wait_for_lab,
)
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route
    from tests.browser.conftest import MakePage

# Milliseconds within which somebody is told why a server does not start: long before the deadline
# of its start is over.
SOON = 30_000
HOOK = """
def hook(spawner):
    if spawner.user.name == "eve":
        raise RuntimeError("the database's password is hunter2")

c.Spawner.pre_spawn_hook = hook
"""


@pytest.fixture(scope="module")
def journey() -> Iterator[Journey]:
    with first_start(SITE, ["--share-account"], config=HOOK) as begun:
        yield begun


def chosen(journey: Journey, user: str, server: str = "") -> dict[str, object]:
    """What a server was started with."""
    model = journey.hub.server(user, server)
    assert model is not None
    options: dict[str, object] = model["user_options"]
    return options


def is_started(journey: Journey, user: str) -> bool:
    model = journey.hub.server(user)
    return model is not None and bool(model["ready"] or model["pending"])


def field(profile: str, option: str) -> str:
    return f"[id='opt:{profile}:{option}']"


def test_only_the_options_of_what_is_chosen_are_shown(
    journey: Journey, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "ann")
    page.click("#start")
    titles = page.locator(".anywhere-profiles label")
    expect(titles).to_have_text(["Python", "Course: statistics", "Broken"])
    expect(page.locator(field("python", "memory"))).to_be_visible()
    expect(page.locator(field("course", "week"))).to_be_hidden()
    page.get_by_label("Course: statistics").check()
    expect(page.locator(field("python", "memory"))).to_be_hidden()
    expect(page.locator(field("course", "week"))).to_be_visible()
    keep(view, "journey-menu-course")
    assert view.errors == []


@pytest.mark.timeout(300)
def test_without_javascript_a_wrong_value_is_corrected_and_the_server_reached(
    journey: Journey, browser_page: MakePage
) -> None:
    page = journey.login(browser_page(javascript=False), "ned")
    page.goto(f"{journey.url}hub/spawn")
    memory = page.locator(field("python", "memory"))
    expect(page.locator(field("course", "week"))).to_be_visible()
    memory.fill("9G")
    page.get_by_label("Two").check()
    page.click(SUBMIT)
    expect(page.locator("[id='opt:python:memory-error']")).to_contain_text("4G")
    expect(memory).to_be_focused()
    expect(memory).to_have_value("9G")
    expect(page.get_by_label("Two")).to_be_checked()
    assert not is_started(journey, "ned")

    memory.fill("2G")
    page.click(SUBMIT)
    expect(page.locator("h1")).to_have_text("Starting your server")
    page.wait_for_url("**/user/ned/lab*", timeout=PATIENCE)
    options = chosen(journey, "ned")
    assert options["profile"] == "python"
    assert options["options"] == {"memory": 2 * 1024**3, "cores": "two"}
    journey.hub.stop_server("ned")


@pytest.mark.timeout(400)
def test_a_named_server_is_started_and_stopped_from_home(
    journey: Journey, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "nora")
    errors = hub_errors(page)
    journey.hub.start_server("nora", options={"profile": "course"})
    scripts_are_ready(page)
    page.fill(".new-server-name", "Analysis")
    page.click(".new-server-btn")
    row = page.locator("tr[data-server-name=analysis]")
    row.get_by_role("button", name="Start").click()
    expect(page.locator("h1")).to_contain_text("Analysis")
    page.get_by_label("Course: statistics").check()
    page.fill(field("course", "week"), "3")
    page.click(SUBMIT)
    wait_for_lab(page, "/user/nora/analysis/")
    assert chosen(journey, "nora", "analysis")["options"] == {"week": 3}

    page.goto(f"{journey.url}hub/home")
    expect(row).to_contain_text("Running")
    keep(view, "journey-home")
    scripts_are_ready(page)
    row.get_by_role("button", name="Stop").click()
    expect(row.get_by_role("button", name="Start")).to_be_visible(timeout=PATIENCE)
    assert not (journey.hub.server("nora", "analysis") or {})["ready"]
    assert (journey.hub.server("nora") or {})["ready"]
    journey.hub.stop_server("nora")
    assert view.violations == []
    assert errors == []


def start(page: Page, journey: Journey, profile: str) -> None:
    """Start a profile without options, and wait until the page tells the failure."""
    page.goto(f"{journey.url}hub/spawn?opt-profile={profile}")
    page.click(SUBMIT)
    expect(page.locator(".alert-danger:visible")).to_be_visible(timeout=SOON)


def test_a_command_that_does_not_exist_is_told_with_its_cure(
    journey: Journey, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "bob")
    start(page, journey, "broken")
    told = page.locator(".alert-danger:visible")
    expect(told).to_contain_text("/opt/no/such/command")
    expect(told).to_contain_text("Write its whole path")
    expect(page.get_by_label("Broken")).to_be_checked()
    assert "Traceback" not in page.content()
    keep(view, "journey-failed")
    assert view.errors == []


def test_what_only_the_log_may_say_is_on_no_page(journey: Journey, browser_page: MakePage) -> None:
    page = journey.login(browser_page(), "eve")
    start(page, journey, "course")
    pages = [page.content()]
    for path in ("hub/home", "hub/spawn-pending/eve", "hub/user/eve/", "hub/spawn"):
        page.goto(journey.url + path)
        pages.append(page.content())
    assert [text for text in pages if "hunter2" in text] == []
    assert "hunter2" in journey.hub.logs(10_000), "the administrator can find it"


def test_an_admin_sees_the_menu_of_the_user(journey: Journey, browser_page: MakePage) -> None:
    journey.hub.add_user("lea")
    view = browser_page()
    page = journey.login(view, "boss", admin=True)
    errors = hub_errors(page)
    page.goto(f"{journey.url}hub/spawn")
    large = page.get_by_label("Large models")
    expect(large).to_have_count(0)
    page.goto(f"{journey.url}hub/admin")
    row = page.locator("tr", has=page.get_by_text("lea", exact=True)).first
    row.get_by_text("Spawn Page").click()
    expect(page.locator(".lead")).to_contain_text("It will belong to lea")
    large.check()
    keep(view, "journey-for-another")
    page.click(SUBMIT)
    wait_for(lambda: is_started(journey, "lea"), what="the start")
    assert chosen(journey, "lea")["profile"] == "large"
    assert not is_started(journey, "boss")
    # Nobody opens another's server unasked: the hub wants a click.
    page.get_by_role("button", name="Authorize").click()
    wait_for_lab(page, "/user/lea/")
    journey.hub.stop_server("lea")
    assert view.violations == []
    assert errors == []


ELSEWHERE = "http://elsewhere.test/"
LURE = """<!doctype html><title>Elsewhere</title>
<img src="{url}hub/spawn?opt-profile=course">
<iframe src="{url}hub/spawn?opt-profile=course"></iframe>
<a href="{url}hub/spawn?opt-profile=python&opt-memory=2G&opt-cores=two&utm_source=mail">Go</a>"""


def test_a_link_from_elsewhere_fills_the_form_and_starts_nothing(
    journey: Journey, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "dora")

    def elsewhere(route: Route) -> None:
        route.fulfill(content_type="text/html", body=LURE.format(url=journey.url))

    page.route(ELSEWHERE, elsewhere)
    page.goto(ELSEWHERE, wait_until="networkidle")
    page.get_by_text("Go").click()
    expect(page.get_by_label("Python", exact=True)).to_be_checked()
    expect(page.locator(field("python", "memory"))).to_have_value("2G")
    expect(page.get_by_label("Two")).to_be_checked()
    assert not is_started(journey, "dora")

    page.click(SUBMIT)
    wait_for(lambda: is_started(journey, "dora"), what="the start")
    assert chosen(journey, "dora")["options"] == {"memory": 2 * 1024**3, "cores": "two"}
    journey.hub.stop_server("dora")
