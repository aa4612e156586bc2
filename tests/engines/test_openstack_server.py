"""One user's server on one machine of a real cloud, from the click until nothing is left.

The click is a real one, and so is the page in front of the person who waits: one machine of an
emulated processor takes minutes to serve JupyterLab, so one test looks at all that it can show.
"""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from playwright.sync_api import expect
from tests.browser import journey
from tests.browser.journey import SUBMIT, Journey, cell_output, hub_errors, keep
from tests.engines.openstack_hub import PATIENCE, OpenStackHub, openstack_hub, ports_of, progress
from tests.hub.harness import wait_for

from jupyterhub_anywhere.targets.machines.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page
    from tests.browser.conftest import BrowserPage, MakePage

    from engines.openstack.cloud import OpenStack

pytestmark = [pytest.mark.root, pytest.mark.browser]

_HAS_TO_COME = [Step.ASKED, Step.BUILT, Step.REDEEMED, Step.STARTING, Step.LISTENING]
# Short, for an emulated processor counts the letters of a cell, too. The last word is what
# everybody on the machine can read of everybody's processes.
_LOOK: Final = (
    "import os; print(os.environ['JUPYTERHUB_API_TOKEN'], os.getuid(), os.path.expanduser('~'),"
    " os.uname().nodename, os.popen('ps -eo args').read())"
)


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


@pytest.fixture(scope="module")
def begun(openstack: OpenStack) -> Iterator[Journey]:
    # What the target itself says is of no use: only what is chosen starts.
    with openstack_hub(openstack, profiles=PROFILES, image="none", size="none") as hub:
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


def places(hub: OpenStackHub, machine: dict[str, Any]) -> dict[str, str]:
    """What others can read of a start: everything by its name."""
    given = base64.b64decode(machine.get("OS-EXT-SRV-ATTR:user_data") or "")
    found = {
        "user-data": given.decode(),
        "the cloud's word": json.dumps(machine),
        "the console": hub.cloud.console_log(machine["id"]),
    }
    for path in [*hub.state.hub.rglob("*"), hub.folder / "output.log"]:
        if path.is_file():
            found[path.name] = path.read_bytes().decode("latin-1")
    return found


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
    steps = {each["machine"]: at for at, each in told if "machine" in each}
    assert [each for each in steps if each in _HAS_TO_COME] == _HAS_TO_COME, told
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


@pytest.mark.timeout(1500)
def test_from_the_click_until_nothing_is_left(
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
    journey.run_cell(page, "6 * 7", "42")
    keep(view, "journey-openstack-lab")

    machine = hub.machine()
    assert ports_of(openstack, [machine["id"]])
    [lease] = hub.leases()
    assert lease["state"] == "running"
    assert lease["name"] == machine["name"]
    token, uid, home, where, commands = cell_output(page, _LOOK).split(maxsplit=4)
    assert int(uid) > 0
    assert home == "/home/ann"
    assert where.partition(".")[0] == machine["name"]
    assert "jupyterhub-singleuser" in commands
    read = {**places(hub, machine), "the process list": commands}
    assert {"jupyterhub.sqlite", "ledger.sqlite", "hub.log"} <= set(read)
    assert "awt1." in read["user-data"]
    assert [name for name, text in read.items() if token in text] == []

    page.goto(f"{begun.url}hub/home")
    keep(view, "journey-openstack-home")
    page.get_by_role("button", name="Stop My Server").click()
    server = page.locator("section")
    expect(server).not_to_contain_text("Running", timeout=PATIENCE * 1000)
    keep(view, "journey-openstack-stopping")
    wait_for(lambda: hub.machines() == [], seconds=PATIENCE, what="the end of the machine")
    assert ports_of(openstack, [machine["id"]]) == []
    wait_for(lambda: hub.leases() == [], what="an empty ledger")
    headers = {"Authorization": f"token {token}"}
    assert httpx.get(f"{hub.url}hub/api/user", headers=headers).status_code == 403
    page.reload()
    expect(page.get_by_role("button", name="Start My Server")).to_be_visible()
    expect(server).to_contain_text("Last time: A virtual machine")
    keep(view, "journey-openstack-stopped")
    assert view.violations == []
    assert errors == []
