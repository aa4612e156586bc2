"""Pages in a real Chromium, which report what the browser complained about."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import ConsoleMessage

# Milliseconds; a machine that is slow or busy is not wrong.
PATIENCE: Final = 60_000
expect.set_options(timeout=PATIENCE)
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final = (1280, 900)
NARROW: Final = (400, 800)
_LISTEN: Final = """
window.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


@dataclass
class BrowserPage:
    """One page in a browser context of its own, with cookies of its own.

    Attributes:
        page: Playwright's page.
        violations: What the Content-Security-Policy blocked so far.
        errors: Errors in the console and uncaught exceptions so far, violations included.
    """

    page: Page
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Begin to listen."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        # The browser logs each answer 4xx as an error of the console; tests look at answers.
        if message.text.startswith("Failed to load resource"):
            return
        self.errors.append(message.text)
        if "Content Security Policy" in message.text or message.text.startswith("CSP:"):
            self.violations.append(message.text)

    def login(self, url: str, name: str, password: str = "any") -> None:
        """Log in through the hub's page, and wait for what comes after it.

        Args:
            url: The hub's URL, with a slash at its end.
            name: The user's name.
            password: The password that the hub's login wants.
        """
        self.page.goto(f"{url}hub/login?next={urlsplit(url).path}hub/home")
        self.page.fill("#username_input", name)
        self.page.fill("#password_input", password)
        self.page.click("#login_submit")
        self.page.wait_for_url("**/hub/home")

    def screenshot(self, name: str) -> None:
        """Keep a picture, where ``ANYWHERE_SCREENSHOTS`` names a folder for them."""
        folder = os.environ.get("ANYWHERE_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


class MakePage(Protocol):
    """Makes pages; the fixture `browser_page`."""

    def __call__(
        self,
        *,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        **options: Any,
    ) -> BrowserPage:
        """Open an empty page.

        Args:
            size: Width and height of the window in pixels.
            scheme: The colours that the visitor prefers.
            javascript: Whether scripts run.
            options: More arguments for Playwright's ``new_context``.
        """


@contextmanager
def launched() -> Iterator[Browser]:
    """The system's Chromium, headless; until its end an event loop is in this thread."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing. Cure: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    with launched() as browser:
        yield browser


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[MakePage]:
    """Make pages, each in a context of its own; all of them are closed with the test."""
    contexts: list[BrowserContext] = []

    def make(
        *,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        **options: Any,
    ) -> BrowserPage:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=javascript,
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.add_init_script(_LISTEN)
        page = BrowserPage(context.new_page())
        page.watch()
        return page

    yield make
    for context in contexts:
        context.close()
