"""What a hub finds wrong with its ledger, made while it stands still."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.testing.faults.run import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hub.harness import Hub

    from jupyterhub_anywhere.testing.faults.kills import Plan

_TRIES = 100


def make(
    hub: Hub, user: str, sort: Trouble, *, stray: Callable[[], None], end: Callable[[], None]
) -> None:
    """Make trouble.

    Args:
        hub: Whose ledger it is.
        user: Whose server.
        sort: What.
        stray: Make something with the hub's label that nobody is there for.
        end: End what runs for the user.

    Raises:
        LedgerError: The hub holds its ledger just now.
        sqlite3.OperationalError: The same.
    """
    match sort:
        case Trouble.STRAY:
            stray()
        case Trouble.ENDED:
            end()
        case Trouble.WISH:
            _wish(hub, user)
        case Trouble.UNHELD:
            _forget(hub, user)


def while_frozen(hub: Hub, plan: Plan, folder: Path, what: Callable[[], None]) -> None:
    """Do something, and write a plan, while the hub stands still; both at once for the hub."""
    process = hub.process
    assert process is not None
    for _ in range(_TRIES):
        process.send_signal(signal.SIGSTOP)
        try:
            what()
            plan.write(folder)
        except (LedgerError, sqlite3.OperationalError):
            # It stands still in the middle of writing.
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        else:
            return
        finally:
            process.send_signal(signal.SIGCONT)
    raise AssertionError("the hub writes its ledger without end")


def amiss(hub: Hub) -> set[str]:
    """Users of whom ledger, hub and targets disagree now."""
    answer = hub.api("GET", "anywhere/leaks")
    answer.raise_for_status()
    return {each["user"] for each in answer.json()["disagreements"]}


def _wish(hub: Hub, user: str) -> None:
    """As a hub leaves it that dies as soon as the wish is written down."""
    url = f"sqlite:///{hub.state.ledger}"
    ledger = Ledger.open(url, hub.id, SystemClock(), make=False)
    try:
        for lease in ledger.active(user=user):
            ledger.move(lease, Cause.STOP)
    finally:
        ledger.close()


def _forget(hub: Hub, user: str) -> None:
    with contextlib.closing(sqlite3.connect(hub.state.ledger, timeout=0.2)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with connection:
            connection.execute("DELETE FROM anywhere_leases WHERE user_name = ?", (user,))
