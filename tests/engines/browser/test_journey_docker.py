"""People, their browser, and one menu of a process target and two Docker engines."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from tests.browser.journey import (
    PATIENCE,
    SUBMIT,
    Journey,
    first_start,
    hub_errors,
    keep,
    kernel_is_idle,
    new_notebook,
    refuse_news,
    run_cell,
    save,
    scripts_are_ready,
    wait_for_lab,
)
from tests.engines.registry import Registry
from tests.hub.harness import wait_for

from engines.docker import images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page
    from tests.browser.conftest import MakePage

    from engines.docker.engine import DockerEngine

# Milliseconds within which somebody is told why a server does not start: long before the deadline
# of its start is over.
SOON = 30_000
CONFIG = """
c.DockerSpawner.prefix = "journey"
c.DockerSpawner.remove = True
c.DockerSpawner.volumes = {"journey-{username}-{servername}": "/home/jovyan"}
c.Spawner.http_timeout = 120
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


def profile(title: str, target: str, description: str = "", **sets: Any) -> dict[str, Any]:
    return {"title": title, "targets": [target], "description": description, "sets": sets}


def site(
    engine: DockerEngine, second: DockerEngine, image: str, stub: str, registry: Registry
) -> dict[str, Any]:
    """Two engines and this machine behind one menu; the odd profiles come last."""
    slow = registry.add_saved("lab/small", images.tar_of(images.STUB_IMAGE), padding=20_000_000)
    return {
        "targets": {
            "here": {"kind": "process", "title": "This machine"},
            "lab": {
                "kind": "docker",
                "url": engine.url,
                "title": "Docker, large",
                "description": "Containers on the new machine.",
                "spawner": {"image": image},
            },
            "old": {
                "kind": "docker",
                "url": second.url,
                "title": "Docker, small",
                "spawner": {"image": stub},
            },
        },
        "profiles": {
            "jupyterlab": {
                "title": "JupyterLab",
                "description": "The usual packages, where you like.",
                "targets": ["here", "lab"],
                "options": {
                    "memory": {
                        "type": "memory",
                        "title": "Memory",
                        "default": "1G",
                        "max": "4G",
                        "sets": {"mem_limit": "{value}"},
                    }
                },
            },
            "small": profile("Small", "old", "A small server on the old machine."),
            "missing": profile(
                "Missing", "lab", "Its image does not exist.", image=f"{registry.address}/none:1"
            ),
            "exits": profile(
                "Exits", "lab", "Its container ends.", image=stub, environment={"STUB": "fail"}
            ),
            "slow": profile("Far away", "lab", "Its image is pulled first.", image=slow),
            "aged": profile(
                "Aged",
                "lab",
                "Its image has an older JupyterHub.",
                image=stub,
                environment={"STUB_HUB_VERSION": "4.1.6"},
            ),
        },
    }


@pytest.fixture(scope="module")
def journey(  # noqa: PLR0917 - what a whole installation consists of
    engine: DockerEngine,
    second_engine: DockerEngine,
    image: str,
    stub_image: str,
    second_stub_image: str,
    registry: Registry,
) -> Iterator[Journey]:
    assert stub_image == second_stub_image
    whole = site(engine, second_engine, image, stub_image, registry)
    with first_start(whole, config=CONFIG) as begun:
        yield begun
    for each in (engine, second_engine):
        with contextlib.closing(each.client()) as client:
            for container in client.containers.list(all=True, filters={"name": "journey-"}):
                container.remove(force=True, v=True)
            for volume in client.volumes.list(filters={"name": "journey-"}):
                volume.remove(force=True)


def containers(engine: DockerEngine) -> list[str]:
    with contextlib.closing(engine.client()) as client:
        return sorted(str(each.name) for each in client.containers.list())


def choose(page: Page, journey: Journey, profile: str, target: str = "") -> None:
    """Go to the menu, choose, and start."""
    page.goto(f"{journey.url}hub/spawn")
    page.locator(f"input[value='{profile}']").check()
    if target:
        field = page.locator(f"[name='target:{profile}']")
        if field.first.evaluate("field => field.tagName") == "SELECT":
            field.select_option(target)
        else:
            page.locator(f"[name='target:{profile}'][value='{target}']").check()
    page.click(SUBMIT)


def refused(page: Page, journey: Journey, profile: str) -> str:
    """Start a profile that fails, and return what the page says within seconds."""
    choose(page, journey, profile)
    told = page.locator(".alert-danger:visible")
    expect(told).to_be_visible(timeout=SOON)
    return told.inner_text()


@pytest.mark.timeout(600)
def test_a_notebook_in_a_process_and_one_in_a_container(
    journey: Journey, engine: DockerEngine, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "ann")
    errors = hub_errors(page)
    page.goto(f"{journey.url}hub/spawn")
    keep(view, "journey-docker-menu")
    choose(page, journey, "jupyterlab", "here")
    wait_for_lab(page, "/user/ann/")
    refuse_news(page)
    new_notebook(page)
    run_cell(page, "6 * 7", "42")
    assert containers(engine) == []
    journey.hub.stop_server("ann")

    choose(page, journey, "jupyterlab", "lab")
    wait_for_lab(page, "/user/ann/")
    assert containers(engine) == ["journey-ann"]
    refuse_news(page)
    new_notebook(page)
    run_cell(page, "import os; os.getcwd()", "'/home/jovyan'")
    file = save(page)
    keep(view, "journey-docker-lab")
    journey.hub.stop_server("ann")
    assert containers(engine) == []

    # Another container, the same files.
    choose(page, journey, "jupyterlab", "lab")
    wait_for_lab(page, "/user/ann/")
    page.goto(f"{journey.url}user/ann/lab/tree/{file}")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text(
        "'/home/jovyan'", timeout=PATIENCE
    )
    kernel_is_idle(page)

    # A named server beside it, in a container of its own.
    page.goto(f"{journey.url}hub/home")
    scripts_are_ready(page)
    page.fill(".new-server-name", "second")
    page.click(".new-server-btn")
    row = page.locator("tr[data-server-name=second]")
    row.get_by_role("button", name="Start").click()
    page.locator("input[value='jupyterlab']").check()
    page.locator("[name='target:jupyterlab'][value='lab']").check()
    page.click(SUBMIT)
    wait_for_lab(page, "/user/ann/second/")
    assert containers(engine) == ["journey-ann", "journey-ann--second"]
    page.goto(f"{journey.url}hub/home")
    keep(view, "journey-docker-home")
    for server in ("", "second"):
        journey.hub.stop_server("ann", server)
    assert view.violations == []
    assert errors == []


@pytest.mark.timeout(300)
def test_two_engines_side_by_side(
    journey: Journey, engine: DockerEngine, second_engine: DockerEngine, browser_page: MakePage
) -> None:
    page = journey.login(browser_page(), "ben")
    choose(page, journey, "small")
    page.wait_for_url("**/user/ben/**", timeout=PATIENCE)
    assert containers(second_engine) == ["journey-ben"]
    assert containers(engine) == []
    journey.hub.stop_server("ben")


def test_an_image_that_does_not_exist(journey: Journey, browser_page: MakePage) -> None:
    view = browser_page()
    page = journey.login(view, "cleo")
    told = refused(page, journey, "missing")
    keep(view, "journey-docker-missing")
    assert "none:1" in told
    assert "administrator" in told
    assert "Traceback" not in page.content()
    assert view.errors == []


def test_a_container_that_ends_at_once(journey: Journey, browser_page: MakePage) -> None:
    view = browser_page()
    page = journey.login(view, "dora")
    told = refused(page, journey, "exits")
    keep(view, "journey-docker-exits")
    assert "exit status 7" in told
    assert "RuntimeError: the end" in told
    assert "<b>bad luck</b>" in told, "what a container says is text"
    assert view.errors == []


@pytest.mark.timeout(300)
def test_a_pull_is_shown_while_it_lasts(
    journey: Journey, registry: Registry, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "emil")
    registry.hold()
    try:
        choose(page, journey, "slow")
        expect(page.get_by_text("Pulling").first).to_be_visible(timeout=PATIENCE)
        keep(view, "journey-docker-pull")
    finally:
        registry.release()
    page.wait_for_url("**/user/emil/**", timeout=PATIENCE)
    journey.hub.stop_server("emil")


@pytest.mark.timeout(300)
def test_an_image_with_an_older_jupyterhub_is_told(
    journey: Journey, browser_page: MakePage
) -> None:
    view = browser_page()
    page = journey.login(view, "fay")
    choose(page, journey, "aged")
    page.wait_for_url("**/user/fay/**", timeout=PATIENCE)
    page.goto(f"{journey.url}hub/home")
    expect(page.get_by_text("4.1.6").first).to_be_visible()
    keep(view, "journey-docker-aged")
    assert "4.1.6" in journey.hub.run("status").stdout
    assert "4.1.6" in journey.hub.run("doctor", "-f", str(journey.hub.file)).stdout
    journey.hub.stop_server("fay")


@pytest.mark.timeout(300)
def test_an_admin_starts_a_container_for_a_user(
    journey: Journey, second_engine: DockerEngine, browser_page: MakePage
) -> None:
    journey.hub.add_user("gil")
    page = journey.login(browser_page(), "boss", admin=True)
    page.goto(f"{journey.url}hub/spawn/gil")
    page.locator("input[value='small']").check()
    page.click(SUBMIT)

    def runs() -> bool:
        return bool((journey.hub.server("gil") or {}).get("ready"))

    wait_for(runs, seconds=90, what="gil's server")
    assert containers(second_engine) == ["journey-gil"]
    journey.hub.stop_server("gil")
