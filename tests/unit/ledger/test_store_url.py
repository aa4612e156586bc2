"""Where a hub's ledger is."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.url import ledger_url

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
