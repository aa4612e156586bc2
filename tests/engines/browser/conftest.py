"""A browser beside the engines."""

from __future__ import annotations

from tests.browser.conftest import browser_page, chromium

__all__ = ["browser_page", "chromium"]
