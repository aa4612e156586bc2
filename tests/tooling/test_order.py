"""Files that take long begin first."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tests.conftest import LONG, TESTS, place, pytest_collection_modifyitems

FILES = [path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")]


@pytest.mark.parametrize("pattern", LONG)
def test_each_pattern_means_a_file(pattern: str) -> None:
    assert [file for file in FILES if fnmatchcase(file, pattern)]


def test_long_files_come_first_and_others_stay_in_their_order() -> None:
    class Item:
        def __init__(self, file: str, name: str) -> None:
            self.path, self.name = TESTS / file, name

    files = ("unit/core/test_names.py", "hub/test_up_end.py", "unit/ledger/test_model.py")
    items = [Item(file, name) for file in files for name in ("b", "a")]
    pytest_collection_modifyitems(items)  # type: ignore[arg-type]  # what it reads of them

    found = [(item.path.name, item.name) for item in items]
    expected = ["test_model.py", "test_up_end.py", "test_names.py"]
    assert found == [(file, name) for file in expected for name in ("b", "a")]
    assert place(Path("/elsewhere/test_x.py")) == len(LONG)
