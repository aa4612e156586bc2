"""The ledger on SQLite: what is written is there, in order, once, and only this hub's."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.ledger_samples import BEGIN, HUB, HandClock, lease

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger.errors import DuplicateError, LedgerError, StaleError
from jupyterhub_anywhere.ledger.lease import Lease, Seen
from jupyterhub_anywhere.ledger.ports import PRUNED
from jupyterhub_anywhere.ledger.states import TABLE, Cause, IllegalTransitionError, State
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(url: str, clock: HandClock) -> Iterator[Ledger]:
    found = Ledger.open(url, HUB, clock)
    yield found
    found.close()


def full(**fields: Any) -> Lease:
    """A lease with something in every field."""
    seen = Seen(Phase.UNKNOWN, BEGIN, BEGIN - timedelta(hours=1), "the engine is away")
    return lease(
        "ann",
        "second",
        attempt=7,
        keeps=True,
        forever=True,
        definition="d3f",
        choice={"profile": "small", "options": {"memory": "2G", "nothing": None}},
        child={"container_id": "c0", "nested": [1, 2.5, {"ä": "\N{SNOWMAN}"}]},
        token=12,
        seen=seen,
        error="no route to host",
        tries=3,
        due=BEGIN + timedelta(microseconds=1),
        **fields,
    )


def run(ledger: Ledger, lease: Lease, *causes: Cause) -> Lease:
    for cause in causes:
        lease = ledger.move(lease, cause)
    return lease


def gone(ledger: Ledger, lease: Lease) -> Lease:
    return run(ledger, ledger.add(lease), Cause.WITHDRAW)


def test_a_lease_comes_back_as_it_was_written(ledger: Ledger, url: str, clock: HandClock) -> None:
    added = ledger.add(full())
    assert added.steps == {State.WANTED: clock.now()}
    assert ledger.get(added.id) == added
    other = Ledger.open(url, HUB, clock)
    with closing(other):
        assert other.active() == [added]
        found = other.active()[0]
    assert found.due is not None
    assert found.due.utcoffset() == timedelta(0), "times come back with their zone"


def test_times_of_other_zones_are_the_same_moments(ledger: Ledger) -> None:
    from zoneinfo import ZoneInfo

    local = BEGIN.astimezone(ZoneInfo("America/New_York"))
    added = ledger.add(lease(due=local))
    found = ledger.get(added.id)
    assert found is not None
    assert found.due == BEGIN
    with pytest.raises(LedgerError, match="without a zone"):
        ledger.add(lease(due=BEGIN.replace(tzinfo=None)))


def test_texts_of_others_are_kept_whatever_is_in_them(ledger: Ledger) -> None:
    added = ledger.add(lease())
    noted = ledger.note(added, error="a\0b\udc80" + "x" * 20_000)
    found = ledger.get(noted.id)
    assert found is not None
    assert len(found.error) == 10_000
    noted = ledger.note(noted, error="a\0b\udc80")
    found = ledger.get(noted.id)
    assert found is not None
    assert found.error == "a\\0b\\udc80"


def test_what_is_no_plain_json_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"this child of ann at here: .*not JSON serializable"):
        ledger.add(lease(child={"socket": object()}))
    with pytest.raises(LedgerError, match="this choice of ann"):
        ledger.add(lease(choice={"size": float("nan")}))
    assert ledger.active() == []


def test_an_id_is_given_once(ledger: Ledger) -> None:
    added = ledger.add(lease())
    with pytest.raises(DuplicateError, match=added.id):
        ledger.add(lease(id=added.id))
    assert ledger.active() == [added]


def test_a_lease_of_another_hub_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="hub-two"):
        ledger.add(lease(hub="hub-two"))


def test_moves_are_written_with_their_events(ledger: Ledger, clock: HandClock) -> None:
    added = ledger.add(lease())
    clock.tick(2)
    starting = ledger.move(added, Cause.LAUNCH, child={"pid": 3})
    clock.tick(3)
    failed = ledger.move(starting, Cause.FAIL, error="no image")
    assert ledger.get(added.id) == failed
    assert (failed.version, failed.child, failed.error) == (2, {"pid": 3}, "no image")
    events = ledger.events(added.id)
    assert [(each.before, each.after, each.cause) for each in events] == [
        (None, State.WANTED, ""),
        (State.WANTED, State.STARTING, "launch"),
        (State.STARTING, State.STOPPING, "fail"),
    ]
    assert [(each.at - BEGIN).total_seconds() for each in events] == [0, 2, 5]
    assert events[-1].error == "no image"
    assert ledger.events("unknown") == []


def test_an_illegal_move_writes_nothing(ledger: Ledger) -> None:
    added = ledger.add(lease())
    with pytest.raises(IllegalTransitionError):
        ledger.move(added, Cause.STARTED)
    assert ledger.get(added.id) == added
    assert len(ledger.events(added.id)) == 1


def test_only_the_first_of_two_changes_counts(ledger: Ledger) -> None:
    added = ledger.add(lease())
    launched = ledger.move(added, Cause.LAUNCH)
    with pytest.raises(StaleError, match="ann"):
        ledger.move(added, Cause.WITHDRAW)
    with pytest.raises(StaleError, match="ann"):
        ledger.note(added, error="late")
    assert ledger.get(added.id) == launched
    assert len(ledger.events(added.id)) == 2


def test_what_was_removed_meanwhile_is_stale_as_well(ledger: Ledger, clock: HandClock) -> None:
    ended = gone(ledger, lease())
    assert ledger.prune(clock.tick()) == 1
    with pytest.raises(StaleError, match="removed"):
        ledger.note(ended, error="late")


def test_notes_change_no_state_and_leave_no_event(ledger: Ledger, clock: HandClock) -> None:
    added = ledger.add(lease())
    seen = Seen(Phase.RUNNING, clock.now(), clock.now())
    noted = ledger.note(added, seen=seen, token=5, tries=1, due=clock.now(), name="other")
    assert (
        ledger.get(added.id)
        == noted
        == replace(added, seen=seen, token=5, tries=1, due=clock.now(), name="other", version=1)
    )
    assert len(ledger.events(added.id)) == 1
    assert ledger.note(noted, seen=None).seen is None


@pytest.mark.parametrize("field", ["id", "hub", "server", "state", "steps", "version"])
def test_what_makes_a_lease_that_lease_cannot_be_changed(ledger: Ledger, field: str) -> None:
    added = ledger.add(lease())
    with pytest.raises(TypeError, match=field):
        ledger.note(added, **{field: "x"})
    with pytest.raises(TypeError):
        ledger.move(added, Cause.LAUNCH, **{field: "x"})


def test_what_is_active(ledger: Ledger) -> None:
    first = ledger.add(lease("ann"))
    second = ledger.add(lease("bob", target="there"))
    kept = ledger.add(lease("ann", state=State.KEPT))
    third = ledger.add(lease("ann", "second", target="there"))
    gone(ledger, lease("ann"))
    assert ledger.active() == [first, second, kept, third], "oldest first"
    assert ledger.active(target="there") == [second, third]
    assert ledger.active(user="ann") == [first, kept, third]
    assert ledger.active(target="there", user="ann") == [third]
    assert ledger.of_server("ann", "") == [kept, first], "newest first"
    assert ledger.of_server("ann", "second") == [third]
    assert ledger.of_server("nobody", "") == []


def test_the_last_attempt_counts_what_is_gone(ledger: Ledger) -> None:
    assert ledger.last_attempt("ann", "") == 0
    gone(ledger, lease("ann", attempt=2))
    ledger.add(lease("ann", attempt=1))
    ledger.add(lease("ann", "second", attempt=9))
    assert ledger.last_attempt("ann", "") == 2
    assert ledger.last_attempt("ann", "second") == 9
    assert ledger.last_attempt("bob", "") == 0


def test_a_renamed_server_takes_its_leases_along(ledger: Ledger) -> None:
    active = ledger.add(lease("ann", "old", attempt=4))
    ended = gone(ledger, lease("ann", "old"))
    other = ledger.add(lease("bob", "old"))
    ledger.rename("ann", "old", "new")
    assert ledger.of_server("ann", "old") == []
    assert ledger.of_server("ann", "new") == [replace(active, server="new", version=1)]
    assert ledger.get(ended.id) == ended
    assert ledger.get(other.id) == other
    # A new server of the old name must not get the name of what runs for the renamed one.
    assert ledger.last_attempt("ann", "old") == ledger.last_attempt("ann", "new") == 4
    with pytest.raises(StaleError):
        ledger.move(active, Cause.LAUNCH)


def test_history_is_what_is_gone_the_latest_first(ledger: Ledger, clock: HandClock) -> None:
    ended = []
    for user in ("ann", "bob", "ann"):
        ended.append(gone(ledger, lease(user)))
        clock.tick()
    ledger.add(lease())
    assert ledger.history() == ended[::-1]
    assert ledger.history(limit=1) == ended[-1:]
    assert ledger.history(user="ann") == [ended[2], ended[0]]


def test_pruning_deletes_what_was_gone_before(ledger: Ledger, clock: HandClock) -> None:
    old = [gone(ledger, lease()) for _ in range(3)]
    running = run(ledger, ledger.add(lease()), Cause.LAUNCH, Cause.STARTED)
    day = clock.tick(86400)
    young = gone(ledger, lease())
    assert ledger.prune(day) == 3
    assert ledger.prune(day) == 0
    assert ledger.history() == [young]
    assert ledger.active() == [running], "what is not gone has no age"
    assert [ledger.events(each.id) for each in old] == [[], [], []]
    assert len(ledger.events(young.id)) == 2


def test_when_the_latest_of_those_was_gone_that_were_pruned_is_remembered(
    ledger: Ledger, clock: HandClock
) -> None:
    assert ledger.prune(clock.tick()) == 0
    assert ledger.recall(PRUNED) is None
    early = gone(ledger, lease())
    clock.tick()
    late = gone(ledger, lease())
    assert early.steps[State.GONE] < late.steps[State.GONE]
    assert ledger.prune(clock.tick()) == 2
    assert ledger.recall(PRUNED) == late.steps[State.GONE].isoformat()
    clock.tick(-86400)
    gone(ledger, lease())
    assert ledger.prune(clock.tick()) == 1
    assert ledger.recall(PRUNED) == late.steps[State.GONE].isoformat(), "a clock set back"


def test_more_than_one_bite_is_pruned(ledger: Ledger, clock: HandClock, url: str) -> None:
    ended = gone(ledger, lease())
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        names = [row[1] for row in database.execute("PRAGMA table_info(anywhere_leases)")]
        columns = ", ".join(name for name in names if name not in {"number", "id"})
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
            f" INSERT INTO anywhere_leases (id, {columns})"
            f" SELECT i, {columns} FROM anywhere_leases, n WHERE id = ?",
            (ended.id,),
        )
    assert ledger.prune(clock.tick()) == 1201


def test_durations_of_starts(ledger: Ledger, clock: HandClock) -> None:
    for seconds in (5.0, 7.25, 3.0):
        started = run(ledger, ledger.add(lease(choice={"profile": "small"})), Cause.LAUNCH)
        clock.tick(seconds)
        run(ledger, started, Cause.STARTED)
    # None of these says how long a start takes.
    run(ledger, ledger.add(lease(choice={"profile": "small"})), Cause.LAUNCH, Cause.FAIL)
    run(ledger, ledger.add(lease(choice={"profile": "small"})), Cause.LAUNCH, Cause.FOUND)
    run(ledger, ledger.add(lease(choice={"profile": 3})), Cause.LAUNCH, Cause.STARTED)
    assert ledger.durations(profile="small", target="here") == [3.0, 7.25, 5.0]
    assert ledger.durations(profile="small", target="here", limit=2) == [3.0, 7.25]
    assert ledger.durations(profile="small", target="there") == []


def test_a_clock_set_back_makes_no_negative_duration(ledger: Ledger, clock: HandClock) -> None:
    started = run(ledger, ledger.add(lease(choice={"profile": "small"})), Cause.LAUNCH)
    clock.tick(-3600)
    run(ledger, started, Cause.STARTED)
    assert ledger.durations(profile="small", target="here") == [0.0]


def test_counts(ledger: Ledger) -> None:
    ledger.add(lease())
    ledger.add(lease())
    ledger.add(lease(target="there", state=State.KEPT))
    gone(ledger, lease())
    assert ledger.counts() == {
        ("here", State.WANTED): 2,
        ("here", State.GONE): 1,
        ("there", State.KEPT): 1,
    }


def test_remarks(ledger: Ledger, url: str, clock: HandClock) -> None:
    assert ledger.recall("here.seen") is None
    ledger.remember("here.seen", "1")
    ledger.remember("here.seen", "2")
    with closing(Ledger.open(url, HUB, clock)) as other:
        assert other.recall("here.seen") == "2"


def test_whether_it_is_fresh(url: str, clock: HandClock) -> None:
    with closing(Ledger.open(url, HUB, clock)) as made:
        assert (made.fresh, made.born) == (True, BEGIN)
    clock.tick()
    with closing(Ledger.open(url, HUB, clock)) as untouched:
        assert (untouched.fresh, untouched.born) == (True, BEGIN)
        ended = gone(untouched, lease())
        assert untouched.fresh, "for as long as it is open"
    with closing(Ledger.open(url, HUB, clock)) as used:
        assert (used.fresh, used.born) == (False, BEGIN)
        assert used.prune(clock.tick()) == 1
        assert used.get(ended.id) is None
    with closing(Ledger.open(url, HUB, clock)) as pruned:
        assert not pruned.fresh, "an empty ledger that was used is not a new one"


def test_another_hub_does_not_get_it(ledger: Ledger, url: str, clock: HandClock) -> None:
    ledger.add(lease())
    for make in (True, False):
        with pytest.raises(
            LedgerError, match=r"is hub hub-one's, and this is hub hub-two"
        ) as found:
            Ledger.open(url, "hub-two", clock, make=make)
        assert "hub.id" in found.value.hint


def test_without_making_only_what_is_there_is_opened(
    url: str, file: Path, clock: HandClock
) -> None:
    with pytest.raises(LedgerError, match="There is no ledger at"):
        Ledger.open(url, HUB, clock, make=False)
    assert not file.exists()
    file.touch()
    with pytest.raises(LedgerError, match="has no ledger at"):
        Ledger.open(url, HUB, clock, make=False)
    with closing(Ledger.open(url, HUB, clock)) as made:
        added = made.add(lease())
    with closing(Ledger.open(url, HUB, clock, make=False)) as found:
        assert found.active() == [added]


def test_it_is_its_owners_alone(url: str, file: Path, clock: HandClock) -> None:
    before = os.umask(0)
    try:
        with closing(Ledger.open(url, HUB, clock)) as ledger:
            ledger.add(lease())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(
        ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"], 0o600
    )
    file.chmod(0o644)
    Ledger.open(url, HUB, clock).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_commit_is_on_the_disk(ledger: Ledger) -> None:
    with ledger._database.write() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA synchronous").scalar() == 2
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA busy_timeout").scalar() == 5000


def test_in_memory(clock: HandClock) -> None:
    with closing(Ledger.open("sqlite://", HUB, clock)) as ledger:
        added = ledger.add(lease())
        assert ledger.active() == [added]
        assert ledger.file is None


def test_threads_take_turns_and_nothing_is_lost(ledger: Ledger) -> None:
    shared = ledger.add(lease("shared"))
    wins: Counter[str] = Counter()
    problems: list[Exception] = []

    def work(user: str) -> None:
        try:
            for _ in range(10):
                run(ledger, ledger.add(lease(user)), Cause.LAUNCH, Cause.STARTED)
                current = ledger.get(shared.id)
                assert current is not None
                try:
                    ledger.note(current, tries=current.tries + 1)
                    wins[user] += 1
                except StaleError:
                    pass
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(f"user{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(ledger.active()) == 41
    last = ledger.get(shared.id)
    assert last is not None
    assert last.tries == last.version == wins.total() > 0


@given(st.lists(st.sampled_from(Cause), max_size=25))
def test_any_life_is_written_as_the_table_has_it(causes: list[Cause]) -> None:
    with closing(Ledger.open("sqlite://", HUB, HandClock())) as ledger:
        current = ledger.add(lease())
        way = [current.state]
        for cause in causes:
            try:
                current = ledger.move(current, cause)
                way.append(current.state)
            except IllegalTransitionError:
                assert (current.state, cause) not in TABLE
        assert ledger.get(current.id) == current
        assert [each.after for each in ledger.events(current.id)] == way
        assert (ledger.active() == []) == (current.state is State.GONE)
        assert len(ledger.active() + ledger.history()) == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM anywhere_leases WHERE hub = 'x' AND ended IS NULL ORDER BY number",
        "SELECT * FROM anywhere_leases WHERE hub = 'x' AND user_name = 'a' AND server = ''",
        "SELECT target, state, count(*) FROM anywhere_leases WHERE hub = 'x' GROUP BY 1, 2",
        "SELECT * FROM anywhere_leases WHERE hub = 'x' AND ended < 'y'",
        (
            "SELECT start_seconds FROM anywhere_leases WHERE hub = 'x' AND profile = 'p'"
            " AND target = 't' AND ran_at IS NOT NULL ORDER BY ran_at DESC LIMIT 50"
        ),
        "SELECT * FROM anywhere_events WHERE lease = 1",
    ],
)
def test_no_query_looks_at_every_row(ledger: Ledger, query: str) -> None:
    with ledger._database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    text = "; ".join(str(row[-1]) for row in plan)
    assert "USING INDEX" in text or "USING COVERING INDEX" in text
    assert "SCAN" not in text
    assert "TEMP B-TREE" not in text
