"""Several processes on one ledger, and some that are killed in the middle of it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest
from tests.unit.ledger.ledger_samples import HUB, HandClock, lease

from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.ledger.store import Ledger

ROOT: Final = Path(__file__).parents[3]
ROUNDS: Final = 12

HEAD: Final = """
import os, signal, sys
from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger import migrations, store
from jupyterhub_anywhere.ledger.errors import StaleError
from jupyterhub_anywhere.ledger.states import Cause
from tests.unit.ledger.ledger_samples import HUB, lease

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

url, user = sys.argv[1:]
"""
OPEN: Final = "ledger = store.Ledger.open(url, HUB, SystemClock())\n"
HAMMER: Final = (
    HEAD
    + OPEN
    + f"""
wins = 0
for _ in range({ROUNDS}):
    added = ledger.add(lease(user))
    ledger.move(ledger.move(added, Cause.LAUNCH), Cause.STARTED)
    shared, = ledger.of_server("shared", "")
    try:
        ledger.note(shared, tries=shared.tries + 1)
        wins += 1
    except StaleError:
        pass
ledger.close()
print(wins)
"""
)
WRITE_FOR_EVER: Final = (
    HEAD
    + OPEN
    + """
while True:
    added = ledger.add(lease(user))
    print(added.id, "wanted", flush=True)
    added = ledger.move(added, Cause.LAUNCH)
    print(added.id, "starting", flush=True)
"""
)
DIE_IN_ADD: Final = HEAD + OPEN + "store._record = die\nledger.add(lease(user))\n"
DIE_IN_MOVE: Final = (
    HEAD
    + OPEN
    + ("added = ledger.add(lease(user))\nstore._record = die\nledger.move(added, Cause.LAUNCH)\n")
)
DIE_BEFORE_THE_FIRST_ROW: Final = HEAD + "migrations._give_birth = die\n" + OPEN


def start(script: str, url: str, user: str = "ann") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, url, user]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def run(script: str, url: str, user: str = "ann") -> int:
    with start(script, url, user) as process:
        process.communicate(timeout=60)
    return process.returncode


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


def states(url: str) -> dict[str, State]:
    """What the ledger says, once it was found whole."""
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        return {each.id: each.state for each in ledger.active()}


def test_two_processes_write_at_once_and_nothing_is_lost(url: str) -> None:
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        ledger.add(lease("shared"))
        with start(HAMMER, url, "ann") as one, start(HAMMER, url, "bob") as two:
            wins = [int(process.communicate(timeout=120)[0]) for process in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0)
        for user in ("ann", "bob"):
            assert [each.state for each in ledger.active(user=user)] == [State.RUNNING] * ROUNDS
        (shared,) = ledger.of_server("shared", "")
        assert shared.tries == shared.version == sum(wins) > 0


def test_two_processes_make_it_at_once(url: str) -> None:
    script = HEAD + OPEN + "ledger.add(lease(user)); ledger.close()\n"
    with start(script, url, "ann") as one, start(script, url, "bob") as two:
        for process in (one, two):
            process.communicate(timeout=60)
    assert (one.returncode, two.returncode) == (0, 0)
    assert len(states(url)) == 2


def test_what_was_committed_survives_the_writer(url: str) -> None:
    promised: dict[str, str] = {}
    for _ in range(3):
        with start(WRITE_FOR_EVER, url) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(7)]
            process.kill()
            lines += process.stdout.readlines()
        for line in lines:
            with suppress(ValueError):  # The last line may be cut off.
                lease_id, state = line.split()
                promised[lease_id] = state
        found = states(url)
        for lease_id, state in promised.items():
            # What followed the promise may have been written as well, before it was told.
            assert found[lease_id] in {State(state), State.STARTING}
        assert len(promised) <= len(found) <= len(promised) + 3


def test_a_writer_killed_within_a_transaction_leaves_nothing_of_it(url: str) -> None:
    assert run(DIE_IN_ADD, url) == -9
    assert states(url) == {}
    assert run(DIE_IN_MOVE, url) == -9
    (state,) = states(url).values()
    assert state is State.WANTED
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        (left,) = ledger.active()
        assert len(ledger.events(left.id)) == 1
        assert ledger.move(left, Cause.LAUNCH).state is State.STARTING


def test_a_first_start_killed_in_the_middle_is_gone_on_with(url: str) -> None:
    assert run(DIE_BEFORE_THE_FIRST_ROW, url) == -9
    clock = HandClock()
    with closing(Ledger.open(url, HUB, clock)) as ledger:
        assert ledger.fresh
        assert ledger.born == clock.now()
