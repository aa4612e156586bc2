"""Logs that other processes append to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.logfiles import cut_log

if TYPE_CHECKING:
    from pathlib import Path


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("short")
    assert not cut_log(log, 100)
    assert log.read_text() == "short"


def test_a_large_log_is_emptied_under_its_writer_and_its_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 150 + b"the end")
        writer.flush()
        assert cut_log(log, 100)
        writer.write(b"more")
    assert log.read_bytes() == b"more"
    kept = tmp_path / "a.log.1"
    assert kept.read_bytes().endswith(b"the end")
    assert kept.stat().st_size == 50
    assert kept.stat().st_mode & 0o777 == 0o600


def test_without_room_for_a_copy_the_log_goes_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 150)
    (tmp_path / "a.log.1").mkdir()
    assert cut_log(log, 100)
    assert log.stat().st_size == 0


def test_no_log_is_no_error(tmp_path: Path) -> None:
    assert not cut_log(tmp_path / "none.log", 100)
