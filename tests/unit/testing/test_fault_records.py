"""What runs record, and the table that is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_anywhere.testing.__main__ import main
from jupyterhub_anywhere.testing.faults.records import (
    KILLED,
    LEDGER_ELSEWHERE,
    OPENSTACK,
    OURS,
    STOCK,
    Record,
    keep,
    kept,
    merged,
    table,
)
from jupyterhub_anywhere.testing.faults.run import Outcome

DOCS = Path(__file__).parents[3] / "docs"


def record(
    side: str, fault: str, *, doing: str = "start", row: str = KILLED, **more: object
) -> Record:
    return Record(side, "process", row, Outcome(fault=fault, doing=doing, **more))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "records.jsonl"
    for each in (
        record(OURS, "one"),
        record(OURS, "two", tokens=("ann",)),
        record(OURS, "two"),
        record(OURS, "three", reached=False, leaked=("ann",)),
        record(STOCK, "one", leaked=("ann",), tokens=("ann",)),
        record(STOCK, "two", leaked=("ann", "ben")),
        record(STOCK, "away", doing="restart", row="the engine is away", hub_up=False),
    ):
        keep(made, each)
    return made


def test_a_second_try_does_not_wash_a_failure_away(file: Path) -> None:
    cases = kept(file)
    assert [(each.side, each.fault, each.failures) for each in cases if each.reached] == [
        (OURS, "one", ()),
        (OURS, "two", ("tokens",)),
        (STOCK, "one", ("leaked", "tokens")),
        (STOCK, "two", ("leaked",)),
        (STOCK, "away", ("hub_up",)),
    ]


def test_the_table_has_both_sides(file: Path) -> None:
    page = table(kept(file))
    assert (
        "| the hub is killed during a start | 1 of 2 well;"
        " a token outlives its server (1) | 0 of 2 well;"
        " a server runs on that the hub does not know (2); a token outlives its server (1) |"
    ) in page
    assert (
        "| the engine is away while the hub restarts | not tried | 0 of 1 well;"
        " the hub does not come back (1) |"
    ) in page
    assert page.count("## Process") == 1


def test_the_table_says_why_a_cell_has_nothing(tmp_path: Path) -> None:
    made = tmp_path / "records.jsonl"
    keep(made, record(OURS, "one", doing="reconcile"))
    keep(made, record(OURS, "one", row="an empty list"))
    keep(made, record(STOCK, "one", row="an empty list", reached=False))
    keep(made, record(OURS, "one", row="never tried there"))
    elsewhere = Outcome(fault="one", doing="start")
    keep(made, Record(OURS, LEDGER_ELSEWHERE, KILLED, elsewhere))
    keep(made, Record(OURS, OPENSTACK, KILLED, elsewhere))
    page = table(kept(made))
    for words in (
        "sets right what is wrong | 1 of 1 well | it sets nothing right |",
        "| an empty list during a start | 1 of 1 well | it never comes to that |",
        "| never tried there during a start | 1 of 1 well | not tried |",
        "| the hub is killed during a start | 1 of 1 well | it has no ledger |",
        "## Process, ledger in PostgreSQL\n",
        "## OpenStack\n",
        "| the hub is killed during a start | 1 of 1 well | it has no spawner for them |",
    ):
        assert words in page


def test_a_case_that_was_reached_once_was_reached(tmp_path: Path) -> None:
    made = tmp_path / "records.jsonl"
    for reached in (False, True, False):
        keep(made, record(OURS, "one", reached=reached))
    (case,) = kept(made)
    assert case.reached


def test_a_newer_run_of_a_row_takes_its_place(file: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.jsonl"
    keep(newer, record(OURS, "one, of another line"))
    cases = merged(kept(file), kept(newer))
    assert [each.fault for each in cases if each.side == OURS] == ["one, of another line"]
    assert len(cases) == 4


def test_the_command(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, page = tmp_path / "all.jsonl", tmp_path / "faults.md"
    assert main(["faults", str(file), "--records", str(records), "--write", str(page)]) == 0
    assert page.read_text() == table(kept(records))
    assert main(["faults", "--records", str(records)]) == 0
    assert capsys.readouterr().out == page.read_text()
    with pytest.raises(SystemExit):
        main(["faults"])
    assert "no records" in capsys.readouterr().err


def test_the_page_is_of_the_records_beside_it() -> None:
    assert (DOCS / "faults.md").read_text("utf-8") == table(kept(DOCS / "faults.jsonl"))
