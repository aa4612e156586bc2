"""A hub whose servers are another spawner's: our handlers are there, and stay out of its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.hub.page_hub import page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

CONFIG = """
import page_spawners
c.JupyterHub.spawner_class = page_spawners.StubSpawner
c.StubSpawner.options_form = "<input name='size'>"
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with page_hub(config=CONFIG) as running:
        running.add_user("ann")
        yield running


def test_options_are_that_spawner_s_business(hub: Hub) -> None:
    model = hub.start_server("ann", options={"anything": [1]})
    assert model["user_options"] == {"anything": [1]}
    hub.stop_server("ann")


def test_its_form_is_shown_and_sent(hub: Hub) -> None:
    client = hub.login("bob")
    page = client.get("hub/spawn")
    assert "<input name='size'>" in page.text
    path = "hub/spawn?_xsrf=" + client.cookies["_xsrf"]
    answer = client.post(path, data={"size": "big"}, follow_redirects=False)
    assert answer.status_code == 302
    model = hub.server("bob")
    assert model is not None
    assert model["user_options"] == {"size": ["big"]}


def test_there_is_no_catalog(hub: Hub) -> None:
    answer = hub.api("GET", "anywhere/users/ann/catalog")
    assert answer.status_code == 404
    assert "another spawner" in answer.json()["message"]
