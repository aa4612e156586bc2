"""The first hour of a stranger: one command, a password, a notebook, and a hub that is killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect
from tests.browser.journey import (
    PATIENCE,
    Journey,
    first_start,
    hub_errors,
    keep,
    kernel_is_idle,
    new_notebook,
    only_name,
    run_cell,
    save,
    scripts_are_ready,
    wait_for_lab,
)
from tests.hub.harness import wait_for

from jupyterhub_anywhere.targets.process.labels import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, WebSocket
    from tests.browser.conftest import MakePage


@pytest.fixture(scope="module")
def journey() -> Iterator[Journey]:
    with first_start() as begun:
        yield begun


def kernel_sockets(page: Page) -> list[WebSocket]:
    """The websockets to kernels that the page opens from now on."""
    found: list[WebSocket] = []

    def note(socket: WebSocket) -> None:
        if "/api/kernels/" in socket.url:
            found.append(socket)

    page.on("websocket", note)
    return found


def test_the_first_start_says_how_to_come_in(journey: Journey) -> None:
    said = journey.hub.output()
    assert f"JupyterHub is at {journey.url}" in said
    assert said.count(journey.users) == said.count(journey.admins) == 1
    assert len(journey.admins) > len(journey.users)


@pytest.mark.parametrize("password", ["wrong", "пароль-ключ-🔑"], ids=["ascii", "other"])
def test_a_wrong_password_is_told_on_the_page(
    journey: Journey, browser_page: MakePage, password: str
) -> None:
    view = browser_page()
    view.page.goto(journey.url)
    view.page.fill("#username_input", only_name())
    view.page.fill("#password_input", password)
    with view.page.expect_navigation() as sent:
        view.page.click("#login_submit")
    assert sent.value.status == httpx.codes.FORBIDDEN
    expect(view.page.locator(".login_error")).to_have_text("Invalid username or password")
    keep(view, f"journey-login-refused-{'ascii' if password.isascii() else 'other'}")
    assert view.errors == []


@pytest.mark.timeout(400)
def test_a_notebook_outlives_its_hub_and_its_server(
    journey: Journey, browser_page: MakePage
) -> None:
    name = only_name()
    path = f"/user/{name}/"
    view = browser_page()
    page = journey.login(view, name)
    errors = hub_errors(page)
    expect(page.locator("#start")).to_have_text("Start My Server")
    sockets = kernel_sockets(page)
    page.click("#start")
    wait_for_lab(page, path)
    new_notebook(page)
    run_cell(page, "1+1", "2")
    run_cell(page, "x = 41; x", "41")
    file = save(page)
    keep(view, "journey-lab")

    kill_and_restart_the_hub(journey, page, sockets)
    stop_from_home(journey, page)
    page.click("#start")
    wait_for_lab(page, path)
    page.locator(".jp-DirListing-item", has_text=file).dblclick()
    output = page.locator(".jp-Notebook .jp-OutputArea-output").first
    expect(output).to_have_text("2", timeout=PATIENCE)
    assert view.violations == []
    assert errors == []


def kill_and_restart_the_hub(journey: Journey, page: Page, sockets: list[WebSocket]) -> None:
    """Nobody in the browser notices: no reload, the same websocket, the same kernel."""
    page.evaluate("window.notReloaded = true")
    before = list(sockets)
    assert [socket for socket in before if not socket.is_closed()]
    closed = [socket.is_closed() for socket in before]
    journey.hub.kill()
    run_cell(page, "x += 1; x", "42")
    journey.hub.start()
    run_cell(page, "x + 1", "43")
    kernel_is_idle(page)
    assert page.evaluate("window.notReloaded")
    assert sockets == before
    assert [socket.is_closed() for socket in before] == closed


def stop_from_home(journey: Journey, page: Page) -> None:
    page.goto(f"{journey.url}hub/home")
    expect(page.locator("section")).to_contain_text("Running")
    scripts_are_ready(page)
    page.click("#stop")
    expect(page.locator("#start")).to_have_text("Start My Server", timeout=PATIENCE)
    expect(page.locator("section")).to_contain_text(re.compile("Last time: "))
    # The page says so as soon as the hub has taken the wish.
    wait_for(lambda: not scan(journey.hub.id), what="the end of the server")
    wait_for(lambda: not (journey.hub.server(only_name()) or {"pending": ""})["pending"])
