"""A person, a browser, and a virtual machine of a real cloud: chosen, watched, used, stopped.

What others can read of a start, and what becomes of its token, is looked at where no browser is
(`test_openstack_server.py`): an emulated processor serves JupyterLab's pages for minutes.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect
from tests.browser import journey
from tests.browser.journey import SUBMIT, Journey, hub_errors, keep
from tests.engines.openstack_hub import (
    HAVE_TO_COME,
    PATIENCE,
    OpenStackHub,
    openstack_hub,
    ports_of,
    progress,
    steps_of,
)
from tests.hub.harness import wait_for

from jupyterhub_anywhere.targets.machines.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page
    from tests.browser.conftest import BrowserPage, MakePage

    from engines.openstack.cloud import OpenStack

pytestmark = [pytest.mark.root, pytest.mark.browser]


def choices(trait: str, **named: tuple[str, str, str]) -> dict[str, Any]:
    """An option of a menu: names to title, description, and value of a trait."""
    return {
        "type": "choice",
        "title": trait.capitalize(),
        "choices": {
            name: {"title": title, "description": about, "sets": {trait: value}}
            for name, (title, about, value) in named.items()
        },
    }


PROFILES: Final = {
    "vm": {
        "title": "A virtual machine",
        "description": "JupyterLab on a machine of your own.",
        "targets": ["vms"],
        "options": {
            "size": choices(
                "size",
                small=("Small", "1 processor, 512 MiB.", "m1.tiny"),
                medium=("Medium", "2 processors, 1 GiB.", "m1.small"),
                huge=("Huge", "More than any host has.", "m1.impossible"),
            ),
            "image": choices(
                "image",
                standard=("Standard", "Debian with systemd.", "debian-12"),
                quick=("Quick", "Debian that boots in seconds.", "debian-fast"),
            ),
        },
    }
}


# Jupyter gives kernels a minute; those of an emulated processor may need more.
_KERNELS: Final = f"--MappingKernelManager.kernel_info_timeout={PATIENCE:g}"


@pytest.fixture(scope="module")
def begun(openstack: OpenStack) -> Iterator[Journey]:
    # What the target itself says is of no use: only what is chosen starts.
    of_target = {"image": "none", "size": "none", "args": [_KERNELS]}
    with openstack_hub(openstack, profiles=PROFILES, **of_target) as hub:
        users, admins = re.findall(r"for (?:users|admins): +(\S+)", hub.output())
        yield Journey(hub, users, admins)


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages take their time, which an emulated processor serves."""
    monkeypatch.setattr(journey, "PATIENCE", PATIENCE * 1000)


def hub_of(begun: Journey) -> OpenStackHub:
    assert isinstance(begun.hub, OpenStackHub)
    return begun.hub


def choose(page: Page, begun: Journey, size: str) -> None:
    """Go to the menu, pick a size and the image that boots quickly, and start."""
    page.goto(f"{begun.url}hub/spawn")
    page.get_by_label(size).check()
    page.get_by_label("Quick").check()
    page.click(SUBMIT)


def watch(view: BrowserPage, hub: OpenStackHub, user: str) -> dict[str, float]:
    """See a start through, on the page and beside it; when each step came, in seconds.

    Raises:
        AssertionError: It fails; steps are missing, or not in order; the page does not tell them.
    """
    told = []
    for event in progress(hub, user, time.monotonic()):
        told.append(event)
        if event[1].get("machine") == Step.STARTING:
            # This one lasts: nobody knows for how long the others are there.
            expect(view.page.locator("#progress-message")).to_have_text(event[1]["message"])
            keep(view, "journey-openstack-stages")
            log = view.page.locator("#progress-log").text_content() or ""
            past = [each["message"] for _, each in told if "machine" in each]
            assert [each for each in past if each not in log] == []
    assert told[-1][1].get("ready"), (told[-3:], hub.logs(200))
    steps = steps_of(told)
    assert [each for each in steps if each in HAVE_TO_COME] == HAVE_TO_COME, told
    shares = [each["progress"] for _, each in told if "progress" in each]
    assert shares == sorted(shares), told
    return steps


def test_what_no_host_has_is_told_at_once(begun: Journey, browser_page: MakePage) -> None:
    """The user reads Nova's own word, and nothing is left."""
    view = browser_page()
    page = begun.login(view, "bob")
    page.goto(f"{begun.url}hub/spawn")
    keep(view, "journey-openstack-menu")
    choose(page, begun, "Huge")
    told = page.locator(".alert-danger:visible")
    expect(told).to_contain_text("No valid host", timeout=PATIENCE * 1000)
    keep(view, "journey-openstack-no-host")
    hub = hub_of(begun)
    assert hub.machines() == []
    wait_for(lambda: hub.leases() == [], what="an empty ledger")


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_notebook_on_a_virtual_machine(
    begun: Journey,
    openstack: OpenStack,
    browser_page: MakePage,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub = hub_of(begun)
    view = browser_page()
    page = begun.login(view, "ann")
    errors = hub_errors(page)
    choose(page, begun, "Medium")
    page.wait_for_url("**/hub/spawn-pending/ann**")
    steps = watch(view, hub, "ann")
    with capsys.disabled():
        print("\nseconds after the click:", {each: round(at, 1) for each, at in steps.items()})
    journey.wait_for_lab(page, "/user/ann/")
    journey.refuse_news(page)
    journey.new_notebook(page)
    machine = hub.machine()
    assert ports_of(openstack, [machine["id"]])
    name = "import os; os.uname().nodename.split('.')[0]"
    journey.run_cell(page, name, repr(machine["name"]))
    keep(view, "journey-openstack-lab")

    page.goto(f"{begun.url}hub/home")
    keep(view, "journey-openstack-home")
    page.get_by_role("button", name="Stop My Server").click()
    server = page.locator("section")
    expect(server).not_to_contain_text("Running", timeout=PATIENCE * 1000)
    keep(view, "journey-openstack-stopping")
    wait_for(lambda: hub.machines() == [], seconds=PATIENCE, what="the end of the machine")
    assert ports_of(openstack, [machine["id"]]) == []
    wait_for(lambda: hub.leases() == [], what="an empty ledger")
    page.reload()
    expect(page.get_by_role("button", name="Start My Server")).to_be_visible()
    expect(server).to_contain_text("Last time: A virtual machine")
    keep(view, "journey-openstack-stopped")
    assert view.violations == []
    assert errors == []
