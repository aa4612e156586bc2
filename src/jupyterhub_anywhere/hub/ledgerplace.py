"""Where the ledger of a state folder is, and whose it is, for those who look at it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.statefolder import hub_id
from jupyterhub_anywhere.hub.uprecord import read_up
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.ledger.url import ledger_url
from jupyterhub_anywhere.spawner.places import load_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """Where a hub's ledger is.

    Attributes:
        url: SQLAlchemy's; may hold a password.
        hub: The hub's id.
        history: How long what is gone is remembered, in seconds.
    """

    url: str
    hub: str
    history: float

    def open(self) -> Ledger:
        """Open it; nothing is made and nothing brought up to date.

        Raises:
            LedgerError: There is none yet, or it cannot be used.
        """
        return Ledger.open(self.url, self.hub, SystemClock(), make=False)


def find(paths: StatePaths, file: Path | None, otherwise: Callable[[], Path | None]) -> LedgerPlace:
    """Find the ledger of a state folder.

    Args:
        paths: The state folder.
        file: The configuration that was named; None for the one of the hub that runs.
        otherwise: Tells the configuration where none was named and no hub runs.

    Raises:
        StateError: There is no state of a hub.
        ConfigError: The configuration is wrong.
        LedgerError: The secret with the URL is missing.
    """
    if file is None:
        record = read_up(paths)
        file = record.file if record is not None and record.alive else otherwise()
    loaded = load_file(file)
    config = loaded.config
    if not config.hub.id and not paths.hub_id.exists():
        raise StateError(
            f"There is no state of a hub in {paths.root}.", hint="Name the folder with --state DIR."
        )
    return LedgerPlace(
        url=ledger_url(config, paths, loaded.base),
        hub=hub_id(paths, config.hub.id),
        history=config.hub.ledger.history,
    )
