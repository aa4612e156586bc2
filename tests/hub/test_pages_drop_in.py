"""A hub that names the spawner class and no more: menu and validation work there too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import Hub
from tests.hub.page_hub import SITE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = """
c.JupyterHub.spawner_class = "anywhere"
c.AnywhereSpawner.config_file = {file!r}
c.StubSpawner.home_dir_template = {folder!r} + "/home-{{username}}"
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1] / "src"), str(here)])
    hub = Hub(mode="plain", site=SITE, environment={"PYTHONPATH": paths})
    try:
        hub.write_config(CONFIG.format(file=str(hub.file), folder=str(hub.folder)))
        yield hub.start()
    finally:
        hub.close()


def test_choices_by_api_are_validated(hub: Hub) -> None:
    hub.add_user("ann")
    answer = hub.api("POST", "users/ann/server", json={"user_options": {"profile": "nothing"}})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["profile"]
    assert hub.start_server("ann", options={"profile": "python"})["ready"]


def test_the_menu_is_shown_and_tells_what_is_wrong(hub: Hub) -> None:
    client = hub.login("bob")
    page = client.get("hub/spawn?opt-profile=python")
    assert 'value="python"' in page.text
    assert "/hub/anywhere-static/anywhere-menu.js" in page.text
    form = {"menu:profile": "python", "opt:python:memory": "9G", "_xsrf": client.cookies["_xsrf"]}
    refused = client.post("hub/spawn", data=form)
    assert refused.status_code == 422
    assert 'id="opt:python:memory-error"' in refused.text


def test_a_broken_file_is_told_without_its_content(hub: Hub) -> None:
    hub.file.write_text("targets: {here: {kind: hunter2}}\n", "utf-8")
    with_none = Hub(mode="plain", site=SITE, environment=hub.environment)
    try:
        config = CONFIG.format(file=str(hub.file), folder=str(with_none.folder))
        with_none.write_config(config)
        with_none.start()
        with_none.add_user("ann")
        answers = [
            with_none.api("POST", "users/ann/server", json={"user_options": {"profile": "x"}}),
            with_none.api("GET", "anywhere/users/ann/catalog"),
            with_none.login("ann").get("hub/spawn"),
        ]
        for answer in answers:
            assert answer.status_code == 503
            assert "configuration cannot be used" in answer.text
            assert "hunter2" not in answer.text
        assert "hunter2" in with_none.logs(200)
    finally:
        with_none.close()
