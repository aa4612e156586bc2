"""The ledger on a real PostgreSQL: what holds on SQLite holds here, and what is its own.

The first part are the very tests of ``tests/unit/ledger``, with a database of a server as their
ledger.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import text
from tests.conftest import lacking
from tests.unit.ledger import test_store_processes as processes
from tests.unit.ledger.ledger_samples import BEGIN, HUB, HandClock, lease
from tests.unit.ledger.test_store import (  # noqa: F401 - collected here once more
    test_a_clock_set_back_makes_no_negative_duration,
    test_a_lease_comes_back_as_it_was_written,
    test_a_lease_of_another_hub_is_refused,
    test_a_renamed_server_takes_its_leases_along,
    test_an_id_is_given_once,
    test_an_illegal_move_writes_nothing,
    test_counts,
    test_durations_of_starts,
    test_history_is_what_is_gone_the_latest_first,
    test_moves_are_written_with_their_events,
    test_notes_change_no_state_and_leave_no_event,
    test_only_the_first_of_two_changes_counts,
    test_pruning_deletes_what_was_gone_before,
    test_remarks,
    test_texts_of_others_are_kept_whatever_is_in_them,
    test_the_last_attempt_counts_what_is_gone,
    test_threads_take_turns_and_nothing_is_lost,
    test_times_of_other_zones_are_the_same_moments,
    test_what_is_active,
    test_what_is_no_plain_json_is_refused_and_nothing_is_written,
    test_what_was_removed_meanwhile_is_stale_as_well,
    test_whether_it_is_fresh,
)
from tests.unit.ledger.test_store_processes import (  # noqa: F401 - collected here once more
    test_a_first_start_killed_in_the_middle_is_gone_on_with,
    test_a_writer_killed_within_a_transaction_leaves_nothing_of_it,
    test_two_processes_make_it_at_once,
    test_two_processes_write_at_once_and_nothing_is_lost,
    test_what_was_committed_survives_the_writer,
)

from engines.postgresql import server as postgresql
from engines.postgresql.server import PostgresServer
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.migrations import MIGRATIONS
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

NUMBERS: Final = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := lacking("engine") or postgresql.lacking():
        pytest.skip(reason)
    with PostgresServer() as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"ledger{next(NUMBERS)}"


@pytest.fixture
def url(server: PostgresServer, name: str) -> str:
    return server.database(name)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(url: str, clock: HandClock) -> Iterator[Ledger]:
    with closing(Ledger.open(url, HUB, clock)) as found:
        yield found


def test_hubs_share_a_database_and_see_nothing_of_each_other(url: str, clock: HandClock) -> None:
    with (
        closing(Ledger.open(url, HUB, clock)) as one,
        closing(Ledger.open(url, "hub-two", clock)) as two,
    ):
        ours = one.add(lease("ann"))
        clock.tick()
        # The same id: what is random may be the same once.
        theirs = two.add(lease("ann", id=ours.id, hub="hub-two", attempt=5))
        assert one.active() == one.of_server("ann", "") == [ours]
        assert two.active() == [theirs]
        assert (one.last_attempt("ann", ""), two.last_attempt("ann", "")) == (1, 5)
        two.rename("ann", "", "new")
        one.remember("key", "one")
        assert two.recall("key") is None
        moved = one.move(ours, Cause.WITHDRAW)
        assert one.get(ours.id) == one.history()[0] == moved
        assert two.history() == []
        assert len(two.events(ours.id)) == 1
        assert two.prune(clock.tick()) == 0
        assert one.prune(clock.now()) == 1
        assert sum(two.counts().values()) == 1
    with closing(Ledger.open(url, "hub-three", clock)) as three:
        assert three.fresh
        assert three.born == clock.now()


def test_without_making_a_hub_that_never_ran_has_none(ledger: Ledger, url: str) -> None:
    with pytest.raises(LedgerError, match="Hub hub-two has no ledger at"):
        Ledger.open(url, "hub-two", HandClock(), make=False)


def test_the_hubs_own_tables_may_be_in_the_same_database(
    server: PostgresServer, url: str, name: str
) -> None:
    server.execute("CREATE TABLE users (name TEXT)", name)
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        ledger.add(lease())
    server.execute("SELECT * FROM users", name)


def test_a_ledger_without_its_version_is_damaged(
    ledger: Ledger, server: PostgresServer, url: str, name: str
) -> None:
    server.execute("DROP TABLE anywhere_meta", name)
    with pytest.raises(LedgerError, match="is no ledger, or is damaged"):
        Ledger.open(url, HUB, HandClock())


def test_tables_that_were_dropped_are_no_empty_tables(
    ledger: Ledger, server: PostgresServer, name: str
) -> None:
    server.execute("DROP TABLE anywhere_leases CASCADE", name)
    with pytest.raises(LedgerError, match="its tables are missing"):
        ledger.active()
    with pytest.raises(LedgerError, match="its tables are missing"):
        ledger.add(lease())


def test_what_can_only_be_read(server: PostgresServer, url: str, name: str) -> None:
    with closing(Ledger.open(url, HUB, HandClock())) as ledger:
        added = ledger.add(lease())
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with closing(Ledger.open(url, HUB, HandClock(), make=False)) as ledger:
        assert ledger.active() == [added]
        with pytest.raises(LedgerError, match="it can only be read"):
            ledger.move(added, Cause.LAUNCH)
    with pytest.raises(LedgerError, match="it can only be read"):
        Ledger.open(url, HUB, HandClock())


def test_an_account_without_rights(server: PostgresServer, url: str, name: str) -> None:
    Ledger.open(url, HUB, HandClock()).close()
    server.execute(f"CREATE ROLE guest_{name} LOGIN")
    with pytest.raises(LedgerError, match="this account may not use them"):
        Ledger.open(url.replace("anywhere@", f"guest_{name}@"), HUB, HandClock())


def test_a_server_that_is_killed_raises_and_is_found_again(
    server: PostgresServer, ledger: Ledger
) -> None:
    added = ledger.add(lease())
    server.kill()
    try:
        for ask in (ledger.active, ledger.counts, lambda: ledger.move(added, Cause.LAUNCH)):
            with pytest.raises(LedgerError, match="database server") as found:
                ask()
            assert "hub.ledger.url" in found.value.hint
    finally:
        server.start()
    assert ledger.active() == [added]
    assert ledger.move(added, Cause.LAUNCH).version == 1


def test_a_server_that_ends_orderly_is_found_again(server: PostgresServer, ledger: Ledger) -> None:
    added = ledger.add(lease())
    server.stop()
    server.start()
    assert ledger.active() == [added]


def test_a_password_is_never_told(server: PostgresServer) -> None:
    url = server.url("nowhere").replace("anywhere@", "anywhere:s3cret@")
    with pytest.raises(LedgerError, match="nowhere") as found:
        Ledger.open(url, HUB, HandClock())
    assert "s3cret" not in str(found.value)


def test_many_open_it_for_the_first_time_at_once(url: str) -> None:
    problems: list[Exception] = []
    together = threading.Barrier(6)

    def work(number: int) -> None:
        try:
            together.wait()
            with closing(Ledger.open(url, f"hub-{number % 2}", HandClock())) as ledger:
                ledger.add(lease(hub=f"hub-{number % 2}"))
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    for hub in ("hub-0", "hub-1"):
        with closing(Ledger.open(url, hub, HandClock(), make=False)) as ledger:
            assert len(ledger.active()) == 3


# --- migrations ----------------------------------------------------------------------------------


def add_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE anywhere_leases ADD COLUMN colour TEXT DEFAULT 'red'"))


def fail(connection: Connection) -> None:
    add_column(connection)
    connection.execute(text("SELECT * FROM nothing_of_this_name"))


TWO: Final = (*MIGRATIONS, add_column)
KILLED: Final = (
    processes.HEAD
    + """
from tests.engines.test_ledger_postgresql import add_column

def half(connection):
    add_column(connection)
    die()

store.Ledger.open(url, HUB, SystemClock(), steps=(*migrations.MIGRATIONS, half))
"""
)


def tables(ledger: Ledger) -> set[str]:
    with ledger._database.read() as connection:
        ask = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return set(connection.execute(ask).scalars())


def test_an_older_ledger_is_copied_and_brought_up_to_date(url: str, clock: HandClock) -> None:
    with closing(Ledger.open(url, HUB, clock)) as ledger:
        added = ledger.add(lease())
        before = tables(ledger)
    for _ in range(2):
        with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
            assert ledger.active() == [added]
            assert (ledger.born, ledger.fresh) == (BEGIN, False)
            assert tables(ledger) == before | {f"{name}_v1" for name in before}
    with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
        ledger.move(added, Cause.LAUNCH)
        with ledger._database.read() as connection:
            ask = text("SELECT version FROM anywhere_leases_v1")
            assert connection.execute(ask).scalar_one() == 0
    with pytest.raises(LedgerError, match="newer version"):
        Ledger.open(url, HUB, clock)


def test_a_migration_that_fails_changes_nothing(url: str, clock: HandClock) -> None:
    with closing(Ledger.open(url, HUB, clock)) as ledger:
        added = ledger.add(lease())
        before = tables(ledger)
        with pytest.raises(LedgerError, match="tables are missing"):
            Ledger.open(url, HUB, clock, steps=(*MIGRATIONS, fail))
        assert tables(ledger) == before
        assert ledger.active() == [added]
    with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
        assert ledger.active() == [added]


def test_killed_in_the_middle_the_next_start_goes_on(url: str, clock: HandClock) -> None:
    with closing(Ledger.open(url, HUB, clock)) as ledger:
        added = ledger.add(lease())
    with processes.start(KILLED, url) as process:
        process.communicate(timeout=60)
    assert process.returncode == -9
    with closing(Ledger.open(url, HUB, clock, steps=TWO)) as ledger:
        assert ledger.active() == [added]
