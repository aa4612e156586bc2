"""The page for LibcloudSpawner's users: its example is true, and its tables are whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from jupyterhub_anywhere.cli import main
from jupyterhub_anywhere.importers.libcloud_options import BOTH, FIRST, NEW, SECOND
from jupyterhub_anywhere.importers.libcloud_site import INSTALLING, PLAIN_TEMPLATE
from jupyterhub_anywhere.spawner.site import load_site

PAGE = (Path(__file__).parents[3] / "docs" / "from-libcloudspawner.md").read_text("utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_example_is_imported_as_the_page_says(tmp_path: Path, capsys: Any) -> None:
    file, output = tmp_path / "jupyterhub_config.py", tmp_path / "anywhere.yaml"
    file.write_text(block("python"), "utf-8")
    assert main.main(["import", str(file), "-o", str(output)]) == 0, capsys.readouterr().err
    written = output.read_text("utf-8")
    bare = [line for line in written.splitlines() if line and not line.lstrip().startswith("#")]
    assert bare == block("yaml").splitlines()
    assert yaml.safe_load(written) == yaml.safe_load(block("yaml"))
    load_site(output, state_root=tmp_path / "state")


def test_every_option_and_template_is_on_the_page() -> None:
    for name in {*FIRST, *SECOND, *BOTH, *NEW} - {"userdata_template_name"}:
        assert f"`{name}`" in PAGE or f"{name} =" in PAGE, name
    assert "`…_name`" in PAGE
    for name in (PLAIN_TEMPLATE, *INSTALLING):
        assert f"`{name.removesuffix('.yaml.j2')}`" in PAGE
