"""The reference page is complete and current."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jupyterhub_anywhere.config.environment import variables
from jupyterhub_anywhere.config.models import Config, HubConfig, Model, TextOption
from jupyterhub_anywhere.config.reference import main, reference

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


class _Mine(Model):
    """A kind that is mine."""

    address: str = Field(alias="url", description="Where | it is.")


def test_the_page_in_the_repository_is_current() -> None:
    assert main(["--check", str(PAGE)]) == 0


def test_every_key_variable_and_description_is_on_it() -> None:
    page = reference()
    for model in (Config, HubConfig, TextOption):
        for name, info in model.model_fields.items():
            assert f"| `{name}` |" in page
            assert (info.description or "").replace("|", r"\|") in page
    for name in variables():
        assert name in page


def test_every_link_leads_somewhere() -> None:
    page = reference()
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    labels = {part.split(")=")[0] for part in page.split("\n(")[1:]}
    assert links
    assert links <= labels


def test_each_section_stands_once() -> None:
    titles = [line for line in reference().splitlines() if line.startswith("## ")]
    assert len(titles) == len(set(titles))


def test_kinds_have_sections_of_their_own() -> None:
    page = reference({"mine": _Mine})
    assert "## targets.NAME, kind mine" in page
    assert r"| `url` | text | required | Where \| it is. |" in page


def test_the_page_is_written_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    assert main(["--check", str(page)]) == 1
    assert f"{page} is not current" in capsys.readouterr().out
    assert not page.exists()
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    page.write_text(page.read_text() + "more")
    assert main(["--check", str(page)]) == 1
