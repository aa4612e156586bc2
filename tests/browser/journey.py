"""What the journeys in the browser share: a hub of ``anywhere up``, its menu, and JupyterLab."""

from __future__ import annotations

import os
import pwd
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import expect
from tests.hub.harness import Hub, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Error, Page
    from tests.browser.conftest import BrowserPage

# A real JupyterLab on a busy machine with two cores.
PATIENCE: Final = 90_000
ARTIFACTS: Final = Path(__file__).parents[2] / "artifacts" / "screenshots"
SUBMIT: Final = "#spawn_form button[type=submit]"
HERE: Final = {"kind": "process", "title": "This machine"}
SITE: Final[dict[str, Any]] = {
    "users": {"groups": {"large": ["lea"]}},
    "targets": {
        "here": HERE,
        "gone": {**HERE, "title": "A broken place", "spawner": {"cmd": ["/opt/no/such/command"]}},
    },
    "profiles": {
        "python": {
            "title": "Python",
            "description": "JupyterLab with the usual scientific packages.",
            "targets": ["here"],
            "options": {
                "memory": {
                    "type": "memory",
                    "title": "Memory",
                    "help": "How much the server and its kernels may use together.",
                    "default": "1G",
                    "min": "512M",
                    "max": "4G",
                    "sets": {"mem_limit": "{value}"},
                },
                "cores": {
                    "type": "choice",
                    "title": "Processor cores",
                    "choices": {
                        "one": {"title": "One", "description": "For notebooks and texts."},
                        "two": {
                            "title": "Two",
                            "description": "For what computes in parallel.",
                            "sets": {"cpu_limit": 2},
                        },
                    },
                },
            },
        },
        "course": {
            "title": "Course: statistics",
            "description": "The exercises of this term, with the data sets.",
            "targets": ["here"],
            "options": {
                "week": {"type": "integer", "title": "Week", "default": 1, "min": 1, "max": 14}
            },
        },
        "large": {
            "title": "Large models",
            "description": "Sixteen gigabytes of memory; for those who asked for it.",
            "targets": ["here"],
            "access": {"groups": ["large"]},
        },
        "broken": {
            "title": "Broken",
            "description": "Its command does not exist.",
            "targets": ["gone"],
        },
    },
}


@dataclass
class Journey:
    """A hub that was started for the first time.

    Attributes:
        hub: The hub.
        users: The users' password, as it was printed.
        admins: The admins' password.
    """

    hub: Hub
    users: str
    admins: str

    @property
    def url(self) -> str:
        """The hub's URL, with a slash at its end."""
        return self.hub.url

    def login(self, view: BrowserPage, name: str, *, admin: bool = False) -> Page:
        """Log in through the page; returns the page, which shows home."""
        view.page.set_default_timeout(PATIENCE)
        view.login(self.url, name, self.admins if admin else self.users)
        return view.page


@contextmanager
def first_start(
    site: dict[str, Any] | None = None, arguments: Sequence[str] = (), *, config: str = ""
) -> Iterator[Journey]:
    """Run ``anywhere up`` on a new state folder, and read what it prints.

    Args:
        site: The content of ``anywhere.yaml``, beside the hub's address.
        arguments: More arguments for ``anywhere up``.
        config: Text of the hub's own ``jupyterhub_config.py``.
    """
    hub = Hub(site=site, arguments=arguments, config=config)
    home = hub.folder / "home"
    home.mkdir()
    # Where the tests run as an ordinary user, servers would write into that user's home.
    hub.environment["HOME"] = str(home)
    try:
        hub.start()
        users, admins = re.findall(r"for (?:users|admins): +(\S+)", hub.output())
        yield Journey(hub, users, admins)
    finally:
        hub.close()


def keep(view: BrowserPage, name: str) -> None:
    """Keep a picture of the page among the artefacts, or where ``ANYWHERE_SCREENSHOTS`` says."""
    folder = Path(os.environ.get("ANYWHERE_SCREENSHOTS") or ARTIFACTS)
    folder.mkdir(parents=True, exist_ok=True)
    view.page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


def only_name() -> str:
    """A name that may log in at a hub with nothing declared."""
    return "ann" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def scripts_are_ready(page: Page) -> None:
    """Wait until the buttons of the hub's page do something.

    Playwright's own `wait_for_function` looks again by `eval`, which the policy forbids.
    """
    wait_for(
        lambda: page.evaluate("window._jupyterhub_page_loaded === true"),
        what="the page's scripts",
    )


def hub_errors(page: Page) -> list[str]:
    """Errors that the hub's own pages raise from now on; what JupyterLab raises is not ours."""
    found: list[str] = []

    def note(error: Error) -> None:
        if "/hub/" in page.url:
            found.append(f"{page.url}: {error}")

    page.on("pageerror", note)
    return found


# --- JupyterLab ----------------------------------------------------------------------------------


def wait_for_lab(page: Page, path: str) -> None:
    """Wait until JupyterLab of a server is there.

    Args:
        page: The page that leads to it.
        path: The server's path, as ``/user/ann/``.
    """
    page.wait_for_url(f"**{path}**", timeout=PATIENCE)
    page.wait_for_selector("#jp-main-dock-panel", timeout=PATIENCE)


def new_notebook(page: Page) -> None:
    """Make a notebook from the launcher, and wait for its kernel."""
    page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=PATIENCE)
    kernel_is_idle(page)


def kernel_is_idle(page: Page) -> None:
    """Wait until the kernel of the notebook in front has nothing to do."""
    status = page.locator("#jp-bottom-panel, #jp-main-statusbar").get_by_text("| Idle")
    expect(status).to_be_visible(timeout=PATIENCE)


def run_cell(page: Page, code: str, output: str) -> None:
    """Type code into the last cell of the notebook in front, run it, and wait for its output."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    number = cells.count() - 1
    cells.nth(number).locator(".cm-content").click()
    page.keyboard.type(code)
    page.keyboard.press("Shift+Enter")
    shown = cells.nth(number).locator(".jp-OutputArea-output")
    expect(shown).to_have_text(output, timeout=PATIENCE)
    # The next cell is there only a moment later.
    expect(cells).to_have_count(number + 2, timeout=PATIENCE)


def save(page: Page) -> str:
    """Save the new notebook in front, wait until the server has its output; returns its name.

    It keeps its name: where JupyterLab lists the folder in the moment of a renaming, it says that
    there is no such folder.
    """
    file = "Untitled.ipynb"
    page.keyboard.press("Control+s")
    page.locator(".jp-Dialog").wait_for()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    contents = page.url.partition("/lab")[0] + f"/api/contents/{file}"

    def saved() -> bool:
        answer = page.request.get(contents)
        cells = answer.json()["content"]["cells"] if answer.ok else []
        return any(cell.get("outputs") for cell in cells)

    wait_for(saved, what=f"the saved {file}")
    return file


def refuse_news(page: Page) -> None:
    """Answer JupyterLab's question at its first start, which covers a corner of the page."""
    page.get_by_role("button", name="No", exact=True).click(timeout=PATIENCE)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
