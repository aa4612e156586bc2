"""The menu's script and style in a real Chromium, on a page that holds nothing else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from axe_core_python.sync_playwright import Axe
from jupyterhub._data import DATA_FILES_PATH
from tests.browser.conftest import NARROW, WIDE
from tests.unit.catalog.sample_catalog import ANN, GUS, catalog

from jupyterhub_anywhere.catalog.form import form_errors, parse_form, render_menu

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.browser.conftest import BrowserPage, MakePage

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.catalog.profiles import Catalog

STATIC: Final = Path(str(files("jupyterhub_anywhere.web") / "static"))
CATALOG: Final = catalog()
MANY: Final = catalog(
    profiles={
        f"p{number}": {
            "title": f"Environment {number}",
            "targets": ["here"],
            "options": {"x": {"type": "boolean"}},
        }
        for number in range(30)
    }
)
PAGE: Final = """<!doctype html>
<html lang="en" data-bs-theme="{theme}"><head><meta charset="utf-8"><title>Menu</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="file://{hub}/css/style.min.css">
<link rel="stylesheet" href="file://{ours}/anywhere.css">
<script src="file://{ours}/anywhere-menu.js" defer></script></head>
<body><main class="container"><h1>Server Options</h1>
<form method="get" action="about:blank">{menu}<button class="btn btn-dark">Start</button></form>
</main></body></html>"""
FIELDS: Final = """() => {
  const sent = {};
  for (const [name, value] of new FormData(document.forms[0])) (sent[name] ??= []).push(value);
  return sent;
}"""


def show(opened: BrowserPage, folder: Path, menu: str, theme: str = "light") -> Page:
    path = folder / "menu.html"
    hub = Path(DATA_FILES_PATH) / "static"
    path.write_text(PAGE.format(theme=theme, hub=hub, ours=STATIC, menu=menu), encoding="utf-8")
    opened.page.goto(path.as_uri())
    return opened.page


def visible_settings(page: Page) -> list[str | None]:
    found = page.locator("[data-anywhere-profile]:visible").all()
    return [each.get_attribute("data-anywhere-profile") for each in found]


def sent(page: Page) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = page.evaluate(FIELDS)
    return fields


def test_only_the_chosen_profile_is_shown_and_sent(browser_page: MakePage, tmp_path: Path) -> None:
    opened = browser_page()
    page = show(opened, tmp_path, render_menu(CATALOG, GUS))
    assert visible_settings(page) == ["python"]
    page.get_by_label("secret").check()
    assert visible_settings(page) == ["secret"]
    assert sent(page) == {"menu:profile": ["secret"]}
    assert opened.errors == []


def test_only_what_the_target_takes_is_shown_and_sent(
    browser_page: MakePage, tmp_path: Path
) -> None:
    page = show(browser_page(), tmp_path, render_menu(CATALOG, ANN))
    image = page.get_by_role("radiogroup", name="image")
    assert not image.is_visible()
    assert "opt:python:image" not in sent(page)
    page.get_by_label("lab").check()
    assert image.is_visible()
    page.get_by_label("Full").check()
    choice = CATALOG.resolve(parse_form(CATALOG, ANN, sent(page)), ANN)
    assert (choice.target, choice.options["image"]) == ("lab", "full")
    assert not page.get_by_text("only at lab").is_visible()


@pytest.mark.parametrize("described", [True, False], ids=["radios", "select"])
def test_a_value_that_the_target_has_not_gives_way(
    browser_page: MakePage,
    tmp_path: Path,
    described: bool,  # noqa: FBT001
) -> None:
    text = {"description": "More." if described else ""}
    choices: dict[str, Any] = {
        "a": {"targets": ["here"], **text},
        "b": text,
        "c": text,
        "d": {"targets": ["lab"], **text},
    }
    option = {"type": "choice", "choices": choices, "default": "c"}
    within = catalog(profiles={"p": {"targets": ["here", "lab"], "options": {"x": option}}})
    selected = within.resolve({"profile": "p", "options": {"x": "a"}}, ANN)
    page = show(browser_page(), tmp_path, render_menu(within, ANN, selected=selected))
    assert sent(page)["opt:p:x"] == ["a"]
    page.get_by_label("lab").check()
    assert sent(page)["opt:p:x"] == ["c"]


def test_a_hidden_wrong_field_does_not_hold_the_form(
    browser_page: MakePage, tmp_path: Path
) -> None:
    page = show(browser_page(), tmp_path, render_menu(CATALOG, ANN))
    valid = "() => document.forms[0].checkValidity()"
    page.get_by_label("Memory").fill("plenty")
    assert page.evaluate(valid) is False
    page.get_by_label("plain").check()
    assert page.evaluate(valid) is True


def test_the_keyboard_is_enough(browser_page: MakePage, tmp_path: Path) -> None:
    page = show(browser_page(), tmp_path, render_menu(CATALOG, ANN))
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("plain").is_checked()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("lab").is_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("2G")
    assert page.get_by_label("Memory").input_value() == "2G"


def test_the_first_wrong_field_has_the_focus(browser_page: MakePage, tmp_path: Path) -> None:
    form = {"menu:profile": ["python"], "opt:python:workers": ["99"], "opt:python:note": ["A"]}
    menu = render_menu(CATALOG, ANN, submitted=form, errors=form_errors(CATALOG, ANN, form))
    for javascript in (True, False):
        opened = browser_page(javascript=javascript)
        page = show(opened, tmp_path, menu)
        page.locator("#opt\\:python\\:workers:focus").wait_for()
        assert opened.errors == []


def test_an_error_without_a_field_has_the_focus_itself(
    browser_page: MakePage, tmp_path: Path
) -> None:
    page = show(browser_page(), tmp_path, render_menu(CATALOG, ANN, errors={"": "No more room."}))
    page.locator("[role=alert]:focus").wait_for()


def test_a_long_list_can_be_filtered(browser_page: MakePage, tmp_path: Path) -> None:
    page = show(browser_page(), tmp_path, render_menu(MANY, ANN))
    cards = page.locator(".anywhere-profiles [data-anywhere-card]:visible")
    assert cards.count() == 30
    page.get_by_label("Filter the list").fill("environment 2")
    page.get_by_text("12 of 30 match").wait_for()
    assert cards.count() == 13, "twelve, and the chosen one"
    page.keyboard.press("Enter")
    assert page.url.endswith("menu.html"), "nothing was sent"
    page.get_by_label("Environment 25").check()
    assert cards.count() == 12
    assert visible_settings(page) == ["p25"]
    assert sent(page)["menu:profile"] == ["p25"]


def test_without_the_script_all_is_there(browser_page: MakePage, tmp_path: Path) -> None:
    opened = browser_page(javascript=False)
    page = show(opened, tmp_path, render_menu(CATALOG, GUS))
    opened.screenshot("menu-without-javascript")
    assert visible_settings(page) == ["python", "secret", "plain"]
    assert page.get_by_text("only at lab").first.is_visible()
    page.get_by_label("plain").check()
    page.get_by_role("button", name="Start").click()


def test_going_back_shows_what_was_chosen(browser_page: MakePage, tmp_path: Path) -> None:
    page = show(browser_page(), tmp_path, render_menu(CATALOG, GUS))
    page.get_by_label("plain").check()
    page.goto("about:blank")
    page.go_back()
    page.get_by_label("plain").wait_for()
    shown = page.locator('[name="menu:profile"]:checked').get_attribute("value")
    assert visible_settings(page) == [shown]


def menus() -> dict[str, tuple[Catalog, Who, dict[str, Any]]]:
    form = {"menu:profile": ["python"], "target:python": ["lab"], "opt:python:memory": ["9T"]}
    wrong = {"submitted": form, "errors": form_errors(CATALOG, GUS, form), "notice": "A word."}
    closed = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})
    return {
        "plain": (CATALOG, GUS, {}),
        "wrong": (CATALOG, GUS, wrong),
        "many": (MANY, ANN, {}),
        "nothing": (closed, ANN, {}),
    }


@pytest.mark.parametrize("name", ["plain", "wrong", "many", "nothing"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_everybody_can_use_it(
    browser_page: MakePage,
    tmp_path: Path,
    name: str,
    theme: Literal["light", "dark"],
    size: tuple[int, int],
) -> None:
    within, who, more = menus()[name]
    opened = browser_page(size=size)
    page = show(opened, tmp_path, render_menu(within, who, **more), theme)
    opened.screenshot(f"menu-{name}-{theme}-{size[0]}")
    found = Axe().run(page)["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
