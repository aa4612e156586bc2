"""What a hub writes down for the doctor."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.journal import FRESH, MOST, Journal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_event_that_comes_again_is_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.json")
    journal.note("a", seconds=1)
    journal.note("b", seconds=5)
    journal.note("a", seconds=2)
    journal.note("a", again=False, seconds=3)
    assert [(each["times"], each["seconds"]) for each in journal.entries()] == [(1, 5), (2, 3)]
    journal.forget("b")
    journal.forget("nobody")
    assert [each["seconds"] for each in journal.entries()] == [3]
    assert (tmp_path / "events.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["events.json"]


def test_only_so_many_are_kept_and_old_ones_are_not_told(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    journal = Journal(file)
    for number in range(MOST + 3):
        journal.note(str(number))
    assert list(json.loads(file.read_text("utf-8"))) == [str(n) for n in range(3, MOST + 3)]
    old = {"times": 1, "last": time.time() - FRESH - 1}
    file.write_text(json.dumps({"old": old, "new": {**old, "last": time.time()}}), "utf-8")
    assert len(journal.entries()) == 1


def test_what_cannot_be_read_or_written_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(tmp_path / "away" / "events.json").note("a")
    assert not (tmp_path / "away").exists()
    file = tmp_path / "events.json"
    for text in ("{", "[]", '{"a": 1}', '{"a": {"last": "x"}}'):
        file.write_text(text, "utf-8")
        assert Journal(file).entries() == []
    folder = tmp_path / "folder.json"
    folder.mkdir()
    Journal(folder).note("a")
    assert "cannot be written" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.json", "folder.json"]
