"""Databases that older hubs wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.old_hubs import recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def old(tmp_path: Path) -> Callable[[str], Path]:
    """Makes ``hub/jupyterhub.sqlite`` of a version."""

    def make(version: str = "4.1.6") -> Path:
        folder = tmp_path / "hub"
        folder.mkdir(exist_ok=True)
        text = (recipe.HERE / f"jupyterhub-{version}.sql").read_text(encoding="utf-8")
        file = folder / "jupyterhub.sqlite"
        file.unlink(missing_ok=True)
        return recipe.load(text, file)

    return make
