"""What a hub finds wrong with its ledger, made while it stands still."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Protocol

import yaml
from sqlalchemy import text

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.testing.faults.run import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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
    subject: Troubled,
    user: str,
    sort: Trouble,
    plan: Plan,
    stray: Callable[[str], None],
    *,
    end: Callable[[str], None] | None = None,
) -> None:
    """Make trouble, and write a plan, while the hub stands still; both at once for the hub.

    Args:
        subject: The hub, and what ends what runs for a user.
        user: Whose server.
        sort: What trouble.
        plan: What the hub does at the next chance.
        stray: Make something with the hub's label and the user's name that nobody is there for.
        end: Let the user's server end; default: nothing of it is left.
    """
    make: Mapping[Trouble, Callable[[], None]] = {
        Trouble.STRAY: lambda: stray(user),
        Trouble.ENDED: lambda: (end or subject.clear)(user),
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
        except LedgerError:
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


@contextlib.contextmanager
def _ledger(hub: Hub) -> Iterator[Ledger]:
    """The hub's ledger, wherever it is."""
    site = yaml.safe_load(hub.file.read_text("utf-8"))
    url = site["hub"].get("ledger", {}).get("url") or f"sqlite:///{hub.state.ledger}"
    with contextlib.closing(Ledger.open(url, hub.id, SystemClock(), make=False)) as ledger:
        yield ledger


def _wish(hub: Hub, user: str) -> None:
    """As a hub leaves it that dies as soon as the wish is written down."""
    with _ledger(hub) as ledger:
        for lease in ledger.active(user=user):
            ledger.move(lease, Cause.STOP)


def _forget(hub: Hub, user: str) -> None:
    forget = text("DELETE FROM anywhere_leases WHERE user_name = :user")
    with _ledger(hub) as ledger, ledger._database.write() as connection:
        connection.execute(forget, {"user": user})
