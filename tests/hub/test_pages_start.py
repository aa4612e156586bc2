"""The pages on which servers are started, as the hub sends them."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import wait_for
from tests.hub.page_hub import PYTHON, SINGLE, SITE, STUB, XSS, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    config = 'c.JupyterHub.tornado_settings.update({"slow_spawn_timeout": 0})\n'
    with page_hub(config=config) as running:
        yield running


@pytest.fixture(scope="module")
def single() -> Iterator[Hub]:
    with page_hub(SINGLE) as running:
        yield running


def send(client: httpx.Client, path: str, fields: dict[str, Any], **more: Any) -> httpx.Response:
    """Send the form of a page as a browser does."""
    client.get(path)
    data = {"_xsrf": client.cookies["_xsrf"], **fields}
    return client.post(path, data=data, follow_redirects=False, **more)


def test_a_link_fills_the_form_and_starts_nothing(hub: Hub) -> None:
    client = hub.login("ann")

    page = client.get("hub/spawn?opt-profile=python&opt-memory=2G&utm_source=mail&memory=3G")

    assert page.status_code == 200
    assert 'value="2G"' in page.text
    assert "3G" not in page.text
    assert not (hub.server("ann") or {"pending": None})["pending"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("opt-profile=nothing", "There is no profile"),
        ("opt-profile=hidden", "There is no profile"),
        ("opt-profile=python&opt-memory=9G", "4G"),
        ("opt-profile=python&opt-memory=%FF%00", "memory"),
        ("opt-profile=python&opt-target=moon", "moon"),
        ("opt-=1", "option"),
        ("opt-profile=python&opt-nothing=1", "nothing"),
    ],
)
def test_a_wrong_link_is_told_at_its_field(hub: Hub, query: str, text: str) -> None:
    page = hub.login("ann").get(f"hub/spawn?{query}")
    assert page.status_code == 200
    alert = page.text.partition('role="alert"')[2]
    assert text in alert


def test_names_without_prefix_are_ignored(hub: Hub) -> None:
    client = hub.login("ann")
    page = client.get("hub/spawn?profile=nothing&_xsrf=1&utm_source=x")
    assert 'role="alert"' not in page.text
    assert not (hub.server("ann") or {"pending": None})["pending"]


def test_errors_are_tied_to_fields_and_the_input_is_kept(hub: Hub) -> None:
    client = hub.login("ann")

    page = send(client, "hub/spawn", {"menu:profile": "python", "opt:python:memory": "9G"})

    assert page.status_code == 422
    assert 'id="opt:python:memory-error"' in page.text
    assert 'value="9G"' in page.text
    assert 'aria-invalid="true"' in page.text


def test_the_form_of_a_named_server_stays_its_own_after_an_error(hub: Hub) -> None:
    client = hub.login("bob")
    fields = {"menu:profile": "python", "opt:python:memory": "2G"}
    assert send(client, "hub/spawn/bob/two", fields).status_code == 302
    wait_for(lambda: (hub.server("bob", "two") or {"ready": False})["ready"])
    hub.stop_server("bob", "two")
    # The named server's own last choice fills its form, and no other.
    assert 'value="2G"' in client.get("hub/spawn/bob/two").text
    assert 'value="2G"' not in client.get("hub/spawn/bob").text

    page = send(client, "hub/spawn/bob/two", {"menu:profile": "full"})

    assert page.status_code == 500
    assert "Start the server “two”" in page.text
    assert 'action="/hub/spawn/bob/two?' in page.text
    assert "No room is left." in page.text
    assert "hunter2" not in page.text


def test_a_last_choice_that_is_gone_is_dropped_with_a_message(hub: Hub) -> None:
    hub.add_user("hal")
    hub.api("POST", "groups/special")
    hub.api("POST", "groups/special/users", json={"users": ["hal"]})
    hub.start_server("hal", options={"profile": "hidden", "target": "here", "options": {}})
    hub.stop_server("hal")
    client = hub.login("hal")
    page = client.get("hub/spawn").text
    assert re.search(r'value="hidden" required checked', page)
    assert "not available any more" not in page

    hub.api("DELETE", "groups/special/users", json={"users": ["hal"]})

    page = client.get("hub/spawn").text
    assert "Your last choice is not available any more." in page
    assert re.search(r'value="python" required checked', page)
    model = hub.api("GET", "anywhere/users/hal/catalog").json()
    assert model["last"] is None
    assert "not available any more" in model["notice"]
    assert hub.start_server("hal")["user_options"]["profile"] == "python"


def test_a_failure_of_the_first_moment_is_told_on_the_form(hub: Hub) -> None:
    # This hub does not wait for slow starts: JupyterHub's own page would redirect at once.
    page = send(hub.login("cat"), "hub/spawn", {"menu:profile": "broken"})
    assert page.status_code == 500
    assert "could not be started" in page.text
    assert "hunter2" not in page.text
    assert 'id="spawn_form"' in page.text


def test_html_of_an_error_is_shown(hub: Hub) -> None:
    page = send(hub.login("cat"), "hub/spawn", {"menu:profile": "styled"})
    assert "<b id='bold'>Come back later.</b>" in page.text


def test_an_admin_sees_the_menu_of_the_user(hub: Hub) -> None:
    hub.add_user("sue")
    client = hub.login("root-of-all")
    assert 'value="hidden"' not in client.get("hub/spawn").text
    page = client.get("hub/spawn/sue")
    assert 'value="hidden"' in page.text
    assert "It will belong to sue" in page.text
    assert send(client, "hub/spawn/sue", {"menu:profile": "hidden"}).status_code == 302
    wait_for(lambda: (hub.server("sue") or {"ready": False})["ready"])


def test_nobody_starts_for_others(hub: Hub) -> None:
    hub.add_user("ann")
    client = hub.login("dan")
    known = client.get("hub/spawn/ann")
    unknown = client.get("hub/spawn/nobody")
    assert known.status_code == unknown.status_code == 404


def test_a_form_of_another_site_starts_nothing(hub: Hub) -> None:
    client = hub.login("dan")
    answer = client.post("hub/spawn", data={"menu:profile": "python"})
    assert answer.status_code == 403
    assert hub.server("dan") is None or not (hub.server("dan") or {})["pending"]


def test_next_and_the_title_survive_the_form(hub: Hub) -> None:
    client = hub.login("eve")
    page = client.get("hub/spawn?next=%2Fuser%2Feve%2Flab&opt-profile=python")
    action = html.unescape(page.text.partition('action="')[2].partition('"')[0])
    assert "next=%2Fuser%2Feve%2Flab" in action
    assert "opt-" not in action
    answer = client.post(action, data={"menu:profile": "python"}, follow_redirects=False)
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert "next=" in location
    assert "_xsrf" not in location


def test_a_second_click_goes_to_the_running_start(hub: Hub) -> None:
    client = hub.login("fay")
    first = send(client, "hub/spawn", {"menu:profile": "slow"})
    second = send(client, "hub/spawn", {"menu:profile": "slow"})
    assert first.status_code == second.status_code == 302
    assert second.headers["location"].startswith("/hub/spawn-pending/fay")
    assert client.get("hub/spawn").url.path == "/hub/spawn-pending/fay"


def test_a_pending_page_of_a_named_server_names_that_server(hub: Hub) -> None:
    client = hub.login("gus")
    send(client, "hub/spawn/gus/walk", {"menu:profile": "slow"})
    page = client.get("hub/spawn-pending/gus/walk")
    assert 'data-server-url="/hub/api/users/gus/servers/walk"' in page.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.text
    assert "Slow" in page.text


def test_static_files_are_sent(hub: Hub) -> None:
    answer = httpx.get(f"{hub.url}hub/anywhere-static/anywhere-pending.js")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]
    assert httpx.get(f"{hub.url}hub/anywhere-static/../templates/page.html").status_code == 404
    assert httpx.get(f"{hub.url}hub/anywhere-static/%2e%2e/__init__.py").status_code in {403, 404}


def test_one_profile_without_options_skips_the_page(single: Hub) -> None:
    client = single.login("ann")
    answer = client.get("hub/spawn", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == "/hub/spawn-pending/ann"


def test_a_link_waits_for_a_click_even_there(single: Hub) -> None:
    client = single.login("bob")
    page = client.get("hub/spawn?opt-profile=here")
    assert page.status_code == 200
    assert '<p class="lead">This machine</p>' in page.text
    assert not (single.server("bob") or {"pending": None})["pending"]
    assert send(client, "hub/spawn?opt-profile=here", {"menu:profile": "here"}).status_code == 302
    wrong = single.login("cat").get("hub/spawn?opt-profile=nothing")
    assert "There is no profile" in wrong.text


def test_a_failing_single_profile_is_told() -> None:
    site = {**SINGLE, "targets": {"here": {**STUB, "spawner": {"failure": "html"}}}}
    with page_hub(site) as hub:
        client = hub.login("ann")
        page = client.get("hub/spawn", follow_redirects=False)
        assert page.status_code == 500
        assert "Your server could not be started" in " ".join(page.text.split())
        assert "<b id='bold'>Come back later.</b>" in page.text
        assert 'href="/hub/spawn"' in page.text


def test_every_text_of_the_file_is_escaped_everywhere() -> None:
    profile = {**PYTHON, "title": XSS, "description": XSS}
    site = {
        **SITE,
        "targets": {"here": {**STUB, "title": XSS, "description": XSS}},
        "profiles": {"python": profile, "slow": {**SITE["profiles"]["slow"], "title": XSS}},
    }
    with page_hub(site) as hub:
        client = hub.login("ann")
        pages = [client.get("hub/spawn")]
        pages.append(client.get("hub/spawn", params={"opt-profile": XSS, "opt-memory": XSS}))
        pages.append(send(client, "hub/spawn", {"menu:profile": XSS}))
        pages.append(
            send(client, "hub/spawn", {"menu:profile": "python", "opt:python:memory": XSS})
        )
        send(client, "hub/spawn", {"menu:profile": "slow"})
        pages.append(client.get("hub/spawn-pending/ann"))
        pages.append(client.get("hub/home"))
        for page in pages:
            assert "window.hacked" in page.text
            assert "<script>window" not in page.text
