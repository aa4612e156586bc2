"""Refusals of machines, as `anywhere doctor` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner import noticed
from jupyterhub_anywhere.targets.machines import turned_away
from jupyterhub_anywhere.targets.machines.tickets import Reason, Refusal
from jupyterhub_anywhere.targets.machines.waiting import Caller, Waiting

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.targets.machines.turned_away import Book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return turned_away.book(tmp_path)


def test_one_line_for_what_is_the_same(book: Book) -> None:
    for _ in range(3):
        book(Refusal(Reason.USED, "lease1"), "10.0.0.7", "ann:lab")
    book(Refusal(Reason.USED, "lease1"), "10.0.0.8", "ann:lab")
    first, second = book.findings()
    assert first.subject == "machine at 10.0.0.7"
    assert first.level is Level.WARNING
    assert "3 times" in first.message
    assert "for the server ann:lab: its ticket was used before" in first.message
    assert "user-data" in first.cure
    assert "once" in second.message


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_words_and_what_can_be_done(book: Book, reason: Reason) -> None:
    book(Refusal(reason), "10.0.0.7", "")
    [found] = book.findings()
    assert ("for the server" in found.message) is False
    # A machine that is being removed may ask once more: nothing is to be done.
    harmless = reason in {Reason.UNKNOWN, Reason.STOPPED}
    assert (found.level is Level.OK, found.cure == "") == (harmless, harmless)


def test_a_flood_is_written_down_once(book: Book) -> None:
    for _ in range(50):
        book(Refusal(Reason.TOO_MANY), "10.0.0.7", "")
    [found] = book.findings()
    assert "once" in found.message


def test_nothing_and_what_another_version_wrote_are_no_findings(book: Book, tmp_path: Path) -> None:
    assert book.findings() == []
    Journal(tmp_path / "refused.json").note("x", reason="of-tomorrow", address="10.0.0.7")
    assert book.findings() == []


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    elsewhere = turned_away.book(tmp_path / "none")
    elsewhere(Refusal(Reason.LATE), "10.0.0.7", "")
    assert elsewhere.findings() == []


async def test_the_doctor_tells_what_the_door_refused(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    paths.hub.mkdir()
    door = Waiting()
    for _ in range(2):  # as two targets of one hub do
        door.on_refusal(turned_away.book(paths.hub))
    await door.redeem("awt1.lease1." + "x" * 43, "y" * 43, Caller("10.0.0.7", {}))
    text = "was turned away once in the last days: no server of this hub waits for it"
    assert noticed.findings(paths) == [Finding(Level.OK, "machine at 10.0.0.7", text)]
