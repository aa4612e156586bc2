"""How Sphinx builds the documentation; `make docs` runs it with warnings as errors."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_project: dict[str, Any] = tomllib.loads(
    Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8")
)["project"]

project = "JupyterHub Anywhere"
author = "the JupyterHub Anywhere contributors"
copyright = author  # noqa: A001 - Sphinx asks for this name
release = version = _project["version"]

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]
nitpicky = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = project
html_theme_options: dict[str, Any] = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 5,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Only the decisions have pages below them to list at the side.
html_sidebars: dict[str, list[str]] = {"*": [], "reference/*": []}
html_show_sourcelink = False
