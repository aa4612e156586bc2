"""One listing for all, and what it takes to call something gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.targets.watch_world import (
    DEADLINE,
    NOON,
    Engine,
    NamedEngine,
    Stage,
    staged,
    watch_of,
)

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.core.observation import Phase

BROKEN = ConnectionError(
    "500 at https://ann:hunter22@engine.example/v1/list?token=0123456789abcdef"
)


def phase(stage: Stage, name: str = "ann", since: Any = NOON) -> Phase:
    return stage.watch.observe(name, since).phase


def detail(stage: Stage, name: str = "ann", since: Any = NOON) -> str:
    return stage.watch.observe(name, since).detail


# --- one listing for all --------------------------------------------------------------------------


def test_one_call_an_interval_for_everybody() -> None:
    async def play(stage: Stage) -> None:
        assert stage.watch.latest is None
        assert detail(stage) == "lab: not asked yet"
        stage.engine.make(*(f"user-{number}" for number in range(1000)))
        await stage.round()
        assert (stage.engine.lists, stage.engine.sources) == (1, 1)
        for _ in range(5):
            await stage.wait()
            sweeps = await asyncio.gather(*(stage.watch.sweep() for _ in range(20)))
            assert len(set(map(id, sweeps))) == 1
            assert sweeps[0] is stage.watch.latest
            for number in range(1000):
                assert phase(stage, f"user-{number}") is Phase.RUNNING
        assert (stage.engine.lists, stage.engine.sources) == (6, 1)

    staged(play)


def test_who_stops_waiting_does_not_end_it_for_the_others() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.trouble = "hang"
        first = asyncio.create_task(stage.watch.sweep())
        second = asyncio.create_task(stage.watch.sweep())
        await stage.wait(1)
        first.cancel()
        stage.engine.trouble = ""
        stage.engine.freed.set()
        assert (await second).succeeded
        assert stage.engine.lists == 1
        await asyncio.gather(first, return_exceptions=True)

    staged(play)


def test_a_hanging_target_is_bounded_and_asked_once() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        begin = stage.clock.elapsed()
        sweep = await stage.round("hang", seconds=0)
        assert stage.clock.elapsed() - begin == DEADLINE
        assert sweep.reason == "no answer within 5 seconds"
        assert not sweep.succeeded
        assert not sweep.trusted
        for _ in range(5):
            sweep = await stage.round("hang")
            assert sweep.reason.startswith("the answer to the question of 2026-03-01 12:00:10 UTC")
        # No second one was begun, and waiting for it is no failure of its own.
        assert stage.engine.lists == 2
        assert stage.watch.health.failures == 1
        stage.engine.trouble = ""
        stage.engine.freed.set()
        assert (await stage.round()).succeeded
        assert phase(stage) is Phase.RUNNING

    staged(play)


def test_a_list_that_never_ends_is_given_up_once() -> None:
    async def play(stage: Stage) -> None:
        await stage.round("hang")
        await stage.wait(400)
        assert (await stage.round("")).succeeded
        assert stage.engine.lists == 2

    staged(play)


def test_a_slow_target_hinders_no_other() -> None:
    async def play(stage: Stage) -> None:
        other = Engine()
        other.make("ben")
        watch = watch_of(other, stage.clock, "other")
        stage.engine.trouble = "hang"
        slow = asyncio.create_task(stage.watch.sweep())
        for _ in range(4):
            await stage.wait(1)
            assert (await watch.sweep()).succeeded
        assert not slow.done()
        assert watch.observe("ben", NOON).phase is Phase.RUNNING
        assert not (await slow).succeeded

    staged(play)


def test_a_watch_that_is_closed_leaves_nothing_behind() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.trouble = "hang"
        waiting = asyncio.create_task(stage.watch.sweep())
        await stage.wait(1)
        await stage.watch.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(asyncio.all_tasks()) == 1

    staged(play)


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [BROKEN, SystemExit(3), asyncio.CancelledError(), ValueError(""), OSError(24, "too many")],
)
def test_a_failure_is_a_failed_sweep_with_a_reason_and_no_secret(trouble: BaseException) -> None:
    async def play(stage: Stage) -> None:
        sweep = await stage.round(trouble)
        assert not sweep.succeeded
        assert "hunter22" not in sweep.reason
        assert "0123456789abcdef" not in sweep.reason
        assert sweep.resources == {}
        assert sweep.reason in detail(stage)
        assert phase(stage) is Phase.UNKNOWN

    staged(play)


@pytest.mark.parametrize("answer", [None, {}, "text", ["ann"], 7])
def test_what_is_no_list_of_resources_is_a_failure(answer: Any) -> None:
    class Odd(Engine):
        async def owned(self) -> Any:
            return answer

    async def play(stage: Stage) -> None:
        assert "a list of resources was expected" in (await stage.round()).reason

    staged(play, Odd())


def test_one_lost_call_changes_nothing_and_many_are_unknown_never_gone() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        await stage.round(BROKEN)
        assert phase(stage) is Phase.RUNNING
        assert phase(stage, "ben") is Phase.UNKNOWN
        health = stage.watch.health
        assert (health.failures, health.next_try) == (1, None)
        assert health.since == NOON + timedelta(seconds=20)
        assert health.observed == NOON + timedelta(seconds=10)
        for _ in range(60):
            await stage.round(BROKEN)
            await stage.wait(60)
            assert phase(stage) is Phase.UNKNOWN
        assert detail(stage).startswith("lab cannot be asked since 2026-03-01 12:00:20 UTC: Conn")
        assert stage.watch.health.since == NOON + timedelta(seconds=20)
        await stage.wait(400)
        assert (await stage.round()).succeeded
        assert phase(stage) is Phase.RUNNING
        assert stage.watch.health.since is None

    staged(play)


def test_while_the_breaker_is_open_it_answers_at_once_and_asks_nobody() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(3):
            await stage.round(BROKEN, seconds=0.1)
        health = stage.watch.health
        assert health.failures == stage.engine.lists == 3
        assert health.next_try is not None
        begin = stage.clock.elapsed()
        sweep = await stage.watch.sweep()
        assert not sweep.succeeded
        assert sweep.reason.startswith("ConnectionError")
        assert stage.clock.elapsed() == begin
        assert stage.engine.lists == stage.watch.health.failures == 3
        await stage.round(BROKEN, seconds=2)
        assert stage.engine.lists == 4
        assert (await stage.round(seconds=4)).succeeded
        assert stage.watch.health.next_try is None

    staged(play)


def test_nothing_seen_for_long_is_unknown_without_any_failure() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        await stage.wait(29)
        assert phase(stage) is Phase.RUNNING
        await stage.wait(2)
        assert phase(stage) is Phase.UNKNOWN
        assert detail(stage) == "last seen in the list of 2026-03-01 12:00:10 UTC"

    staged(play)


# --- gone -----------------------------------------------------------------------------------------


def test_absent_in_two_lists_is_gone() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", "ben")
        await stage.round()
        del stage.engine.things["ann"]
        sweep = await stage.round()
        assert sweep.trusted
        assert detail(stage) == (
            "not in the list of 2026-03-01 12:00:20 UTC, which is the first without it"
        )
        await stage.round()
        assert phase(stage) is Phase.GONE
        assert phase(stage, "ben") is Phase.RUNNING
        # Each list without something was asked for by an engine that says who it is.
        assert (stage.engine.lists, stage.engine.sources) == (3, 3)
        # Nobody asks about it any more.
        await stage.round()
        await stage.round()
        assert (stage.engine.lists, stage.engine.sources) == (5, 4)

    staged(play)


def test_two_lists_within_a_second_are_one() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        stage.engine.things.clear()
        for _ in range(4):
            await stage.round(seconds=0.3)
            assert phase(stage) is Phase.UNKNOWN
        await stage.round(seconds=0.3)
        assert phase(stage) is Phase.GONE

    staged(play)


def test_lists_of_before_are_no_argument() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(3):
            await stage.round()
        since = stage.clock.now()
        assert detail(stage, since=since) == "lab: not looked at since it was started"
        await stage.round()
        assert phase(stage, since=since) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage, since=since) is Phase.GONE
        assert phase(stage, since=stage.clock.now()) is Phase.UNKNOWN

    staged(play)


def test_a_failure_between_two_lists_makes_them_none() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", "ben")
        await stage.round()
        del stage.engine.things["ann"]
        for _ in range(4):
            await stage.round()
            assert detail(stage).endswith("which is the first without it")
            await stage.round(BROKEN)
            assert phase(stage) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_two_good_lists_are_enough_whoever_asks_in_between() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        del stage.engine.things["ann"]
        stage.engine.make("ben")
        await stage.round()
        await stage.round(BROKEN)
        stage.engine.make("ann")
        await stage.round()
        del stage.engine.things["ann"]
        await stage.round()
        await stage.round(BROKEN)
        await stage.round()
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_what_comes_back_in_between_was_never_gone() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        for _ in range(4):
            await stage.round()
            assert phase(stage) is Phase.RUNNING
            await stage.round("empty")
            assert phase(stage) is Phase.UNKNOWN

    staged(play)


@pytest.mark.parametrize("left", [[], ["new"]])
def test_the_first_list_after_a_failure_that_lacks_all_is_not_trusted(left: list[str]) -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", "ben")
        await stage.round()
        await stage.round(BROKEN)
        stage.engine.things.clear()
        stage.engine.make(*left)
        sweep = await stage.round()
        assert sweep.succeeded
        assert not sweep.trusted
        assert "proves nothing: it is the first after a failure" in detail(stage)
        assert (await stage.round()).trusted
        assert phase(stage) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_what_has_ended_is_gone_at_once_with_its_code() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", alive=False, exit_code=137, detail="Exited (137)")
        await stage.round()
        found = stage.watch.observe("ann", NOON)
        assert (found.phase, found.exit_code, found.detail) == (Phase.GONE, 137, "Exited (137)")
        # It is started again: the list of before says nothing of that.
        assert phase(stage, since=stage.clock.now()) is Phase.UNKNOWN
        await stage.round(BROKEN)
        assert phase(stage) is Phase.UNKNOWN

    staged(play)


def test_what_does_not_say_whether_it_runs_is_unknown() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", alive=None, detail="Created")
        await stage.round()
        assert detail(stage) == "it is there, and not known to run: Created"

    staged(play)


def test_of_two_with_one_name_the_living_one_counts() -> None:
    class Twice(Engine):
        async def owned(self) -> Any:
            old = Resource(name="ann", user="ann", server="", alive=False)
            return (old, Resource(name="ann", user="ann", server=""), old)

    async def play(stage: Stage) -> None:
        await stage.round()
        assert phase(stage) is Phase.RUNNING

    staged(play, Twice())


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_decides_nothing(hours: int) -> None:
    async def play(stage: Stage) -> None:
        await stage.round()
        before = stage.clock.now()
        await stage.wait(1)
        stage.clock.moved += timedelta(hours=hours)
        for _ in range(2):
            assert phase(stage, since=before) is Phase.UNKNOWN
            await stage.round()
        assert phase(stage, since=before) is Phase.GONE
        after = stage.clock.now()
        assert phase(stage, since=after) is Phase.UNKNOWN
        await stage.round()
        stage.clock.moved -= timedelta(hours=hours)
        await stage.round(seconds=0.5)
        assert phase(stage, since=after) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage, since=after) is Phase.GONE

    staged(play)


def test_a_lease_of_a_process_whose_clock_was_ahead_is_told_all_the_same() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(2):
            await stage.round()
            assert phase(stage, since=NOON + timedelta(days=1)) is not Phase.RUNNING
        assert phase(stage, since=NOON + timedelta(days=1)) is Phase.GONE

    staged(play)


# --- which engine ---------------------------------------------------------------------------------


def test_another_engine_in_its_place_proves_nothing_of_what_was_there() -> None:
    async def play(stage: Stage) -> None:
        engine = stage.engine
        engine.make("ann")
        await stage.round()
        here, engine.things = engine.things, {}
        engine.id = "engine-b"
        assert not (await stage.round()).trusted
        for _ in range(5):
            await stage.round()
            assert detail(stage) == (
                "another engine answers (engine-b) than the one that it was made at (engine-a)"
            )
        assert stage.watch.source == "engine-b"
        # What is made at the new one is told by the new one.
        since = stage.clock.now()
        engine.make("ben")
        await stage.round()
        assert phase(stage, "ben", since) is Phase.RUNNING
        del engine.things["ben"]
        await stage.round()
        await stage.round()
        assert phase(stage, "ben", since) is Phase.GONE
        # And the old one is believed again when it is back.
        engine.id, engine.things = "engine-a", here
        await stage.round()
        assert phase(stage) is Phase.RUNNING
        here.clear()
        await stage.round()
        assert phase(stage) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_what_nobody_asks_about_any_more_costs_nothing() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        stage.engine.id, stage.engine.things = "engine-b", {}
        await stage.round()
        assert phase(stage) is Phase.UNKNOWN
        # A person has settled what became of it.
        await stage.round()
        before = stage.engine.sources
        for _ in range(5):
            await stage.round()
        assert stage.engine.sources == before

    staged(play)


def test_a_lease_knows_its_engine_over_a_restart_of_the_hub() -> None:
    async def play(stage: Stage) -> None:
        stage.watch.made_at("ann", "engine-before")
        stage.watch.made_at("ben", "engine-a")
        stage.watch.made_at("eve", "")
        for _ in range(3):
            await stage.round()
            assert "made at (engine-before)" in detail(stage)
        assert phase(stage, "ben") is Phase.GONE
        assert phase(stage, "eve") is Phase.GONE

    staged(play)


def test_what_a_lease_was_made_for_is_missed_in_the_very_first_lists() -> None:
    async def play(stage: Stage) -> None:
        stage.watch.made_at("ann", "engine-a")
        await stage.round()
        stage.engine.id = "engine-b"
        await stage.round()
        assert "another engine answers" in detail(stage)

    staged(play)


def test_an_engine_that_cannot_say_who_it_is_proves_no_absence() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", "ben")
        await stage.round()
        del stage.engine.things["ann"]
        stage.engine.mute = OSError("no such page")
        for _ in range(3):
            sweep = await stage.round()
            assert sweep.succeeded
            assert not sweep.trusted
            assert phase(stage, "ben") is Phase.RUNNING
            assert "which engine gave it is not known: OSError: no such page" in detail(stage)
        stage.engine.mute = None
        await stage.round()
        assert phase(stage) is Phase.UNKNOWN
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_what_has_ended_is_believed_of_the_engine_that_it_was_made_at_alone() -> None:
    async def play(stage: Stage) -> None:
        engine = stage.engine
        engine.make("ann", alive=True)
        await stage.round()
        asked = engine.sources
        await stage.round()
        assert engine.sources == asked
        # Another engine has something of the same name, which has ended there.
        engine.id, engine.things = "engine-b", {}
        engine.make("ann", alive=False)
        for _ in range(3):
            await stage.round()
            assert detail(stage) == "another engine answers than engine-a"
        engine.id = "engine-a"
        await stage.round()
        assert phase(stage) is Phase.GONE
        asked = engine.sources
        await stage.round()
        assert (engine.sources, phase(stage)) == (asked, Phase.GONE)

    staged(play)


def test_what_has_ended_is_not_believed_while_the_engine_cannot_say_who_it_is() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", alive=True)
        await stage.round()
        stage.engine.mute = OSError("no such page")
        stage.engine.make("ann", alive=False)
        for _ in range(3):
            await stage.round()
            assert "an engine of which nobody knows: OSError: no such page" in detail(stage)
        stage.engine.mute = None
        await stage.round()
        assert phase(stage) is Phase.GONE

    staged(play)


def test_what_is_listed_knows_its_engine_from_the_first_list_on() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", handle={"id": "1", "engine": ""})
        sweep = await stage.round()
        assert sweep.resources["ann"].handle == {"id": "1", "engine": "engine-a"}

    staged(play)


def test_a_name_whose_label_changes_is_asked_about() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann", alive=True, lease="a1")
        await stage.round()
        asked = stage.engine.sources
        stage.engine.id = "engine-b"
        stage.engine.make("ann", alive=True, lease="b2")
        await stage.round()
        assert stage.engine.sources == asked + 1
        assert stage.watch.source == "engine-b"

    staged(play)


def test_what_was_never_listed_needs_an_engine_that_says_who_it_is() -> None:
    async def play(stage: Stage) -> None:
        await stage.round()
        since = stage.clock.now()
        await stage.round()
        await stage.round()
        assert "which engine gave it was not asked" in detail(stage, since=since)
        await stage.round()
        assert phase(stage, since=since) is Phase.GONE

    staged(play)


def test_an_inventory_without_an_identity_is_believed() -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        stage.watch.made_at("ann", "whatever")
        await stage.round()
        stage.engine.things.clear()
        await stage.round()
        await stage.round()
        assert phase(stage) is Phase.GONE
        assert stage.watch.source == ""

    staged(play, Engine())


def test_the_engine_that_is_not_asked_twice_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def play(stage: Stage) -> None:
        stage.engine.make("ann")
        await stage.round()
        stage.engine.id, stage.engine.things = "engine-b", {}
        await stage.round()
        await stage.round(BROKEN)
        await stage.round(BROKEN)
        await stage.round()

    staged(play, NamedEngine())
    words = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(words) == 2
    assert "another engine answers (engine-b) than before (engine-a)" in words[0]
    assert words[1].startswith("target lab cannot be asked: ConnectionError: 500 at https://***@")
