"""The kept databases are what the old hubs write: made anew by these very hubs.

Installs them, so it waits to be asked: ``ANYWHERE_OLD_HUBS=4.1.6,5.5.4``. Those before 3 need an
older Python than this one's; see `tests.old_hubs.recipe`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.old_hubs import recipe

from jupyterhub_anywhere.hub.upgrade import course
from jupyterhub_anywhere.hub.upgrade.source import find

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.hub.upgrade.look import Found

ASKED = [each for each in os.environ.get("ANYWHERE_OLD_HUBS", "").split(",") if each]


def found(file: Path) -> Found:
    seen = course.plan(course.Wish(find(str(file)))).found
    return replace(seen, servers=tuple(sorted(seen.servers, key=lambda each: each.title)))


def shape(sql: str) -> list[str]:
    """What tables and columns there are."""
    return sorted(line for line in sql.splitlines() if not line.startswith("INSERT"))


@pytest.mark.skipif(not ASKED, reason="installs old JupyterHubs. Cure: ANYWHERE_OLD_HUBS=4.1.6")
@pytest.mark.parametrize("version", ASKED or ["none"])
@pytest.mark.timeout(600)
def test_the_kept_one_is_what_that_hub_writes(version: str, tmp_path: Path) -> None:
    python = recipe.install(version, tmp_path / "env")
    (tmp_path / "hub").mkdir()
    fresh = recipe.write(python, tmp_path / "hub")
    text = (recipe.HERE / f"jupyterhub-{version}.sql").read_text(encoding="utf-8")
    kept = recipe.load(text, tmp_path / "kept.sqlite")
    assert shape(recipe.dump(fresh)) == shape(text)
    before = found(fresh)
    assert before == found(kept)
    course.carry_out(course.plan(course.Wish(find(str(fresh)))))
    after = found(fresh)
    assert replace(after, revision=before.revision) == before
