"""One kind of target without the others, and kinds of others."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.targets import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MODULE = """
from jupyterhub_anywhere.targets.base import Target

class Odd(Target):
    kind = "odd"

class NoKind:
    pass
"""


@pytest.fixture
def installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, str]], None]]:
    """Install kinds: name to object."""
    monkeypatch.syspath_prepend(str(tmp_path))
    looked_up = (registry._points, registry._discover, registry.find)

    def forget() -> None:
        for each in looked_up:
            each.cache_clear()

    def install(kinds: dict[str, str]) -> None:
        for module in {value.partition(":")[0] for value in kinds.values()} - {"none"}:
            (tmp_path / f"{module}.py").write_text(MODULE)
        points = [EntryPoint(name, value, registry.GROUP) for name, value in kinds.items()]
        monkeypatch.setattr(registry, "entry_points", lambda **_: EntryPoints(points))
        forget()

    yield install
    forget()
    for name in ("kinds_one", "kinds_two"):
        sys.modules.pop(name, None)


def test_only_the_kind_that_is_asked_for_is_imported(
    installed: Callable[[dict[str, str]], None],
) -> None:
    installed({"one": "kinds_one:Odd", "two": "kinds_two:Odd"})
    found = registry.find("two")
    assert found is not None
    assert found.__module__ == "kinds_two"
    assert "kinds_one" not in sys.modules
    assert set(registry.kinds()) == {"one", "two"}
    assert registry.kinds()["two"] is found


def test_kinds_that_cannot_be_used(installed: Callable[[dict[str, str]], None]) -> None:
    installed({"gone": "none.such:Odd", "no": "kinds_one:NoKind", "odd": "kinds_one:Odd"})
    assert registry.find("gone") is registry.find("no") is registry.find("never") is None
    assert registry.find("odd") is registry.kinds()["odd"]
    assert set(registry.broken()) == {"gone", "no"}
    assert "is no Target class" in registry.broken()["no"]


def test_our_own_are_found_one_by_one() -> None:
    assert {registry.find(name) for name in registry.kinds()} == set(registry.kinds().values())
