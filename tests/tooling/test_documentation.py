"""What the documentation says is so: samples are valid, generated pages are current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from jupyterhub_anywhere.cli.main import cli
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.targets.base import SiteInfo

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if "_build" not in page.parts
]


def samples(language: str) -> list[tuple[str, str]]:
    """Every code block of a language, with the page it stands on."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        (str(page.relative_to(ROOT)), found[1])
        for page in PAGES
        for found in pattern.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "text"), samples("yaml"))
def test_each_sample_of_anywhere_yaml_is_valid(page: str, text: str) -> None:
    # A sample may show one part alone; the targets of the others are the default's.
    assert load_text(text, page).config.model_fields_set & {"targets", "profiles"}


@pytest.mark.parametrize(("page", "text"), samples("python"))
def test_each_sample_of_python_can_be_compiled(page: str, text: str) -> None:
    compile(text, page, "exec")


def test_the_sample_of_a_new_kind_is_a_target(tmp_path: Path) -> None:
    (text,) = [text for page, text in samples("python") if page == "docs/adding-a-target.md"]
    module: dict[str, Any] = {"__name__": "frob"}
    exec(compile(text, "adding-a-target.md", "exec"), module)
    site = SiteInfo(hub_id="test", state=StatePaths(tmp_path), base=tmp_path)
    own = module["FrobSettings"](url="http://frob")
    target = module["FrobKind"]("frob", TargetConfig(kind="frob"), own, site)

    assert target.traits() == {"endpoint": "http://frob"}
    with pytest.raises(TargetError, match="frobspawner"):
        target.child_class()


def test_a_file_of_the_readme_has_ten_lines_at_most() -> None:
    found = [text for page, text in samples("yaml") if page == "README.md"]

    assert found
    assert max(len(text.splitlines()) for text in found) <= 10


def test_make_knows_every_target_that_the_pages_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        name
        for _, text in samples("sh")
        for name in re.findall(r"^(?:sudo )?make ([a-z-]+)", text, re.MULTILINE)
    }

    assert named
    assert named <= known


def test_the_command_knows_every_verb_and_flag_that_the_pages_name() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    verbs = set(re.findall(r"(?:`|^|bin/)anywhere ([a-z]+)", text, re.MULTILINE))
    flags = set(re.findall(r"`(--[a-z-]+)`", text))
    context = click.Context(cli)
    all_of_them = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    groups = [verb for verb in all_of_them.values() if isinstance(verb, click.Group)]
    below = [verb for group in groups for verb in group.commands.values()]
    known = {
        option
        for verb in (cli, *filter(None, all_of_them.values()), *below)
        for part in verb.params
        for option in part.opts
    }

    assert verbs
    assert verbs <= set(all_of_them)
    assert flags
    # Of Jupyter, in pages for who comes from another system.
    assert flags - {"--allow-root", "--hub-api-url", "--ip", "--no-browser"} <= known


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT])
def test_links_of_the_pages_outside_docs_lead_somewhere(page: Path) -> None:
    # Sphinx checks those inside.
    for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/adr"
    index = (folder / "index.md").read_text()
    pages = [page.stem for page in folder.glob("*.md") if page.stem != "index"]

    assert pages
    assert [page for page in pages if f"\n{page}\n" not in index] == []


def test_the_reference_is_current(tmp_path: Path) -> None:
    page = str(tmp_path / "configuration.md")
    for module, place in (("config", page), ("cli", str(tmp_path))):
        command = [sys.executable, "-m", f"jupyterhub_anywhere.{module}.reference", place]
        subprocess.run(command, check=True, cwd=ROOT)

    made = {page.name: page.read_text() for page in tmp_path.glob("*.md")}
    committed = {page.name: page.read_text() for page in (ROOT / "docs/reference").glob("*.md")}
    del committed["conformance.md"]  # made by the suite, and held to it in tests/unit/testing
    assert committed == made, "run `make docs` and commit the pages"
