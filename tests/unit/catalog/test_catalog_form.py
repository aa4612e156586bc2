from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.unit.catalog.sample_catalog import ANN, GUS, catalog, one_option
from tornado.httputil import HTTPFile

from jupyterhub_anywhere.catalog.choice import Choice, Who
from jupyterhub_anywhere.catalog.form import (
    child_fields,
    form_errors,
    parse_form,
    parse_query,
    render_menu,
)
from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.errors import ChoiceError

CATALOG = catalog()
VOID = {"input", "br"}


class Page(HTMLParser):
    """The elements of a fragment, and what a browser without JavaScript would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag: str, **wanted: str) -> dict[str, str | None]:
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} of {tag} {wanted}"
        return found[0]

    def submitted(self) -> dict[str, list[str]]:
        sent: dict[str, list[str]] = {}
        select = ""
        for tag, attributes in self.elements:
            name, value = attributes.get("name") or "", attributes.get("value") or ""
            if tag == "select":
                select = name
            elif tag == "option" and "selected" in attributes:
                sent.setdefault(select, []).append(value)
            elif tag == "input" and name:
                if attributes.get("type") in {"radio", "checkbox"} and "checked" not in attributes:
                    continue
                sent.setdefault(name, []).append(value)
        return sent


def menu(within: Catalog = CATALOG, who: Who = ANN, **more: Any) -> Page:
    return Page(render_menu(within, who, **more))


# --- what is sent back -----------------------------------------------------------------------


def test_an_untouched_menu_sends_the_default() -> None:
    for who in (ANN, GUS):
        raw = parse_form(CATALOG, who, menu(who=who).submitted())
        assert CATALOG.resolve(raw, who) == CATALOG.default_choice(who)


@pytest.mark.parametrize(
    "raw",
    [
        {"profile": "plain"},
        {"profile": "python", "target": "lab", "options": {"image": "full", "memory": 2 << 30}},
        {"profile": "python", "options": {"cpu": 0.5, "debug": True, "note": "a b", "workers": 8}},
        {"profile": "python", "options": {"scale": 1e-7, "memory": (1 << 30) + 1}},
    ],
)
def test_a_choice_survives_the_menu(raw: dict[str, Any]) -> None:
    choice = CATALOG.resolve(raw, ANN)
    for selected in (choice, choice.to_user_options()):
        page = menu(selected=selected)
        assert CATALOG.resolve(parse_form(CATALOG, ANN, page.submitted()), ANN) == choice


def test_a_submitted_menu_comes_back_as_it_was() -> None:
    form = menu().submitted() | {
        "menu:profile": ["python"],
        "target:python": ["lab"],
        "opt:python:memory": ["99T"],
        "opt:python:debug": ["", "true"],
        "opt:python:image": ["full"],
    }
    assert menu(submitted=form).submitted() == form


def test_only_the_chosen_profile_counts() -> None:
    form = {"menu:profile": ["plain"], "opt:python:memory": ["junk"], "target:python": ["moon"]}
    assert parse_form(CATALOG, ANN, form) == {"profile": "plain", "options": {}}


def test_only_what_the_target_takes_counts() -> None:
    form = {"menu:profile": ["python"], "target:python": ["here"], "opt:python:image": ["full"]}
    raw = parse_form(CATALOG, ANN, form)
    assert raw == {"profile": "python", "target": "here", "options": {}}


def test_a_switch_that_is_off_is_false() -> None:
    base = {"menu:profile": ["python"]}
    off = parse_form(CATALOG, ANN, base | {"opt:python:debug": [""]})
    on = parse_form(CATALOG, ANN, base | {"opt:python:debug": ["", "true"]})
    assert (off["options"], on["options"]) == ({"debug": False}, {"debug": True})


def test_a_script_may_name_the_profile_plainly() -> None:
    assert parse_form(CATALOG, ANN, {"profile": ["plain"]})["profile"] == "plain"
    both = {"menu:profile": ["python"], "profile": ["the-spawners-own"]}
    assert parse_form(CATALOG, ANN, both)["profile"] == "python"


def test_the_only_profile_needs_no_name() -> None:
    within = one_option(type="integer", default=1)
    assert parse_form(within, ANN, {"opt:p:x": ["3"]}) == {"profile": "p", "options": {"x": 3}}


def test_an_empty_form_is_no_choice() -> None:
    with pytest.raises(ChoiceError) as caught:
        parse_form(CATALOG, ANN, {"_xsrf": ["2|abc"]})
    assert caught.value.errors == {"profile": "Please choose a profile."}


def test_all_wrong_fields_are_named_at_once() -> None:
    form = {
        "menu:profile": ["python"],
        "opt:python:workers": ["three"],
        "opt:python:memory": [""],
        "opt:python:gpus": ["1"],
        "opt:python:nope": ["1"],
    }
    with pytest.raises(ChoiceError) as caught:
        parse_form(CATALOG, ANN, form)
    names = ["options.gpus", "options.memory", "options.nope", "options.workers"]
    assert sorted(caught.value.errors) == names
    assert sorted(form_errors(CATALOG, ANN, form)) == names


def test_forged_fields_are_answered_by_resolve() -> None:
    form = {"menu:profile": ["secret"], "target:secret": ["lab"]}
    raw = parse_form(CATALOG, ANN, form)
    with pytest.raises(ChoiceError, match="no profile 'secret'"):
        CATALOG.resolve(raw, ANN)


def test_a_field_without_values_is_not_there() -> None:
    form = {"menu:profile": ["python"], "target:python": [], "opt:python:memory": []}
    choice = CATALOG.resolve(parse_form(CATALOG, ANN, form), ANN)
    assert choice == CATALOG.default_choice(ANN)


@pytest.mark.parametrize("kind", ["text", "boolean"])
def test_a_file_where_a_text_belongs_is_left_alone(kind: str) -> None:
    # As the hub names what a form sends as a file named `opt:p:x` or `target:p`.
    file: Any = HTTPFile(filename="x", body=b"x", content_type="text/plain")
    profile = {"targets": ["here"], "options": {"x_file": {"type": kind}}}
    within = catalog(profiles={"p": profile, "p_file": profile})
    form = {"menu:profile": ["p"], "opt:p:x_file": [file], "opt:p:more_file": [file]}
    assert parse_form(within, ANN, form) == {"profile": "p", "options": {}}
    form = {"menu:profile": ["p_file"], "target:p_file": [file]}
    assert parse_form(within, ANN, form) == {"profile": "p_file", "options": {}}
    assert parse_form(within, ANN, {"menu:profile": ["p"], "opt:p:x_file": ["", file]}) == {
        "profile": "p",
        "options": {"x_file": "" if kind == "text" else False},
    }


def test_who_is_offered_nothing_has_a_page_that_says_so() -> None:
    closed = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})
    mark = 'data-anywhere-nothing="yes"'
    assert mark in render_menu(closed, ANN)
    named = catalog(
        profiles={"p": {"title": mark, "targets": ["here"]}, "q": {"targets": ["here"]}}
    )
    assert mark not in render_menu(named, ANN)
    assert mark not in render_menu(one_option(type="boolean"), ANN)


def test_the_spawners_own_fields_are_kept_apart() -> None:
    form = {
        "_xsrf": ["x"],
        "menu:profile": ["kube"],
        "target:kube": ["lab"],
        "opt:kube:x": ["1"],
        "profile": ["datascience"],
        "image": ["img"],
    }
    assert child_fields(form) == {"profile": ["datascience"], "image": ["img"]}


# --- deep links ------------------------------------------------------------------------------


def test_a_deep_link_fills_the_form() -> None:
    query = {
        "opt-profile": ["python"],
        "opt-target": ["lab"],
        "opt-memory": ["2G"],
        "opt-debug": ["yes"],
        "utm_source": ["mail"],
        "profile": ["plain"],
        "_xsrf": ["x"],
    }
    preset = parse_query(CATALOG, ANN, query)
    assert form_errors(CATALOG, ANN, preset) == {}
    page = menu(submitted=preset)
    choice = CATALOG.resolve(parse_form(CATALOG, ANN, page.submitted()), ANN)
    assert (choice.profile, choice.target) == ("python", "lab")
    assert choice.options["memory"] == 2 << 30
    assert choice.options["debug"] is True


@pytest.mark.parametrize("query", [{}, {"utm_source": ["mail"]}, {"opt-memory": []}])
def test_other_names_are_ignored(query: dict[str, list[str]]) -> None:
    assert parse_query(CATALOG, ANN, query) == {}


def test_without_a_profile_the_first_is_meant() -> None:
    assert parse_query(CATALOG, ANN, {"opt-memory": ["2G"]}) == {
        "menu:profile": ["python"],
        "opt:python:memory": ["2G"],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"opt-profile": ["gone"]}, "profile"),
        ({"opt-profile": ["secret"]}, "profile"),
        ({"opt-target": ["moon"]}, "target"),
        ({"opt-memory": ["99T"]}, "options.memory"),
        ({"opt-nope": ["1"]}, "options.nope"),
        ({"opt-": ["1"]}, "options."),
        ({"opt-image": ["full"], "opt-target": ["here"]}, None),
        ({"opt-debug": ["<b>"]}, "options.debug"),
    ],
)
def test_wrong_links_are_shown_with_their_errors(
    query: dict[str, list[str]], field: str | None
) -> None:
    preset = parse_query(CATALOG, ANN, query)
    errors = form_errors(CATALOG, ANN, preset)
    assert list(errors) == ([field] if field else [])
    page = menu(submitted=preset, errors=errors)
    assert all(text in page.text for text in errors.values())


def test_who_is_offered_nothing_gets_no_link_either() -> None:
    within = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})
    preset = parse_query(within, ANN, {"opt-memory": ["2G"]})
    assert list(form_errors(within, ANN, preset)) == [""]


# --- what is shown ---------------------------------------------------------------------------


def test_every_field_has_a_label_and_every_id_is_one() -> None:
    page = menu(who=GUS)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes["for"] for attributes in page.all("label")}
    for tag in ("input", "select"):
        for attributes in page.all(tag):
            assert attributes.get("type") == "hidden" or attributes["id"] in labels
    described = [
        attributes["aria-describedby"] or ""
        for _, attributes in page.elements
        if "aria-describedby" in attributes
    ]
    assert described
    assert all(one in ids for text in described for one in text.split())


def test_there_is_no_inline_code_or_style() -> None:
    for tag, attributes in menu(who=GUS).elements:
        assert tag not in {"script", "style"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_what_one_may_not_see_is_not_in_the_page() -> None:
    page = render_menu(CATALOG, ANN)
    for hidden in ("secret", "cuda", "gpus"):
        assert hidden not in page
        assert hidden in render_menu(CATALOG, GUS)


def test_errors_are_tied_to_their_fields() -> None:
    form = {"menu:profile": ["python"], "opt:python:memory": ["9G"], "opt:python:note": ["A"]}
    page = menu(submitted=form, errors=form_errors(CATALOG, ANN, form))
    field = page.one("input", id="opt:python:memory")
    assert field["aria-invalid"] == "true"
    assert "opt:python:memory-error" in (field["aria-describedby"] or "").split()
    assert page.one("div", id="opt:python:memory-error")
    assert page.one("div", role="alert")
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == ["#opt:python:memory", "#opt:python:note"]
    focused = [attributes["id"] for _, attributes in page.elements if "autofocus" in attributes]
    assert focused == ["opt:python:memory"]


def test_errors_are_those_of_the_chosen_profile() -> None:
    profile = {"targets": ["here"], "options": {"x": {"type": "integer", "default": 1}}}
    within = catalog(profiles={"a": profile, "b": profile})
    form = {"menu:profile": ["b"], "opt:b:x": ["z"]}
    page = menu(within, submitted=form, errors=form_errors(within, ANN, form))
    assert page.one("input", id="opt:b:x")["aria-invalid"] == "true"
    assert "aria-invalid" not in page.one("input", id="opt:a:x")
    form |= {"opt:a:x": ["y"]}  # sent without JavaScript, where no profile's fields are off
    page = menu(within, submitted=form, errors=form_errors(within, ANN, form))
    assert "aria-invalid" not in page.one("input", id="opt:a:x")


def test_errors_stand_in_the_order_of_the_page() -> None:
    errors = {"options.note": "n", "options.memory": "m", "target": "t", "other": "o"}
    page = menu(submitted={"menu:profile": ["python"]}, errors=errors)
    assert [attributes["href"] for attributes in page.all("a")] == [
        "#target:python:0",
        "#opt:python:memory",
        "#opt:python:note",
    ]
    assert "autofocus" in page.one("input", id="target:python:0")


def test_a_wrong_profile_takes_the_focus() -> None:
    page = menu(submitted={"menu:profile": ["gone"]}, errors={"profile": "There is none."})
    assert "autofocus" in page.one("input", id="menu:profile:python")
    assert page.one("fieldset", **{"aria-describedby": "menu:profile-error"})
    assert "checked" not in page.one("input", id="menu:profile:python")


def test_a_stale_choice_leaves_the_default_and_a_word() -> None:
    page = menu(selected={"profile": "gone"})
    assert "Your last choice is not available any more" in page.text
    assert "checked" in page.one("input", id="menu:profile:python")
    assert "Another word." in menu(selected={"profile": "gone"}, notice="Another word.").text


def test_options_say_for_which_target_they_count() -> None:
    page = menu()
    field = page.one("div", **{"data-anywhere-field": "opt:python:image"})
    assert field["data-anywhere-targets"] == "lab"
    assert "only at lab" in page.text


def test_inputs_carry_the_limits() -> None:
    page = menu()
    workers = page.one("input", id="opt:python:workers")
    assert (workers["type"], workers["min"], workers["max"]) == ("number", "1", "8")
    assert page.one("input", id="opt:python:scale")["step"] == "any"
    note = page.one("input", id="opt:python:note")
    assert (note["pattern"], note["maxlength"]) == ("[a-z ]*", "20")
    assert "required" not in note
    assert re.fullmatch(page.one("input", id="opt:python:memory")["pattern"] or "", "1.5G")
    assert "Between 512M and 4G." in page.text


def test_a_text_that_may_not_be_empty_is_required() -> None:
    page = menu(one_option(type="text", pattern="[a-z]+", default="a"))
    assert "required" in page.one("input", id="opt:p:x")


def test_a_single_profile_is_not_asked_for() -> None:
    page = menu(one_option(type="boolean"))
    assert page.one("input", name="menu:profile") == {
        "type": "hidden",
        "name": "menu:profile",
        "value": "p",
        "data-anywhere-only": None,
    }
    assert page.all("input", type="radio") == []


def test_many_entries_become_a_list_with_a_filter() -> None:
    profiles = {f"p{number}": {"targets": ["here"]} for number in range(20)}
    page = menu(catalog(profiles=profiles))
    assert len(page.all("input", type="radio")) == 20
    assert "name" not in page.one("input", type="search")


@pytest.mark.parametrize(
    ("count", "described", "tag"),
    [(3, True, "input"), (3, False, "select"), (6, True, "select")],
)
def test_choices_are_radios_where_there_is_more_to_say(
    count: int,
    described: bool,  # noqa: FBT001
    tag: str,
) -> None:
    choices = {f"c{number}": {"description": "d" * described} for number in range(count)}
    page = menu(one_option(type="choice", choices=choices))
    assert page.all(tag, name="opt:p:x")


def test_many_targets_become_a_list() -> None:
    targets = {f"t{number}": {"kind": "process", "title": f"T {number}"} for number in range(7)}
    within = catalog(targets=targets, profiles={"p": {"targets": list(targets)}})
    page = menu(within)
    assert page.one("select", id="target:p")
    raw = parse_form(within, ANN, page.submitted())
    assert within.resolve(raw, ANN) == Choice("p", "t0")


def test_notes_of_a_target_are_shown() -> None:
    assert "No limits here." in menu().text


def test_who_is_offered_nothing_is_told_so() -> None:
    within = catalog(profiles={"p": {"targets": ["here"], "access": {"users": ["eve"]}}})
    page = menu(within)
    assert page.all("input") == []
    assert page.one("div", role="alert")
    assert "administrator" in page.text


def test_the_spawners_own_form_is_shown_where_it_is_asked_for() -> None:
    profiles = {
        "kube": {"targets": ["lab"], "form": "child"},
        "plain": {"targets": ["here"]},
    }
    forms = {"kube": "<p>its own</p>", "plain": "<p>not asked for</p>"}
    page = render_menu(catalog(profiles=profiles), ANN, child_forms=forms)
    assert "<p>its own</p>" in page
    assert "not asked for" not in page


def test_an_untouched_profile_is_rendered_once() -> None:
    within = catalog()
    assert render_menu(within, ANN) == render_menu(within, Who("bob"))
    form = menu(within).submitted() | {"menu:profile": ["plain"], "opt:python:memory": ["3G"]}
    page = menu(within, submitted=form)
    assert page.one("input", id="opt:python:memory")["value"] == "3G"
    assert menu(within).one("input", id="opt:python:memory")["value"] == "1G"


EVIL = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"


def evil() -> Catalog:
    text = {"title": f"T{EVIL}", "description": f"D{EVIL}"}
    value = {**text, "targets": ["a"]}
    option = {"title": f"O{EVIL}", "help": f"H{EVIL}"}
    options = {
        "radios": {"type": "choice", "choices": {f"K{EVIL}": value, "k": {}}, **option},
        "list": {"type": "choice", "choices": {f"L{EVIL}": {"title": EVIL}, "k": {}}, **option},
        "text": {"type": "text", "default": EVIL, "pattern": f".*|{re.escape(EVIL)}", **option},
        "memory": {"type": "memory", "default": 1, **option},
        "switch": {"type": "boolean", "targets": ["b"], **option},
    }
    targets = {"a": {"kind": "process", **text}, "b": {"kind": "process", **text}}
    profile = {**text, "targets": ["a", "b"], "options": options}
    config = {"targets": targets, "profiles": {"p": profile, "q": {**text, "targets": ["a"]}}}
    return Catalog(Config.model_validate(config), {"a": [EVIL], "b": [EVIL]})


def test_texts_from_anywhere_are_escaped() -> None:
    within = evil()
    form = {
        "menu:profile": ["p"],
        "target:p": [EVIL],
        f"opt:p:{EVIL}": [EVIL],
        "opt:p:memory": [EVIL],
        "opt:p:text": [EVIL],
        "opt:p:radios": [EVIL],
        "opt:p:switch": [EVIL],
    }
    errors = dict.fromkeys(
        ("profile", "target", "options.text", "options.radios", "options.list", EVIL), EVIL
    )
    for more in ({}, {"submitted": form, "errors": errors, "notice": EVIL, "selected": {EVIL: 1}}):
        html = render_menu(within, ANN, **more)  # type: ignore[arg-type]  # of several types
        page = Page(html)
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"img", "script"}
        assert not [name for _, found in page.elements for name in found if name == "onerror"]
        assert "{{7*7}}" in page.text
    assert form_errors(within, ANN, form)
