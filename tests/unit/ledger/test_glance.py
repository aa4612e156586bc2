"""A look at a ledger without SQLAlchemy: the leases that the ledger tells, or no word at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.ledger.ledger_samples import BEGIN, HUB, HandClock, lease
from tests.unit.ledger.test_store import full

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger import glance as module
from jupyterhub_anywhere.ledger.glance import VERSION, glance
from jupyterhub_anywhere.ledger.lease import Seen
from jupyterhub_anywhere.ledger.migrations import MIGRATIONS
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a ledger of #1 & ä.sqlite"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A ledger that a hub uses just now: the latest of it is not in the file itself."""
    with closing(Ledger.open(url, HUB, HandClock())) as found:
        found.add(full())
        found.add(lease("bob", choice={"profile": "small", "options": {"memory": "2G"}}))
        seen = Seen(Phase.RUNNING, BEGIN, BEGIN - timedelta(days=1))
        found.add(lease("\N{SNOWMAN}", "a\tb", choice={"profile": "small"}, token=2**40, seen=seen))
        found.add(lease("eve", choice={"profile": "small"}))
        gone = found.add(lease("zoe"))
        found.move(gone, Cause.WITHDRAW)
        yield found


def test_it_is_the_same(ledger: Ledger, url: str, file: Path) -> None:
    seen = glance(url, HUB)
    assert seen is not None
    assert seen.leases == ledger.active()
    assert [each.user for each in seen.leases] == ["ann", "bob", "\N{SNOWMAN}", "eve"]
    assert seen.place == ledger.place == str(file)
    assert all(type(each.keeps) is bool for each in seen.leases)


def test_a_ledger_that_is_empty_has_no_leases(url: str) -> None:
    Ledger.open(url, HUB, HandClock()).close()
    seen = glance(url, HUB)
    assert seen is not None
    assert not seen.leases


def test_it_knows_the_tables_of_now() -> None:
    assert len(MIGRATIONS) == VERSION, "a new version is looked at slowly until this one knows it"


def sql(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE anywhere_meta SET value = '99'",
        "DELETE FROM anywhere_meta",
        "DROP TABLE anywhere_meta",
        "ALTER TABLE anywhere_leases RENAME COLUMN tries TO attempts",
        "UPDATE anywhere_leases SET state = 'flying' WHERE user_name = 'bob'",
        "UPDATE anywhere_leases SET child = '{} {}' WHERE user_name = 'bob'",
        "UPDATE anywhere_leases SET steps = '[]' WHERE user_name = 'bob'",
        "UPDATE anywhere_leases SET due = 'soon' WHERE user_name = 'bob'",
        "UPDATE anywhere_leases SET due = 7 WHERE user_name = 'bob'",
    ],
)
def test_what_is_not_as_it_should_be_is_left_to_the_ledger(
    ledger: Ledger, file: Path, url: str, statement: str
) -> None:
    assert glance(url, HUB) is not None
    ledger.close()
    sql(file, statement)
    assert glance(url, HUB) is None


@pytest.mark.usefixtures("ledger")
def test_a_hub_without_a_ledger_there(url: str) -> None:
    assert glance(url, "hub-two") is None


def test_what_is_no_ledger_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("garbage", "empty", "folder", "none"):
        assert glance(f"sqlite:///{tmp_path / name}", HUB) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("ledger")
def test_other_urls(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    for url in (
        f"sqlite:///{file}?timeout=3",
        f"sqlite:///{file}".replace(" ", "%20"),
        f"sqlite:///{file.name}",
        f"sqlite+pysqlite:///{file}",
        "sqlite://",
        "postgresql://host/database",
    ):
        assert glance(url, HUB) is None, url


@pytest.mark.usefixtures("ledger")
def test_a_file_that_others_can_read_is_left_to_the_ledger_which_mends_that(
    file: Path, url: str
) -> None:
    file.chmod(0o640)
    assert glance(url, HUB) is None


def test_a_file_that_is_replaced_meanwhile(
    ledger: Ledger, file: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = file.with_name("other")
    Ledger.open(f"sqlite:///{other}", HUB, HandClock()).close()
    read = module._leases

    def slow(place: Path, hub: str) -> object:
        found = read(place, hub)
        other.replace(file)
        return found

    monkeypatch.setattr(module, "_leases", slow)
    assert len(ledger.active()) == 4
    assert glance(url, HUB) is None


def test_looking_changes_nothing(ledger: Ledger, file: Path, url: str) -> None:
    ledger.close()
    before = file.read_bytes()
    assert glance(url, HUB) is not None
    assert file.read_bytes() == before
    assert {each.name for each in file.parent.iterdir()} == {file.name}
