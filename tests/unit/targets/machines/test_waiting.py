"""Who waits for a machine: one redemption, whatever comes at the same time."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.targets.machines import tickets
from jupyterhub_anywhere.targets.machines import waiting as module
from jupyterhub_anywhere.targets.machines.tickets import Limits, Reason, Record, Refusal
from jupyterhub_anywhere.targets.machines.waiting import Caller, JobRefusedError, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Caller("10.0.0.7", {})
SECRET = "A" * 43
CREDENTIAL = f"lease1.{SECRET}"


class StandingClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def elapsed(self) -> float:
        return self.at.timestamp()


class Start:
    """A start, as a spawner has it."""

    def __init__(self, record: Record | None) -> None:
        self.record = record
        self.credential: Record | None = None
        self.refusals: list[tuple[Refusal, str]] = []
        self.callers: list[Caller] = []
        self.go = asyncio.Event()
        self.go.set()
        self.called = asyncio.Event()
        self.no = ""

    @property
    def whose(self) -> str:
        return "ann:lab"

    async def redeemed(self, caller: Caller) -> Mapping[str, Any]:
        self.callers.append(caller)
        self.called.set()
        await self.go.wait()
        if self.no:
            raise JobRefusedError(self.no)
        return {"cmd": ["x"]}

    async def reported(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"lease": "held"}

    def refused(self, refusal: Refusal, address: str) -> None:
        self.refusals.append((refusal, address))


Pair = tuple[str, Start]


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def waiting(clock: StandingClock) -> Waiting:
    return Waiting(clock, Limits(by_address=3, by_key=10))


@pytest.fixture
def ticket_and_start(waiting: Waiting, clock: StandingClock) -> Pair:
    text, record = tickets.issue("lease1", clock.now().timestamp(), 300)
    start = Start(record)
    waiting.expect("lease1", start)
    return text, start


async def test_a_ticket_becomes_a_job_once(waiting: Waiting, ticket_and_start: Pair) -> None:
    text, start = ticket_and_start
    assert await waiting.redeem(text, SECRET, HERE) == {"cmd": ["x"]}
    assert start.record is not None
    assert start.record.used is not None
    assert waiting.admit(CREDENTIAL, HERE.address) == ("lease1", start)
    again = await waiting.redeem(text, "B" * 43, HERE)
    assert again == Refusal(Reason.USED, "lease1")
    # The second one has not taken the machine over.
    assert waiting.admit(CREDENTIAL, HERE.address) == ("lease1", start)
    assert start.refusals == [(again, "10.0.0.7")]


async def test_of_many_at_the_same_time_one_gets_it(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    text, start = ticket_and_start
    start.go.clear()
    tries = [asyncio.ensure_future(waiting.redeem(text, each * 43, HERE)) for each in "ABC"]
    await start.called.wait()
    start.go.set()
    found = await asyncio.gather(*tries)
    assert [isinstance(each, Refusal) for each in found].count(False) == 1
    assert len(start.callers) == 1


async def test_a_redemption_that_fails_has_used_the_ticket_up(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    text, start = ticket_and_start
    start.no = "too old"
    with pytest.raises(JobRefusedError, match="too old"):
        await waiting.redeem(text, SECRET, HERE)
    assert await waiting.redeem(text, "B" * 43, HERE) == Refusal(Reason.USED, "lease1")


async def test_after_the_end_nothing_opens(
    waiting: Waiting, ticket_and_start: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    text, start = ticket_and_start
    await waiting.redeem(text, SECRET, HERE)
    waiting.forget("lease1", Start(None))
    assert waiting.found("lease1") is start
    waiting.forget("lease1", start)
    waiting.forget("lease1")
    with caplog.at_level("INFO"):
        assert await waiting.redeem(text, SECRET, HERE) == Refusal(Reason.STOPPED, "lease1")
        assert waiting.admit(CREDENTIAL, HERE.address) == Refusal(Reason.STOPPED, "lease1")
    # That is what a machine says until it is off: nobody need look into it.
    assert {each.levelname for each in caplog.records} == {"INFO"}
    assert "stopped (ann:lab)" in caplog.text
    # Who does not know the secret learns nothing of it.
    wrong = waiting.admit(f"lease1.{'B' * 43}", HERE.address)
    assert wrong == Refusal(Reason.WRONG, "lease1")
    assert caplog.records[-1].levelname == "WARNING"
    assert start.refusals == []


async def test_one_that_is_waited_for_again_is_let_in(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    text, start = ticket_and_start
    await waiting.redeem(text, SECRET, HERE)
    waiting.forget("lease1", start)
    waiting.expect("lease1", start)
    assert waiting.admit(CREDENTIAL, HERE.address) == ("lease1", start)


async def test_of_the_past_so_much_is_kept(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    for number in range(5):
        waiting.expect(f"lease{number}", Start(None))
        waiting.forget(f"lease{number}")
    assert list(waiting._past) == ["lease2", "lease3", "lease4"]


async def test_an_hub_that_was_restarted_knows_no_start_that_was_under_way(
    waiting: Waiting, ticket_and_start: Pair, clock: StandingClock
) -> None:
    text, _ = ticket_and_start
    assert await Waiting(clock).redeem(text, SECRET, HERE) == Refusal(Reason.UNKNOWN, "lease1")


async def test_a_late_one_is_refused_by_the_clock(
    waiting: Waiting, ticket_and_start: Pair, clock: StandingClock
) -> None:
    text, _ = ticket_and_start
    clock.at += timedelta(seconds=300)
    assert await waiting.redeem(text, SECRET, HERE) == Refusal(Reason.LATE, "lease1")


async def test_refusals_are_counted_logged_and_told_to_who_waits(
    waiting: Waiting, ticket_and_start: Pair, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    text, start = ticket_and_start
    told: list[tuple[Refusal, str, str]] = []
    waiting.on_refusal(lambda *each: told.append(each))
    wrong, _ = tickets.issue("lease1", 0, 1)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await waiting.redeem(wrong, SECRET, HERE)
        many = await waiting.redeem(wrong, SECRET, HERE)
    assert many == Refusal(Reason.TOO_MANY, "lease1")
    assert [(each.reason, whose) for each, _, whose in told] == [
        *[("wrong", "ann:lab")] * 3,
        ("too-many", "ann:lab"),
    ]
    assert [each.reason for each, _ in start.refusals] == ["wrong"] * 3
    assert wrong.split(".")[2] not in caplog.text
    assert "10.0.0.7: wrong (ann:lab)" in caplog.text
    # After a minute they are looked at again.
    clock.at += timedelta(seconds=61)
    assert await waiting.redeem(wrong, SECRET, HERE) == Refusal(Reason.WRONG, "lease1")
    assert await waiting.redeem(text, SECRET, HERE) == {"cmd": ["x"]}


@pytest.mark.parametrize("text", [None, 7, "", "awt1..", "awt1.lease1.", "x" * 5000, CREDENTIAL])
async def test_garbage_is_refused(waiting: Waiting, ticket_and_start: Pair, text: object) -> None:
    assert await waiting.redeem(text, SECRET, HERE) == Refusal(Reason.UNKNOWN, "")


async def test_tries_of_a_credential_are_limited_too(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    text, start = ticket_and_start
    await waiting.redeem(text, SECRET, HERE)
    wrong = "lease1." + "B" * 43
    found = [waiting.admit(wrong, "10.9.9.9") for _ in range(4)]
    assert [isinstance(each, Refusal) and each.reason for each in found] == ["wrong"] * 3 + [
        "too-many"
    ]
    assert waiting.admit(CREDENTIAL, HERE.address) == ("lease1", start)


async def test_what_is_right_is_let_in_however_much_was_wrong(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    """Of two machines behind one address, the one cannot shut the other out."""
    text, start = ticket_and_start
    for _ in range(50):
        await waiting.redeem("awt1.lease1." + "B" * 43, SECRET, HERE)
        waiting.admit("lease1." + "B" * 43, HERE.address)
    assert await waiting.redeem(text, SECRET, HERE) == {"cmd": ["x"]}
    assert waiting.admit(CREDENTIAL, HERE.address) == ("lease1", start)


async def test_the_machine_itself_may_ask_again_where_the_answer_was_lost(
    waiting: Waiting, ticket_and_start: Pair
) -> None:
    text, start = ticket_and_start
    await waiting.redeem(text, SECRET, HERE)
    assert await waiting.redeem(text, SECRET, HERE) == {"cmd": ["x"]}
    assert [each.again for each in start.callers] == [False, True]
    # Somebody else cannot, from wherever, and nobody after the end.
    assert isinstance(await waiting.redeem(text, "B" * 43, HERE), Refusal)
    assert start.record is not None
    assert start.credential is not None
    start.record, start.credential = start.record.ended(), start.credential.ended()
    assert isinstance(await waiting.redeem(text, SECRET, HERE), Refusal)
