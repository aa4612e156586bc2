"""Where a hub's ledger is."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.ledger.url import ledger_file, ledger_url

PATHS = StatePaths(Path("/state"))
BASE = Path("/etc/site")


def url(value: object) -> str:
    config = Config.model_validate({"hub": {"ledger": {"url": value}}})
    return ledger_url(config, PATHS, BASE)


def test_by_default_it_is_in_the_closed_part_of_the_state_folder() -> None:
    assert ledger_url(Config(), PATHS, BASE) == "sqlite:////state/hub/ledger.sqlite"
    assert PATHS.ledger.parent == PATHS.hub


@pytest.mark.parametrize(
    ("declared", "meant"),
    [
        ("postgresql://ann@db/hub", "postgresql://ann@db/hub"),
        ("sqlite:////srv/ledger.sqlite", "sqlite:////srv/ledger.sqlite"),
        ("sqlite:///ledger.sqlite", "sqlite:////etc/site/ledger.sqlite"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_path_starts_at_the_configuration(declared: str, meant: str) -> None:
    assert url(declared) == meant


def test_a_secret_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", "postgresql://ann:pw@db/hub")
    assert url({"env": "LEDGER"}) == "postgresql://ann:pw@db/hub"
    monkeypatch.delenv("LEDGER")
    with pytest.raises(LedgerError, match=r"hub\.ledger\.url: the environment variable LEDGER"):
        url({"env": "LEDGER"})


@pytest.mark.parametrize("folder", ["a%20b", "who?", "100%", "a b#c"])
def test_a_ledger_is_in_the_folder_that_was_named(folder: str, tmp_path: Path) -> None:
    """Whatever a URL would make of its name."""
    paths = StatePaths(tmp_path / folder)
    paths.ledger.parent.mkdir(parents=True)
    url = ledger_url(Config(), paths, BASE)
    assert ledger_file(url) == paths.ledger
    Ledger.open(url, "hub-abc", SystemClock()).close()
    assert paths.ledger.is_file()
    declared = Config.model_validate({"hub": {"ledger": {"url": "sqlite:///mine.sqlite"}}})
    url = ledger_url(declared, paths, tmp_path / folder)
    assert ledger_file(url) == tmp_path / folder / "mine.sqlite"
