"""What is told of a server that has ended by itself, and by whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.ledger.ledger_samples import lease as sample

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger import ending
from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.spawner.farewell import tell_of_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease

RUNNING = replace(sample(), state=State.RUNNING, child={"object_id": "4f1e"})


@dataclass
class Why:
    """An inventory that answers, fails or hangs."""

    answer: str | BaseException | None = "It ate too much."
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def why(self, name: str, child: Mapping[str, Any], since: datetime | None) -> str:
        del since
        self.asked.append((name, child["object_id"]))
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return str(self.answer)


def watch(inventory: object) -> Any:
    return SimpleNamespace(inventory=inventory)


async def test_the_reason_stands_behind_the_text() -> None:
    why = Why()
    text = await ending.explained(ending.ended(137), RUNNING, watch(why))
    assert text == "Your server has ended by itself, with status 137. It ate too much."
    assert why.asked == [(RUNNING.name, "4f1e")]


@pytest.mark.parametrize("answer", ["", OSError("away"), SystemExit(1), None])
async def test_without_a_reason_the_text_is_told(
    answer: str | BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_SECONDS", 0.01)
    text = await ending.explained(ending.ended(None), RUNNING, watch(Why(answer)))
    assert text == "Your server has ended by itself."


@pytest.mark.parametrize("looks", [None, watch(object())])
async def test_nobody_is_asked_who_does_not_know(looks: Any) -> None:
    assert await ending.explained(ending.GONE, RUNNING, looks) == ending.GONE


@dataclass
class Desk:
    """The ledger of one lease, and who is told."""

    lease: Lease | LedgerError | None
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger, self.told = self, self
        self.watches = {RUNNING.target: watch(Why())}

    async def get(self, _: str) -> Lease | None:
        if isinstance(self.lease, LedgerError):
            raise self.lease
        return self.lease

    def ended(self, _: Lease, text: str) -> None:
        self.texts.append(text)


async def told(desk: Desk, code: int | None = None) -> list[str]:
    await tell_of_end(desk, RUNNING, Observation(Phase.GONE, exit_code=code))  # type: ignore[arg-type]
    return desk.texts


async def test_who_notices_first_tells() -> None:
    assert await told(Desk(RUNNING)) == [f"{ending.GONE} It ate too much."]
    assert await told(Desk(RUNNING), 9) == [f"{ending.ended(9)} It ate too much."]
    unknown = replace(RUNNING, state=State.UNKNOWN)
    assert len(await told(Desk(unknown))) == 1


@pytest.mark.parametrize("state", [State.STOPPING, State.KEPT, State.GONE])
async def test_what_was_stopped_or_told_of_is_not_told_again(state: State) -> None:
    assert await told(Desk(replace(RUNNING, state=state))) == []


async def test_a_ledger_that_cannot_be_read_ends_nothing() -> None:
    assert await told(Desk(LedgerError("it is damaged"))) == []
    assert await told(Desk(None)) == []
