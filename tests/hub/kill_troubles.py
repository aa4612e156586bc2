"""What a hub finds wrong with its ledger, made while it stands still."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Protocol

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.testing.faults.run import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.hub.harness import Hub

    from jupyterhub_anywhere.testing.faults.kills import Plan

_TRIES = 100


class Troubled(Protocol):
    """A hub that is killed, as far as it is needed here."""

    hub: Hub
    folder: Path

    def clear(self, user: str) -> None:
        """End what really runs for the user."""


def arise(
    subject: Troubled, user: str, sort: Trouble, plan: Plan, stray: Callable[[str], None]
) -> None:
    """Make trouble, and write a plan, while the hub stands still; both at once for the hub.

    Args:
        subject: The hub, and what ends what runs for a user.
        user: Whose server.
        sort: What trouble.
        plan: What the hub does at the next chance.
        stray: Make something with the hub's label and the user's name that nobody is there for.
    """
    make: Mapping[Trouble, Callable[[], None]] = {
        Trouble.STRAY: lambda: stray(user),
        Trouble.ENDED: lambda: subject.clear(user),
        Trouble.WISH: lambda: _wish(subject.hub, user),
        Trouble.UNHELD: lambda: _forget(subject.hub, user),
    }
    _while_frozen(subject.hub, plan, subject.folder, make[sort])


def _while_frozen(hub: Hub, plan: Plan, folder: Path, what: Callable[[], None]) -> None:
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
